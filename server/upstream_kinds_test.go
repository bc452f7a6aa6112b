package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server/gateway"
	"github.com/mcploop/mcploop/server/gateway/exec"
	"github.com/mcploop/mcploop/server/gateway/files"
	"github.com/mcploop/mcploop/server/gateway/openapi"
	"github.com/mcploop/mcploop/server/gateway/rest"
)

// providing serves a gateway with one upstream, up, which is p.
func providing(
	t *testing.T, p gateway.Provider, err error, more ...func(*gateway.Options),
) *running {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return behind(t, func(o *gateway.Options) {
		o.Provider = p
		for _, change := range more {
			change(o)
		}
	})
}

// serveAPI serves a REST API until the test ends.
func serveAPI(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s.URL
}

// TestRESTTools calls a tool of a REST API in every revision.
func TestRESTTools(t *testing.T) {
	url := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/broken" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, `{"path":%q,"n":1.50,"more":[1]}`, r.URL.Path)
	})
	p, err := rest.New(rest.Options{BaseURL: url + "/v1", Tools: []rest.ToolOptions{
		{
			Name: "get", Description: "gets", URL: "/items/{id}",
			Trim:   rest.Trim{Fields: []string{"path", "n"}},
			Output: json.RawMessage(`{"type":"object","properties":{"n":{"type":"number"}}}`),
		},
		{Name: "broken", URL: "/broken"},
	}})
	g := providing(t, p, err)
	g.has("up__get", true)
	list := g.text(g.post(modernRequest("1", "tools/list", "")))
	wantIn(t, list, `"inputSchema":{"additionalProperties":false,"properties":{"id":`,
		`"outputSchema":`, `"readOnlyHint":true`, `"description":"gets"`)
	got := g.text(g.post(modernCall("7", "up__get", `{"id":"a/b"}`)))
	wantIn(t, got, `"structuredContent":{"path":"/v1/items/a/b","n":1.50}`,
		`"resultType":"complete"`, `"text":"{\"path\":\"/v1/items/a/b\",\"n\":1.50}"`)
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		c := g.dialTCP()
		c.initialize(version)
		got := c.ask(legacyCall("1", "up__get", `{"id":"x"}`))
		wantIn(t, got, `/v1/items/x`)
		got = c.ask(legacyCall("2", "up__get", `{"id":1}`))
		if inBand := version == "2025-11-25"; strings.Contains(got, `"isError":true`) != inBand ||
			!inBand && code(got) != -32602 {
			t.Errorf("%s: got %s for arguments that do not fit", version, got)
		}
	}
	got = g.text(g.post(modernCall("8", "up__broken", "{}")))
	wantIn(t, got, `"isError":true`, `HTTP 502 Bad Gateway`)
	if n := g.metric(`mcploop_upstream_calls_failed_total{upstream="up"}`); n < 1 {
		t.Errorf("%v calls failed", n)
	}
}

// TestOpenAPITools calls operations of a document of either version.
func TestOpenAPITools(t *testing.T) {
	url := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"id":7,"name":%q}`, r.Method+" "+r.RequestURI+" "+string(body))
	})
	for document, calls := range map[string]map[string]string{
		"petstore30.yaml": {
			`up__getPet {"petId":"a b"}`:             `GET /pets/a%20b `,
			`up__createPet {"body":{"name":"rex"}}`:  `POST /pets {\"name\":\"rex\"}`,
			`up__listPets {"limit":2,"tags":["a"]}`:  `GET /pets?limit=2&tags=a`,
			`up__delete_pets_petId {"petId":"1"}`:    `DELETE /pets/1 `,
			`up__placeOrder {"body":{"pet":3}}`:      `POST /orders pet=3`,
			`up__getPet {"petId":"../orders"}`:       `must not lead up`,
			`up__createPet {"body":{"name":1}}`:      `invalid arguments`,
			`up__listPets {"filter":{"a":"b"}}`:      `GET /pets?filter%5Ba%5D=b`,
			`up__listPets {"limit":1000}`:            `invalid arguments`,
			`up__putNote {"body":"note"}`:            `PUT /notes note`,
			`up__styles {"m":["a"],"l":[],"s":{}}`:   `must not be empty`,
			`up__createPet {"body":{"name":"\"\\"}}`: `{\"name\":\"\\\"\\\\\"}`,
		},
		"petstore31.json": {
			`up__pets_get {"pet.id":5}`:                          `GET /pets/5 `,
			`up__pets_update {"pet.id":5,"body":{"kind":"cat"}}`: `{\"kind\":\"cat\"}`,
			`up__pets_update {"pet.id":5,"body":{"kind":"cow"}}`: `invalid arguments`,
		},
	} {
		p, err := openapi.New(openapi.Options{
			Document: filepath.Join("gateway", "openapi", "testdata", document), BaseURL: url,
		})
		g := providing(t, p, err)
		for call := range calls {
			tool, _, _ := strings.Cut(call, " ")
			g.has(tool, true)
		}
		g.eras(func(era string, ask func(method, params string) string) {
			for call, want := range calls {
				tool, args, _ := strings.Cut(call, " ")
				got := ask("tools/call", fmt.Sprintf(`"name":%q,"arguments":%s`, tool, args))
				if !strings.Contains(firstText(got), want) {
					t.Errorf("%s, %s: got %s, want %s in it", era, call, got, want)
				}
			}
		})
	}
}

