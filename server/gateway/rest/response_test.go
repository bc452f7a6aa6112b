package rest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server/gateway/rest"
)

// getting is one tool that gets /x.
func getting(change func(*rest.ToolOptions)) rest.Options {
	o := rest.ToolOptions{Name: "get", URL: "/x"}
	if change != nil {
		change(&o)
	}
	return rest.Options{Tools: []rest.ToolOptions{o}}
}

func body(kind, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		fmt.Fprint(w, text)
	}
}

// TestTrimming: pointer and fields choose the answer, whose bytes stay as they were.
func TestTrimming(t *testing.T) {
	const doc = `{"data": {"items": [{"id": 1.0, "name": "a", "owner": {"login": "x", "id": 7}},` +
		` {"id": 12345678901234567890, "big": [1]}], "a/b": {"~": "t"}}, "page": 2}`
	for _, c := range []struct {
		trim rest.Trim
		want string
	}{
		{rest.Trim{}, doc},
		{rest.Trim{Pointer: "/page"}, `2`},
		{rest.Trim{Pointer: "/data/items/1"}, `{"id": 12345678901234567890, "big": [1]}`},
		{rest.Trim{Pointer: "/data/a~1b/~0"}, `"t"`},
		{
			rest.Trim{Pointer: "/data/items", Fields: []string{"id"}},
			`[{"id":1.0},{"id":12345678901234567890}]`,
		},
		{
			rest.Trim{Fields: []string{"data.items.owner.login", "page"}},
			`{"data":{"items":[{"owner":{"login":"x"}},{}]},"page":2}`,
		},
		{rest.Trim{Fields: []string{"none"}}, `{}`},
	} {
		a := startAPI(t, getting(func(o *rest.ToolOptions) { o.Trim = c.trim }),
			body("application/json", doc))
		if r := a.must("get", `{}`); r.IsError || r.text() != c.want ||
			r.StructuredContent != nil {
			t.Errorf("%+v: got %+v\nwant %s", c.trim, r, c.want)
		}
	}
	a := startAPI(t, getting(func(o *rest.ToolOptions) { o.Pointer = "/data/none/x" }),
		body("application/json", doc))
	if r := a.must("get", `{}`); !r.IsError || !strings.Contains(r.text(), "/data/none") {
		t.Errorf("got %+v, want what is not there", r)
	}
}

// TestStructured: an output schema makes structured content, which is checked.
func TestStructured(t *testing.T) {
	schema := json.RawMessage(`{"type":"object","properties":{"n":{"type":"integer"}},
		"required":["n"]}`)
	for text, want := range map[string]string{
		`{"n":1,"m":[1.50]}`: "", `{"n":"1"}`: "does not conform", `{`: "is not JSON",
		`[]`: "does not conform", `{"m":1}`: "does not conform", `<html>`: "is not JSON",
		`{"n":01}`: "is not JSON",
	} {
		a := startAPI(t, getting(func(o *rest.ToolOptions) { o.Output = schema }),
			body("application/json", text))
		r := a.must("get", `{}`)
		if want == "" {
			if r.IsError || string(r.StructuredContent) != text || r.text() != text {
				t.Errorf("%s: got %+v", text, r)
			}
			continue
		}
		if !r.IsError || r.StructuredContent != nil || !strings.Contains(r.text(), want) ||
			!strings.Contains(r.text(), text) {
			t.Errorf("%s: got %+v, want %q and what was answered", text, r, want)
		}
	}
	a := startAPI(t, getting(func(o *rest.ToolOptions) { o.Result = "structured" }),
		body("application/json", ` [1, 2] `))
	if r := a.must("get", `{}`); string(r.StructuredContent) != `[1, 2]` {
		t.Errorf("got %+v", r)
	}
	a = startAPI(t, getting(func(o *rest.ToolOptions) { o.Output, o.Result = schema, "text" }),
		body("application/json", `{"n":1}`))
	if r := a.must("get", `{}`); r.StructuredContent != nil || r.text() != `{"n":1}` {
		t.Errorf("got %+v, want text alone", r)
	}
}

