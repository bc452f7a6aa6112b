package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/config"
)

// kindOptions are all options that an upstream of any kind is made of.
func kindOptions(u *config.Upstream) []any {
	return []any{
		upstreamOptions("u", u), restOptions(u), openAPIOptions(u, nil), execOptions(u, nil),
		filesOptions("u", u, nil),
	}
}

// TestEachToolKeyReachesItsKind changes one key of a tool after the other.
func TestEachToolKeyReachesItsKind(t *testing.T) {
	count := 0
	f := func(tool any, options func(tool reflect.Value) any) {
		t.Helper()
		plain := reflect.ValueOf(tool)
		each(plain, "", func(path string) {
			count++
			changed := reflect.New(plain.Type()).Elem()
			changed.Set(plain)
			if field := changed.FieldByName(path); field.Kind() == reflect.Map {
				field.Set(reflect.ValueOf(map[string]string{"a": "b"}))
			} else {
				change(t, path, field)
			}
			if reflect.DeepEqual(options(changed), options(plain)) {
				t.Errorf("%s.%s leaves the options as they are", plain.Type().Name(), path)
			}
		})
	}
	f(config.HTTPTool{}, func(tool reflect.Value) any {
		u := config.Upstream{HTTP: config.HTTPKind{
			Tools: map[string]config.HTTPTool{"t": tool.Interface().(config.HTTPTool)},
		}}
		return restOptions(&u)
	})
	f(config.ExecTool{}, func(tool reflect.Value) any {
		u := config.Upstream{Exec: config.ExecKind{
			Tools: map[string]config.ExecTool{"t": tool.Interface().(config.ExecTool)},
		}}
		return execOptions(&u, nil)
	})
	if count < 22 {
		t.Errorf("found %d keys; does the test look at the wrong structs?", count)
	}
}

// inDir writes files into a directory, which becomes the working one.
func inDir(t *testing.T, texts map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

// check runs mcploop check on a file.
func check(t *testing.T, file string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := newCheckCommand()
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"-c", file})
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// TestCheckKinds: faults of tools are errors; what is only not there is told.
func TestCheckKinds(t *testing.T) {
	f := func(text, note string, faults ...string) {
		t.Helper()
		inDir(t, map[string]string{"f.yaml": "upstreams:\n" + text})
		out, err := check(t, "f.yaml")
		if !strings.Contains(out, note) || (err == nil) != (len(faults) == 0) {
			t.Errorf("%s\nsaid %s%v", text, out, err)
		}
		for _, want := range faults {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s\nsaid %s%v, want %q", text, out, err, want)
			}
		}
	}
	f("  a: {http: {tools: {t: {url: /x}}}}\n  b: {exec: {tools: {t: {command: ['{x}']}}}}", "",
		`cannot use upstreams.a.http: tool "t": cannot use the url "/x"; write`,
		`cannot use upstreams.b.exec: tool "t": cannot use "{x}"; the program`)
	f("  a: {http: {tools: {t: {url: 'http://h/{x}', input: {type: object}}}}}", "",
		"its input schema has no such property")
	f("  a: {files: {root: none}}", `note: upstream "a" is not ready here: cannot open the root`)
	f("  a: {files: {root: .}}", "f.yaml: ok, upstreams: 1\n")
	f("  a: {files: {root: ., uri: docs}}", "", "cannot use the uri")
	f("  a: {openapi: {document: none.yaml}}", "is not ready here: cannot open the document")
	f("  a: {openapi: {document: 'http://127.0.0.1:1/'}}", "f.yaml: ok, upstreams: 1\n")
	f("  a: {exec: {tools: {t: {command: [no-such-program]}}}}", "cannot find the program")
	f("  a: {disabled: true, exec: {tools: {t: {command: []}}}}", "ok")
}

// TestServeKinds serves all kinds from one file.
func TestServeKinds(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"path":%q,"key":%q}`, r.URL.Path, r.Header.Get("Authorization"))
	}))
	t.Cleanup(api.Close)
	inDir(t, map[string]string{"a.md": "# hello", "doc.json": `{"openapi":"3.1.0",
		"info":{"title":"t","version":"1"},"paths":{"/one":{"get":{"operationId":"one",
		"responses":{"200":{"description":"ok"}}}}}}`, "f.yaml": `
listen: {http: ["127.0.0.1:0"]}
tools: {samples: false}
upstreams:
  web: {http: {base_url: "` + api.URL + `", bearer: "${TOKEN}", tools: {get: {url: "/a/{x}"}}}}
  api: {openapi: {document: doc.json, base_url: "` + api.URL + `/v1"}}
  run: {exec: {tools: {say: {command: [echo, "{x}"]}}}}
  docs: {files: {root: .}}
