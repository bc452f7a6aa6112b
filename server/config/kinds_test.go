package config

import (
	"reflect"
	"strings"
	"testing"
)

// TestKinds reads an upstream of each kind.
func TestKinds(t *testing.T) {
	cfg, err := Parse([]byte(`
upstreams:
  web:
    headers: {X-Key: "${KEY}"}
    http:
      base_url: http://127.0.0.1:1
      bearer: ${KEY}
      query: {k: v}
      response_bytes: 1MiB
      tools:
        get:
          url: /a/{x}
          query: {q: "{y}"}
          input:
            type: object
            properties:
              x: {type: string, pattern: "^${KEY}$"}
              y: {type: number, minimum: 1.50, default: null}
        put-it:
          method: PUT
          body: {z: "{x}", a: [1, 2.50, true, null, "${KEY} {y}"], "2": {}}
          fields: [a, b.c]
  api: {openapi: {document: pet.yaml, output: false, tags: [a], credentials: {k: "${KEY}"}}}
  run:
    dir: /tmp
    env: {A: b}
    exec:
      processes: 2
      tools: {ls: {command: [ls, -l, "{dir}"], hints: [read_only]}}
  docs: {files: {root: /srv, watch: false, include: ["*.md"]}}
`), env("KEY", "s3cret"))
	if err != nil {
		t.Fatal(err)
	}
	web, run := cfg.Upstreams["web"], cfg.Upstreams["run"]
	want := defaultHTTPTool()
	want.URL, want.Query = "/a/{x}", map[string]string{"q": "{y}"}
	want.Input = `{"type":"object","properties":{"x":{"type":"string","pattern":"^${KEY}$"},` +
		`"y":{"type":"number","minimum":1.50,"default":null}}}`
	if got := web.HTTP.Tools["get"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	put := web.HTTP.Tools["put-it"]
	if got := string(put.Body); got != `{"z":"{x}","a":[1,2.50,true,null,"s3cret {y}"],"2":{}}` {
		t.Errorf("got body %s", got)
	}
	if web.HTTP.Bearer != "s3cret" || web.HTTP.ResponseBytes != mib ||
		web.HTTP.ResultBytes != 256*kib || put.Method != "PUT" || len(put.Fields) != 2 {
		t.Errorf("got %+v", web.HTTP)
	}
	if got := run.Exec; got.Processes != 2 || len(got.Tools["ls"].Command) != 3 {
		t.Errorf("got %+v", got)
	}
	for name, kind := range map[string]string{
		"web": "http", "api": "openapi", "run": "exec", "docs": "files",
	} {
		if u := cfg.Upstreams[name]; u.Kind() != kind {
			t.Errorf("%s is of kind %q, want %s", name, u.Kind(), kind)
		}
	}
	if u := cfg.Upstreams["api"].OpenAPI; u.Output || u.Credentials["k"] != "s3cret" {
		t.Errorf("got %+v", u)
	}
	if u := cfg.Upstreams["docs"].Files; u.Watch || u.FilesMax != 1000 {
		t.Errorf("got %+v", u)
	}
	for _, ch := range cfg.Diff(Default()) {
		if strings.Contains(ch.String(), "s3cret") {
			t.Errorf("a secret is shown: %s", ch)
		}
	}
}

// TestKindFaults: each is reported with its line and a cure.
func TestKindFaults(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := Parse([]byte("upstreams:\n  u:\n"+text), env("KEY", "s3cret"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
	const tool = "    http:\n      tools:\n        t:\n"
	f("    files: {root: /x}\n    exec: {processes: 1}", "here are exec and files")
	f("    files: {root: /x}\n    url: http://h/", "here are url and files")
	f("    files: {root: /x}\n    headers: {A: b}",
		"upstreams.u.headers: it has no meaning beside files")
	f("    files: {root: /x}\n    type: sse", "upstreams.u.type: it has no meaning beside files")
	f("    files: {root: /x}\n    era: legacy", "upstreams.u.era: it has no meaning")
	f("    openapi: {document: x}\n    env: {A: b}", "upstreams.u.env: it has no meaning")
	f("    http: {tools: {t: {}}}\n    dir: x", "upstreams.u.dir: it has no meaning")
	f("    files: {root: /x, rot: 1}", "config:3: cannot use upstreams.u.files.rot: no such key")
	f("    files: {root: /x, file_bytes: 1}", `upstreams.u.files.file_bytes: "1": write 1KiB`)
	f(tool+"          method: get", `config:6: cannot use upstreams.u.http.tools.t.method: "get": `+
		"write GET or")
	f(tool+"          urll: x", "config:6: cannot use upstreams.u.http.tools.t.urll: no such "+
		"key; the nearest is upstreams.u.http.tools.t.url")
	f(tool+"          input: 5", `config:6: cannot use upstreams.u.http.tools.t.input: "5" `+
		"where a JSON Schema must be")
	f(tool+"          body: {a: 1, a: 2}", `"a" is given twice, first on line 6`)
	f(tool+"          body: .inf", "is no number of JSON")
	f(tool+"          body: 0x10", "is no number of JSON")
	f(tool+"          body: {[a]: 1}", "a list where a name must be")
	f(tool+"          body: &a {}", "anchors")
	f(tool+"          body: {a: !!str 1}", "tags")
	f(tool+"          body: {a: '${NONE}'}", "${NONE} is not set")
	f(tool+"          body: "+strings.Repeat("[", 70)+strings.Repeat("]", 70),
		"nested deeper than 64")
	f("    http:\n      tools:\n        a.b: {url: x}", "it is no name")
	f("    http:\n      tools: [x]", "a list where a section of names must be")
	f("    exec:\n      tools: {t: {command: ls}}", `"ls" where a list must be`)
}