// TestStatuses: an error status is an answer with isError and the body; from 500 on it counts
// against the upstream, too.
func TestStatuses(t *testing.T) {
	status, text := 0, ""
	a := startAPI(t, getting(nil), func(w http.ResponseWriter, _ *http.Request) {
		if status == 429 {
			w.Header().Set("Retry-After", "7")
		}
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	})
	for _, status = range []int{400, 401, 404, 418, 422} {
		text = fmt.Sprintf(`{"error":"no %d"}`, status)
		r := a.must("get", `{}`)
		if !r.IsError || !strings.HasPrefix(r.text(), fmt.Sprintf("HTTP %d ", status)) ||
			!strings.HasSuffix(r.text(), text) {
			t.Errorf("%d: got %+v", status, r)
		}
	}
	for _, status = range []int{408, 429, 500, 502, 503} {
		_, err := a.call(t.Context(), "get", `{}`)
		var refusal *client.HTTPError
		if !errors.As(err, &refusal) || refusal.Status != status ||
			(status == 429) != (refusal.RetryAfter == 7*time.Second) ||
			!strings.HasPrefix(err.Error(), fmt.Sprintf("HTTP %d ", status)) ||
			!strings.HasSuffix(err.Error(), text) {
			t.Errorf("%d: got %v", status, err)
		}
	}
	status, text = 400, strings.Repeat("é", 10_000)
	if r := a.must("get", `{}`); len(r.text()) > 5000 || !strings.Contains(r.text(), "cut here") {
		t.Errorf("a long error is %d bytes", len(r.text()))
	}
	status, text = 204, ""
	if r := a.must("get", `{}`); r.IsError || r.text() != "HTTP 204 No Content" {
		t.Errorf("204: got %+v", r)
	}
}

// TestRedirects: on the same host they are followed; to another they are not, so that no credential
// goes there.
func TestRedirects(t *testing.T) {
	asked := make(chan struct{}, 10)
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
	}))
	t.Cleanup(other.Close)
	to := ""
	opt := getting(nil)
	opt.Bearer = "secret"
	a := startAPI(t, opt, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/there" {
			fmt.Fprint(w, "there with ", r.Header.Get("Authorization"))
			return
		}
		http.Redirect(w, r, to, http.StatusFound)
	})
	to = "/there"
	if r := a.must("get", `{}`); r.text() != "there with Bearer secret" {
		t.Errorf("got %+v", r)
	}
	to = other.URL + "/there?key=1"
	r := a.must("get", `{}`)
	if !r.IsError || !strings.Contains(r.text(), "not followed") ||
		strings.Contains(r.text(), "key=1") {
		t.Errorf("got %+v", r)
	}
	to = "/x" // for ever
	if r := a.must("get", `{}`); !r.IsError || !strings.HasPrefix(r.text(), "HTTP 302") {
		t.Errorf("got %+v", r)
	}
	if len(asked) != 0 {
		t.Error("the other host was asked")
	}
}

// TestLongResponses: 100 MB are not read, compressed ones are not inflated, and what is passed on
// is bounded.
func TestLongResponses(t *testing.T) {
	chunk := bytes.Repeat([]byte("0123456789abcdef"), 1<<12)
	kind, zipped := "text/plain", false
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 8 << 20 / len(chunk) {
		if _, err := z.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	opt := getting(nil)
	opt.ResponseBytesMax, opt.ResultBytesMax = 1<<20, 1000
	a := startAPI(t, opt, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		if zipped {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes()) // a client that has enough may go
			return
		}
		for range 100 << 20 / len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	for _, zipped = range []bool{false, true} {
		for _, kind = range []string{"text/plain", "application/json", "application/octet-stream"} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r := a.must("get", `{}`)
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 32<<20 {
				t.Errorf("%s, zipped %v: %d bytes of memory", kind, zipped, grown)
			}
			if kind == "application/octet-stream" {
				if !r.IsError || !strings.Contains(r.text(), "more than 1000 bytes") {
					t.Errorf("got %+v", r)
				}
				continue
			}
			if len(r.text()) > 1100 || !strings.Contains(r.text(), "of more than 1048576 bytes") {
				t.Errorf("%s: got %d bytes: %s", kind, len(r.text()), r.text())
			}
		}
	}
	opt = getting(func(o *rest.ToolOptions) { o.Result = "structured" })
	opt.ResponseBytesMax, opt.ResultBytesMax = 100, 50
	for n, want := range map[int]bool{30: false, 60: true, 200: true} {
		text := `"` + strings.Repeat("x", n) + `"`
		a := startAPI(t, opt, body("application/json", text))
		if r := a.must("get", `{}`); r.IsError != want {
			t.Errorf("%d bytes: got %+v", n, r)
		}
	}
}

