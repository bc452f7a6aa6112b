package openapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
	"github.com/mcploop/mcploop/server/gateway/openapi"
	"github.com/mcploop/mcploop/server/gateway/rest"
)

// TestCredentials: an operation gets those of the first of its alternatives that are all there.
func TestCredentials(t *testing.T) {
	f := func(secrets map[string]string, name, bearer, key string) {
		t.Helper()
		a := start(t, openapi.Options{Document: petstore30, Credentials: secrets})
		list(t, a.Provider)
		a.must(name, `{"petId":"1"}`)
		got := a.got()
		if got.Header.Get("Authorization") != bearer || got.URL.Query().Get("api_key") != key {
			t.Errorf("%s of %v: got %s, %v", name, secrets, got.RequestURI, got.Header)
		}
	}
	both := map[string]string{"token": "t0k", "key": "k3y"}
	f(both, "getPet", "", "k3y")
	f(map[string]string{"token": "t0k"}, "getPet", "Bearer t0k", "")
	f(map[string]string{"key": "k3y"}, "getPet", "", "k3y")
	f(both, "uploadPhoto", "Bearer t0k", "")
	f(both, "delete_pets_petId", "", "")
	f(nil, "getPet", "", "")

	a := start(t, openapi.Options{
		Document: petstore30, Credentials: map[string]string{"key": "k3y"},
	})
	list(t, a.Provider)
	a.must("listPets", `{"free":{"api_key":"mine","a":"b"}}`)
	if got := a.got(); got.URL.RawQuery != "a=b&api_key=k3y" {
		t.Errorf("got %s", got.RequestURI)
	}
	a = start(t, openapi.Options{
		Document:   petstore30,
		APIOptions: rest.APIOptions{Query: map[string]string{"api_key": "k3y"}, Basic: "u:p"},
	})
	list(t, a.Provider)
	a.must("listPets", `{"free":{"api_key":"mine","a":"b"}}`)
	got := a.got()
	if user, _, _ := got.BasicAuth(); user != "u" || got.URL.RawQuery != "a=b&api_key=k3y" {
		t.Errorf("got %s, %v", got.RequestURI, got.Header)
	}
}