`})
	t.Setenv("TOKEN", "t0k")
	said := serving(t.Context(), t, "-c", "f.yaml")
	for _, tool := range []string{"web__get", "api__one", "run__say"} {
		awaitTool(t.Context(), t, urlOf(t, said), tool)
	}
	for _, era := range []client.Era{client.Modern, client.Legacy} {
		c, err := client.Connect(t.Context(), client.Options{URL: urlOf(t, said), Era: era})
		if err != nil {
			t.Fatal(err)
		}
		f := func(method string, params any, want string) {
			t.Helper()
			got, err := c.Raw(t.Context(), method, params)
			if err != nil || !strings.Contains(string(got), want) {
				t.Errorf("%s %v: got %s, %v, want %s in it", method, params, got, err, want)
			}
		}
		call := func(tool, argument string) any {
			return map[string]any{"name": tool, "arguments": map[string]string{"x": argument}}
		}
		f("tools/call", call("web__get", "b c"), `\"/a/b c\",\"key\":\"Bearer t0k\"`)
		f("tools/call", call("run__say", "hello"), `"text":"hello\n"`)
		f("tools/call", map[string]string{"name": "api__one"}, `\"path\":\"/v1/one\"`)
		f("resources/read", map[string]string{"uri": "file:///docs/a.md"}, `"text":"# hello"`)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestReloadKeepsKinds: what the file says as before keeps what runs behind it, of every kind.
func TestReloadKeepsKinds(t *testing.T) {
	inDir(t, map[string]string{"f.yaml": `
upstreams:
  web: {http: {tools: {get: {url: "http://127.0.0.1:1/", output: {type: object}}}}}
  api: {openapi: {document: none.yaml, base_url: "http://127.0.0.1:1"}}
  run: {exec: {tools: {say: {command: [echo, "{x}"]}}}}
  docs: {files: {root: ., watch: true}}
`})
	s, err := server.New(server.Options{
		Name: "t", Stdio: true, Log: slog.New(slog.DiscardHandler), Keeper: newKeeper(nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	set := func(change func(*config.Config)) server.UpstreamChanges {
		t.Helper()
		cfg, err := config.Load("f.yaml")
		if err != nil {
			t.Fatal(err)
		}
		change(cfg)
		list, err := upstreamList(cfg, hostOf(s))
		if err != nil {
			t.Fatal(err)
		}
		changes, err := s.SetUpstreams(list)
		if err != nil {
			t.Fatal(err)
		}
		return changes
	}
	same := func(*config.Config) {}
	if c := set(same); len(c.Added) != 4 {
		t.Errorf("got %+v", c)
	}
	if c := set(same); len(c.Kept) != 4 {
		t.Errorf("got %+v, want all kept", c)
	}
	for name, change := range map[string]func(*config.Upstream){
		"web":  func(u *config.Upstream) { u.HTTP.Bearer = "x" },
		"api":  func(u *config.Upstream) { u.OpenAPI.Tags = []string{"x"} },
		"run":  func(u *config.Upstream) { u.Exec.Processes++ },
		"docs": func(u *config.Upstream) { u.Files.Hidden = true },
	} {
		c := set(func(cfg *config.Config) {
			u := cfg.Upstreams[name]
			change(&u)
			cfg.Upstreams[name] = u
		})
		if fmt.Sprint(c.Changed) != "["+name+"]" || len(c.Kept) != 3 {
			t.Errorf("%s: got %+v", name, c)
		}
		set(same)
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}

// urlOf is where a server says that it listens.
func urlOf(t *testing.T, said string) string {
	t.Helper()
	_, rest, _ := strings.Cut(said, "mcploop serves MCP on ")
	url, _, ok := strings.Cut(rest, "\n")
	if !ok {
		t.Fatalf("it said\n%s", said)
	}
	return url
}

// TestExampleOfKinds runs the third example: its API is another server of ours.
func TestExampleOfKinds(t *testing.T) {
	t.Chdir("../..")
	api := strings.TrimSuffix(urlOf(t, serving(t.Context(), t, "--http", "127.0.0.1:0")), "/mcp")
	t.Setenv("API", api)
	const file = "examples/gateway/tools.yaml"
	if out, err := check(t, file); err != nil || out != file+": ok, upstreams: 4\n" {
		t.Errorf("check said %s%v", out, err)
	}
	url := urlOf(t, serving(t.Context(), t, "-c", file, "--http", "127.0.0.1:0"))
	for _, tool := range []string{"web__page", "api__getHealth", "run__find"} {
		awaitTool(t.Context(), t, url, tool)
	}
	for call, want := range map[string]string{
		"web__health":                  `"status":"healthy"`,
		"web__page page=metrics":       "mcploop_",
		"api__getHealth":               `"status":"healthy"`,
		"run__count text=one two":      "2",
		"run__find pattern=tools.yaml": "examples/gateway/tools.yaml",
	} {
		name, arg, _ := strings.Cut(call, " ")
		args := []string{"call", name, url}
		if arg != "" {
			args = append(args, "--arg", arg)
		}
		var out bytes.Buffer
		cmd := newToolsCommand()
		cmd.SetOut(&out)
		cmd.SetArgs(args)
		err := cmd.ExecuteContext(t.Context())
		if err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: got %s, %v", call, out.String(), err)
		}
	}
}