// TestBinaryResponses: bytes that are no text come as what they are.
func TestBinaryResponses(t *testing.T) {
	data := "\x89PNG\r\n\x1a\n\x00\xff"
	blob := base64.StdEncoding.EncodeToString([]byte(data))
	for kind, want := range map[string]string{
		"image/png": "image", "audio/wav": "audio", "application/octet-stream": "resource",
		"text/plain": "resource", "application/json": "resource", "": "image",
	} {
		a := startAPI(t, getting(nil), func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{kind}
			fmt.Fprint(w, data)
		})
		r := a.must("get", `{}`)
		if len(r.Content) != 1 || r.Content[0].Type != want {
			t.Fatalf("%s: got %+v", kind, r)
		}
		c := r.Content[0]
		if want == "resource" && (c.Resource.Blob != blob || c.Resource.URI != a.url+"/x" ||
			c.Resource.MIMEType != kind) || want != "resource" && c.Data != blob {
			t.Errorf("%s: got %+v", kind, c)
		}
	}
}

// TestSlowAPI: a call that ends takes its request with it.
func TestSlowAPI(t *testing.T) {
	ended := make(chan struct{})
	a := startAPI(t, getting(nil), func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "a beginning")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(ended)
	})
	ctx, stop := context.WithCancelCause(t.Context())
	gone := errors.New("nobody waits")
	go func() {
		<-a.seen
		stop(gone)
	}()
	if r, err := a.call(ctx, "get", `{}`); !errors.Is(err, gone) {
		t.Errorf("got %+v, %v", r, err)
	}
	<-ended
}

// TestCredentials: they go with every request, whatever arguments say, and into no error.
func TestCredentials(t *testing.T) {
	opt := rest.Options{
		APIOptions: rest.APIOptions{
			Query: map[string]string{"api_key": "s3cret"}, Basic: "user:s3cret",
			Headers: map[string]string{"X-Key": "s3cret"},
		},
		Tools: []rest.ToolOptions{{
			Name: "get", URL: "/x",
			Query:   map[string]string{"api_key": "{key}"},
			Headers: map[string]string{"x-key": "{key}", "Authorization": "{key}"},
		}},
	}
	a := startAPI(t, opt, nil)
	a.must("get", `{"key":"mine"}`)
	got := a.got()
	user, password, _ := got.BasicAuth()
	if got.URL.RawQuery != "api_key=s3cret" || got.Header.Get("X-Key") != "s3cret" ||
		user != "user" || password != "s3cret" {
		t.Errorf("got %s, %v", got.RequestURI, got.Header)
	}
	closed := httptest.NewServer(nil)
	opt.BaseURL = closed.URL
	closed.Close()
	a = startAPI(t, opt, nil)
	if _, err := a.call(t.Context(), "get", `{}`); !errors.Is(err, client.ErrUnreachable) ||
		strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v, want an error without the credential", err)
	}
}

// TestConnectionThatGoes: a response that breaks off is no answer.
func TestConnectionThatGoes(t *testing.T) {
	for _, head := range []string{"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"} {
		a := startAPI(t, getting(nil), func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprint(c, head)
			c.Close()
		})
		if r, err := a.call(t.Context(), "get", `{}`); !errors.Is(err, client.ErrGone) {
			t.Errorf("got %+v, %v", r, err)
		}
	}
}