// write writes a document.
func write(t *testing.T, at, text string) {
	t.Helper()
	if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// minimal is a document with paths.
func minimal(paths string) string {
	return `{"openapi":"3.0.0","info":{"title":"t","version":"1"},` +
		`"servers":[{"url":"http://127.0.0.1:1/"}],"paths":{` + paths + `}}`
}

const oneGet = `"/a":{"get":{"operationId":"a","responses":{"200":{"description":"ok"}}}}`

// TestDocumentsThatAreNone: each is an error that says why.
func TestDocumentsThatAreNone(t *testing.T) {
	at := filepath.Join(t.TempDir(), "doc")
	secret := filepath.Join(filepath.Dir(at), "secret.json")
	write(t, secret, `{"type":"object","description":"secret"}`)
	outside := `"/a":{"get":{"operationId":"a","responses":{"200":{"description":"ok","content":` +
		`{"application/json":{"schema":{"$ref":"%s"}}}}}}}`
	for text, want := range map[string]string{
		"":                           "cannot",
		"{":                          "cannot read",
		"[]":                         "cannot",
		"\x00":                       "cannot read",
		`{"swagger":"2.0"}`:          "3.0 or 3.1",
		`{"openapi":"4.0.0"}`:        "3.0 or 3.1",
		minimal(""):                  "no operation",
		minimal(`"a":{}`):            "cannot use",
		`{"openapi":"3.0.0"}`:        "cannot use",
		strings.Repeat("[", 100_000): "cannot",
		strings.Repeat("x", 1<<20+1): "document_bytes",
		minimal(fmt.Sprintf(outside, "secret.json")):                         "cannot read",
		minimal(fmt.Sprintf(outside, "file://"+secret)):                      "cannot read",
		minimal(fmt.Sprintf(outside, "http://127.0.0.1:1/x.json#/a")):        "cannot read",
		minimal(fmt.Sprintf(outside, "#/components/schemas/None")):           "cannot read",
		minimal(`"/{a}":{"get":{"responses":{"200":{"description":"ok"}}}}`): "cannot use",
	} {
		write(t, at, text)
		p := provide(t, openapi.Options{Document: at, DocumentBytesMax: 1 << 20})
		if l, err := p.List(t.Context()); err == nil || !strings.Contains(err.Error(), want) ||
			len(err.Error()) > 1000 {
			t.Errorf("%.100s: got %v, %v, want %q in it", text, l, err, want)
		}
	}
	p := provide(t, openapi.Options{Document: at + ".none"})
	if _, err := p.List(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot open") {
		t.Errorf("got %v", err)
	}
}

// TestHostileDocuments: aliases that explode, and schemas that lead to themselves, cost little.
func TestHostileDocuments(t *testing.T) {
	at := filepath.Join(t.TempDir(), "doc")
	var bomb strings.Builder
	bomb.WriteString("openapi: 3.0.0\ninfo: {title: t, version: '1'}\n")
	bomb.WriteString("x-a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := range 12 {
		ten := strings.Repeat(fmt.Sprintf("*a%d,", i), 10)
		fmt.Fprintf(&bomb, "x-a%d: &a%d [%s]\n", i+1, i+1, ten)
	}
	bomb.WriteString("paths: {}\n")
	write(t, at, bomb.String())
	p := provide(t, openapi.Options{Document: at})
	if _, err := p.List(t.Context()); err == nil {
		t.Error("a bomb of aliases is a document")
	}
	loop := `{"openapi":"3.0.0","info":{"title":"t","version":"1"},` +
		`"servers":[{"url":"http://h/"}],` +
		`"components":{"schemas":{"L":{"allOf":[{"$ref":"#/components/schemas/L"}]}}},` +
		`"paths":{"/l":{"post":{"operationId":"l","requestBody":{"content":{"application/json":` +
		`{"schema":{"$ref":"#/components/schemas/L"}}}},"responses":{"200":{"description":"ok",` +
		`"content":{"application/json":{"schema":{"$ref":"#/components/schemas/L"}}}}}}},` +
		oneGet + `}}`
	write(t, at, loop)
	p = provide(t, openapi.Options{Document: at})
	if l, err := p.List(t.Context()); err == nil && len(l.Tools) == 0 {
		t.Errorf("got %v, %v", l, err)
	}
}

// TestOneBadOperation is left out, and the others are not.
func TestOneBadOperation(t *testing.T) {
	at := filepath.Join(t.TempDir(), "doc")
	write(t, at, minimal(oneGet+`,"/b":{"get":{"operationId":"b","parameters":[{"name":"x",`+
		`"in":"query","content":{"text/csv":{}}}],"responses":{"200":{"description":"ok"}}}},`+
		`"/c":{"post":{"operationId":"c","requestBody":{"required":true,"content":`+
		`{"application/xml":{}}},"responses":{"200":{"description":"ok"}}}}`))
	tools := list(t, provide(t, openapi.Options{Document: at}))
	if len(tools) != 1 || tools["a"].Name != "a" {
		t.Errorf("got %v", tools)
	}
}

// TestDocumentByURL: it is fetched, from its own host alone; what it says of servers counts there.
func TestDocumentByURL(t *testing.T) {
	text, status := "", 200
	asked := make(chan *http.Request, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		if strings.HasPrefix(r.URL.Path, "/to/") {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
			return
		}
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	}))
	t.Cleanup(s.Close)
	opt := openapi.Options{Document: s.URL + "/docs/openapi.json?k=s3cret"}
	opt.Bearer = "t0k"
	text = strings.Replace(minimal(oneGet), "http://127.0.0.1:1/", "../api", 1)
	p := provide(t, opt)
	if tools := list(t, p); len(tools) != 1 {
		t.Fatalf("got %v", tools)
	}
	if r := <-asked; r.Header.Get("Authorization") != "" {
		t.Error("the credential of the API went with the document's request")
	}
	if _, err := p.Call(t.Context(), callOf("a", `{}`)); err != nil {
		t.Error(err)
	}
	if r := <-asked; r.URL.Path != "/api/a" || r.Header.Get("Authorization") != "Bearer t0k" {
		t.Errorf("asked for %s, %v", r.URL, r.Header)
	}
	opt.BaseURL = s.URL + "/v2/"
	list(t, provide(t, opt))
	if r := <-asked; r.Header.Get("Authorization") != "Bearer t0k" {
		t.Error("a document of the API's own host was asked for without its credential")
	}
	opt.BaseURL = ""
	f := func(want string) {
		t.Helper()
		_, err := provide(t, opt).List(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "s3cret") {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	text = minimal(oneGet)
	f("another host")
	status = 500
	f("HTTP 500")
	opt.Document = s.URL + "/to/doc?k=s3cret"
	f("HTTP 302")
	opt.Document = "http://127.0.0.1:1/?k=s3cret"
	f("cannot fetch")
	opt.Document, opt.DocumentBytesMax, status = s.URL+"/x?k=s3cret", 10, 200
	f("more than 10 bytes")
}

func callOf(name, args string) gateway.ProviderCall {
	return gateway.ProviderCall{
		Kind: mcp.KindTool, Own: name, Arguments: []byte(args),
		Req: &mcp.Request{Version: mcp.LatestModern},
	}
}

// TestDocumentChanges: a newer one takes the place of the last; one that is broken does not.
func TestDocumentChanges(t *testing.T) {
	at := filepath.Join(t.TempDir(), "doc")
	write(t, at, minimal(oneGet))
	p := provide(t, openapi.Options{Document: at})
	if tools := list(t, p); len(tools) != 1 {
		t.Fatalf("got %v", tools)
	}
	for _, broken := range []string{"{", "", minimal("")} {
		write(t, at, broken)
		if tools := list(t, p); len(tools) != 1 || tools["a"].Name != "a" {
			t.Errorf("%s: got %v", broken, tools)
		}
	}
	if err := os.Remove(at); err != nil {
		t.Fatal(err)
	}
	if tools := list(t, p); len(tools) != 1 {
		t.Errorf("without a document: got %v", tools)
	}
	write(t, at, minimal(strings.ReplaceAll(oneGet, `"a"`, `"b"`)))
	if tools := list(t, p); len(tools) != 1 || tools["b"].Name != "b" {
		t.Errorf("got %v", tools)
	}
}

// TestFaults: each fault of the options is found before anything is read.
func TestFaults(t *testing.T) {
	f := func(want string, o openapi.Options) {
		t.Helper()
		if _, err := openapi.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	f("write document", openapi.Options{})
	f("cannot use the url", openapi.Options{Document: "x", BaseURL: "h"})
	f("query", openapi.Options{Document: "x", BaseURL: "http://h/?a=b"})
	f("brackets", openapi.Options{Document: "x", Operations: []string{"["}})
	f("brackets", openapi.Options{Document: "x", Paths: []string{"["}})
	f("bearer and basic", openapi.Options{
		Document: "x", APIOptions: rest.APIOptions{Bearer: "a", Basic: "b:c"},
	})
	f("pointer", openapi.Options{Document: "x", Trim: rest.Trim{Pointer: "x"}})
}

// TestArgumentsStayInTheirPlace: as those of package rest do.
func TestArgumentsStayInTheirPlace(t *testing.T) {
	a := start(t, openapi.Options{Document: petstore30})
	list(t, a.Provider)
	for _, text := range []string{"", ".", "..", "../x", "a/../../x", `..\\x`} {
		r := a.must("delete_pets_petId", `{"petId":"`+text+`"}`)
		if !r.IsError || len(a.seen) != 0 {
			t.Errorf("%q: got %+v", text, r)
		}
	}
	for _, text := range []string{`a\r\nX-Admin: 1`, `a\u0000`, `\n`} {
		r := a.must("listPets", `{"X-Request-ID":"`+text+`"}`)
		if !r.IsError || len(a.seen) != 0 {
			t.Errorf("%q: got %+v", text, r)
		}
	}
	for _, text := range []string{`a;b=c`, `a\r\nX: y`, `a, b`, `\"`} {
		a.must("listPets", `{"session":"`+text+`"}`)
		if got := a.got(); len(got.Cookies()) != 1 || got.Header.Get("X") != "" {
			t.Errorf("%q: got %v", text, got.Header)
		}
	}
}