// firstText is the first text of an answer.
func firstText(answer string) string {
	var m struct {
		Result struct{ Content []struct{ Text string } }
	}
	if json.Unmarshal([]byte(answer), &m) != nil || len(m.Result.Content) == 0 {
		return ""
	}
	return m.Result.Content[0].Text
}

// TestExecTools: programs run, and end with the calls that time out or are given up.
func TestExecTools(t *testing.T) {
	dir := t.TempDir()
	gatewayOf := func(timeout time.Duration) *running {
		p, err := exec.New(exec.Options{
			Env: []string{"PATH=/usr/bin:/bin"}, Tools: []exec.ToolOptions{
				{Name: "say", Command: []string{"echo", "-n", "--", "{x}"}},
				{Name: "fail", Command: []string{"sh", "-c", "echo why >&2; exit 7"}},
				{Name: "hang", Command: []string{
					"sh", "-c", `echo $$ >"$0/$1"; sleep 1000`, dir, "{x}",
				}},
			},
		})
		g := providing(t, p, err, func(o *gateway.Options) { o.Timeout = timeout })
		g.has("up__hang", true)
		return g
	}
	g := gatewayOf(time.Minute)
	g.eras(func(era string, ask func(method, params string) string) {
		call := func(tool, x string) string {
			return ask("tools/call", fmt.Sprintf(`"name":"up__%s","arguments":%s`, tool, x))
		}
		wantIn(t, call("say", `{"x":"$(id) -é"}`), `-- $(id) -é`)
		wantIn(t, call("fail", `{}`), `"isError":true`, `exit status 7\nwhy`)
	})
	c := g.dialTCP()
	c.initialize("2025-11-25")
	c.line(legacyCall("5", "up__hang", `{"x":"cancelled"}`))
	pid := awaitStart(t, filepath.Join(dir, "cancelled"))
	c.line(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}`)
	awaitEnd(t, pid)

	hasty := gatewayOf(time.Second)
	got := hasty.text(hasty.post(modernCall("1", "up__hang", `{"x":"late"}`)))
	if code(got) != -31001 {
		t.Errorf("got %s, want -31001", got)
	}
	awaitEnd(t, awaitStart(t, filepath.Join(dir, "late")))
}

// awaitStart waits until a process has written its number into a file.
func awaitStart(t *testing.T, file string) (pid int) {
	t.Helper()
	eventually(t, "the process runs", func() bool {
		text, _ := os.ReadFile(file)
		var err error
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	})
	return pid
}

// awaitEnd waits until the process has gone.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	eventually(t, "the process has gone", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

// TestFilesResources reads files in both eras; what is not below the root is not there.
func TestFilesResources(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	for name, text := range map[string]string{
		"a.md": "# a", "dir/b c.txt": "b", "bin": "\x00\x01", "../secret": "s3cret",
	} {
		at := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	p, err := files.New(files.Options{Name: "up", Root: root, URI: "file:///up/", ListMax: 2})
	g := providing(t, p, err)
	g.lists("resources/list", `"uri":"file:///up/a.md"`, true)
	g.lists("resources/list", `"uri":"file:///up/bin"`, true)
	g.lists("resources/templates/list", `"uriTemplate":"file:///up/{+path}"`, true)
	notFound := map[string]int{"modern": -32602, "legacy": -32002}
	g.eras(func(era string, ask func(method, params string) string) {
		wantIn(t, ask("resources/list", ""), `"name":"a.md"`, `"name":"bin"`)
		wantIn(t, ask("resources/templates/list", ""), `"uriTemplate":"file:///up/{+path}"`)
		wantIn(t, ask("resources/read", `"uri":"file:///up/a.md"`), `"text":"# a"`,
			`"mimeType":"text/markdown"`)
		wantIn(t, ask("resources/read", `"uri":"file:///up/dir/b%20c.txt"`), `"text":"b"`)
		wantIn(t, ask("resources/read", `"uri":"file:///up/bin"`), `"blob":"AAE="`)
		for _, uri := range []string{
			"none", "link", "../secret", "..%2fsecret", "%2e%2e/secret", "dir/../../secret", "dir",
			"", "dir/..%2f..%2fsecret", "/etc/passwd", "a.md%00",
		} {
			got := ask("resources/read", `"uri":"file:///up/`+uri+`"`)
			if code(got) != notFound[era] || strings.Contains(got, "s3cret") {
				t.Errorf("%s, %q: got %s", era, uri, got)
			}
		}
	})
}

// TestFilesChange: clients that listen are told of files that change, and of those that come.
func TestFilesChange(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.md", "1")
	p, err := files.New(files.Options{Name: "up", Root: root, URI: "file:///up/", Watch: true})
	g := providing(t, p, err)
	g.lists("resources/list", `"uri":"file:///up/a.md"`, true)
	f, ack := g.listen("1", `{"resourceSubscriptions":["file:///up/a.md"]}`)
	wantIn(t, ack, "file:///up/a.md")
	c := g.dialTCP()
	c.initialize("2025-11-25")
	wantIn(t, c.ask(legacyLine("1", "resources/subscribe", `"uri":"file:///up/a.md"`)), `"result"`)
	write("a.md", "2")
	const updated = "notifications/resources/updated"
	wantIn(t, f.next(), updated, "file:///up/a.md")
	wantIn(t, c.read(), updated, "file:///up/a.md")
	f, _ = g.listen("2", `{"resourcesListChanged":true}`)
	write("b.md", "1")
	wantIn(t, f.next(), "notifications/resources/list_changed")
	g.lists("resources/list", `"uri":"file:///up/b.md"`, true)
	if err := os.Remove(filepath.Join(root, "b.md")); err != nil {
		t.Fatal(err)
	}
	g.lists("resources/list", `"uri":"file:///up/b.md"`, false)
}

// TestSecondTryOfAnAPI: a request that changes nothing is sent once more when its connection goes,
// any when there was none; what was answered is not.
func TestSecondTryOfAnAPI(t *testing.T) {
	var seen atomic.Int64
	well := func(w http.ResponseWriter, _ *http.Request) {
		if seen.Add(1) == 1 {
			panic(http.ErrAbortHandler) // the connection ends
		}
		fmt.Fprint(w, `{"well":true}`)
	}
	tools := []rest.ToolOptions{
		{Name: "get", URL: "/a"}, {Name: "post", URL: "/a", Method: "POST"},
	}
	f := func(url, tool string, wantCalls, wantRetried int, want string) {
		t.Helper()
		p, err := rest.New(rest.Options{BaseURL: url, Tools: tools})
		g := providing(t, p, err)
		g.has("up__"+tool, true)
		seen.Store(0)
		got := g.text(g.post(modernCall("1", "up__"+tool, "{}")))
		if !strings.Contains(got, want) || int(seen.Load()) != wantCalls {
			t.Errorf("%s: %d requests, want %d; got %s, want %s", tool, seen.Load(), wantCalls, got,
				want)
		}
		if n := g.ofUp("retried_total"); int(n) != wantRetried {
			t.Errorf("%s: %v were sent again, want %d", tool, n, wantRetried)
		}
	}
	url := serveAPI(t, well)
	f(url, "get", 2, 1, `well`)
	f(url, "post", 1, 0, `"isError":true`)
	broken := serveAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		seen.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	})
	f(broken, "get", 1, 0, `502`)
	closed := httptest.NewServer(nil)
	closed.Close()
	f(closed.URL, "post", 0, 1, `"isError":true`)
}
