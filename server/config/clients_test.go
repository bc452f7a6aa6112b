package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestClientFiles reads each client's manner of saying it.
func TestClientFiles(t *testing.T) {
	f := func(text string, want map[string]Upstream) {
		t.Helper()
		cfg, err := Parse([]byte(text), env("TOKEN", "hunter2", "HOME", "/h"))
		if err != nil {
			t.Errorf("%s\n%v", text, err)
			return
		}
		if !reflect.DeepEqual(cfg.Upstreams, want) {
			t.Errorf("%s\ngot  %+v\nwant %+v", text, cfg.Upstreams, want)
		}
		if cfg.Tools.Samples || !reflect.DeepEqual(cfg.Listen, Default().Listen) {
			t.Errorf("%s\ngot %+v, %+v; want no samples and the default doors", text,
				cfg.Tools, cfg.Listen)
		}
	}
	with := func(change func(*Upstream)) map[string]Upstream {
		u := defaultUpstream()
		change(&u)
		return map[string]Upstream{"s": u}
	}
	const url = "http://127.0.0.1:1/mcp"
	toURL := with(func(u *Upstream) { u.URL = url })
	f(`{"mcpServers": {"s": {"url": "`+url+`"}}}`, toURL)
	f(`{"mcpServers": {"s": {"httpUrl": "`+url+`"}}}`, toURL)   // Gemini
	f(`{"mcpServers": {"s": {"serverUrl": "`+url+`"}}}`, toURL) // Windsurf
	f(`{"servers": {"s": {"url": "`+url+`"}}, "inputs": []}`, toURL)
	f(`{"editor.fontSize": 12, "mcp": {"servers": {"s": {"url": "`+url+`"}}}}`, toURL)
	f("\ufeff"+`{"mcpServers": {"s": {"url": "`+url+`", "autoApprove": ["x"], "x": {}}}}`, toURL)
	f(`{"mcp": 5, "servers": [], "mcpServers": {}}`, map[string]Upstream{})
	f(`{"mcpServers": {"s": {"command": "npx", "args": ["-y", "a", "${HOME}"], "cwd": "/tmp",
		"env": {"A": "${TOKEN}", "N": 1000000, "B": true, "E": null, "D": "${NONE:-d}"}}}}`,
		with(func(u *Upstream) {
			u.Command, u.Dir = []string{"npx", "-y", "a", "/h"}, "/tmp"
			u.Env = map[string]string{
				"A": "hunter2", "N": "1000000", "B": "true", "E": "", "D": "d",
			}
		}))
	f(`{"servers": {"s": {"type": "http", "url": "`+url+`",
		"headers": {"Authorization": "Bearer ${env:TOKEN}"}}}}`, with(func(u *Upstream) {
		u.Type, u.URL = "http", url
		u.Headers = map[string]string{"Authorization": "Bearer hunter2"}
	}))
	f(`{"mcpServers": {"s": {"url": "`+url+`", "includeTools": ["a"], "excludeTools": ["b"]}}}`,
		with(func(u *Upstream) { u.URL, u.Allow, u.Deny = url, []string{"a"}, []string{"b"} }))
	f(`{"mcpServers": {"s": {"url": "`+url+`", "toolFilter": {"mode": "block", "list": ["b"]}}}}`,
		with(func(u *Upstream) { u.URL, u.Deny = url, []string{"b"} }))
	f(`{"mcpServers": {"s": {"url": "`+url+`", "toolFilter": {"mode": "allow", "list": ["a"]}}}}`,
		with(func(u *Upstream) { u.URL, u.Allow = url, []string{"a"} }))
	disabled := with(func(u *Upstream) { u.Disabled, u.URL = true, url+"/${NONE}" })
	f(`{"mcpServers": {"s": {"url": "`+url+`/${NONE}", "disabled": true}}}`, disabled)
	f(`{"mcpServers": {"s": {"url": "`+url+`/${NONE}", "enabled": false}}}`, disabled)
	f(`// VS Code writes these
{
	/* one
	   "servers": {} */
	"servers": {
		"s": { // of ours
			"url": "`+url+`", // and "this" is none
		},
	},
}`, toURL)
}

// TestClientTypes: every spelling of a transport's name.
func TestClientTypes(t *testing.T) {
	f := func(spelling, url, want, target string) {
		t.Helper()
		for _, key := range []string{"type", "transport"} {
			text := fmt.Sprintf(`{"mcpServers": {"s": {%q: %q, "url": %q}}}`, key, spelling, url)
			cfg, err := Parse([]byte(text), nil)
			if err != nil {
				t.Errorf("%s: %v", text, err)
				continue
			}
			u := cfg.Upstreams["s"]
			if u.Type != want || u.Target() != target {
				t.Errorf("%s: got %s, %s; want %s, %s", text, u.Type, u.Target(), want, target)
			}
		}
	}
	const url = "http://h:1/x"
	f("http", url, "http", url)
	f("HTTP", url, "http", url)
	f("streamable-http", url, "streamable-http", url)
	f("streamableHttp", url, "streamableHttp", url)
	f("streamable_http", url, "streamable-http", url)
	f("Streamable-HTTP", url, "streamable-http", url)
	f("sse", url, "sse", "sse://h:1/x")
	f("SSE", url, "sse", "sse://h:1/x")
	f("ws", url, "ws", "ws://h:1/x")
	f("websocket", url, "websocket", "ws://h:1/x")
	f("ws", "ws://h:1/x", "ws", "ws://h:1/x")
	f("tcp", "tcp://h:1", "tcp", "tcp://h:1")
	f("http", "https://h/x", "http", "https://h/x")
	f("sse", "https://h/x", "sse", "sses://h/x")
	f("ws", "https://h/x", "ws", "wss://h/x")
	f("", "sses://h/x", Auto, "sses://h/x")
	f("tcp", "tls://h:1", "tcp", "tls://h:1")
	f("unix", "unix:///run/s", "unix", "unix:///run/s")
	f("", url, Auto, url)
}

// TestClientFaults: each fault has its line, its server and its cure.
func TestClientFaults(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		_, err := Parse([]byte(text), env("KEY", "hunter2"))
		if err == nil || err.Error() != strings.Join(want, "\n") {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, strings.Join(want, "\n"))
		}
	}
	f("{\n\"mcpServers\": {\n\"a\": {\"url\": \"gopher://h/${KEY}\"}}}",
		`config:3: cannot use upstreams.a.url: the value of "gopher://h/${KEY}": `+urlSchemes)
	f("{\n\"servers\": {\n\n\"a b\": {}}}",
		"config:4: cannot use upstreams.a_b: write one of url, command, http, openapi, exec and "+
			"files")
	f("{\n\"mcpServers\": {\"a\": {\"command\": [\"x\"]},\n\"b\": 5,\n"+
		"\"c\": {\"env\": {\"A\": []}}}}",
		"config:2: cannot use server a: command must not be a array",
		"config:3: cannot use server b: a server must not be a number",
		"config:4: cannot use server c: an environment variable is a text")
	f("{\"mcpServers\": {\n\"a\": {\"type\": \"carrier pigeon\"}}}",
		`config:2: cannot use server a: cannot use type "carrier pigeon": it is one of `+
			strings.Join(upstreamTypes(), ", "))
	f("{\"mcpServers\": {\n\"a\": {\"type\": \"stdio\", \"url\": \"http://h/\"}}}",
		`config:2: cannot use upstreams.a.type: "stdio": stdio goes with command, all others go `+
			"with url")
	f("{\"mcpServers\": {\"a b\": {\"command\": \"x\"},\n\"a/b\": {\"command\": \"x\"}}}",
		"config:2: cannot use server a/b: it becomes a_b here, as server a b of config:1 does; "+
			"rename one")
	f("{\"servers\": {\n\"a\": {\"command\": \"x\", \"env\": {\"K\": \"${input:key}\"}}}}",
		"config:2: cannot use server a: nobody can be asked for ${input:key}; "+
			"put an environment variable, ${NAME}, in its place")
	f("{\"servers\": {\n\"a\": {\"command\": \"x\", \"args\": [\"${env:NONE}\"]}}}",
		"config:2: cannot use server a: ${NONE} is not set; export NONE or write ${NONE:-default}")
	f("{\"servers\": {\n\"a\": {\"command\": \"x\", \"includeTools\": [\"[\"]}}}",
		`config:2: cannot use upstreams.a.allow[0]: "[": close its brackets`)
	f("{\"mcpServers\": {\n\"a\": {\"command\": \"x\"}\n\"b\": {}}}", "config:3: "+
		`cannot read the client's configuration: invalid character '"' after object key:value pair`)
	f("{\"mcpServers\": {\n\"a\": {\"command\": \"x\"}}\n", "config:3: "+
		`cannot read the client's configuration: unexpected end of JSON input`)
}

const urlSchemes = "write http://, https://, ws://, wss://, sse://, sses://, tcp://HOST:PORT, " +
	"tls://HOST:PORT or unix:///PATH"

// TestUpstreamKeys: the faults of our own file.
func TestUpstreamKeys(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		_, err := Parse([]byte(text), env("KEY", "hunter2"))
		if err == nil || err.Error() != strings.Join(want, "\n") {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, strings.Join(want, "\n"))
		}
	}
	f("upstreams:\n  a: {url: 'http://h/', comand: [x]}", "config:2: cannot use "+
		"upstreams.a.comand: no such key; the nearest is upstreams.a.command")
	const ways = "config:2: cannot use upstreams.a: write one of url, command, http, openapi, " +
		"exec and files"
	f("upstreams:\n  a: {}", ways)
	f("upstreams:\n  a: {url: 'http://h/', command: [x]}", ways+"; here are url and command")
	f("upstreams:\n  a+b: {command: [x]}", "config:2: cannot use upstreams.a+b: "+
		"write a name of 1 to 32 characters of A-Z a-z 0-9 _ -")
	f("upstreams:\n  a.b: {command: [x]}",
		"config:2: cannot use upstreams.a.b: it is no name; write one without . and [")
	f("upstreams:\n  a: {command: [x]}\n  a: {command: [y]}",
		"config:3: cannot use upstreams.a: given twice, first on line 2; keep one")
	f("upstreams:\n  a: {url: h}", `config:2: cannot use upstreams.a.url: "h": `+urlSchemes)
	f("upstreams:\n  a:\n    url: ftp://h/${KEY}", "config:3: cannot use upstreams.a.url: "+
		`the value of "ftp://h/${KEY}": `+urlSchemes)
	f("upstreams:\n  a: {url: 'https://h', tls: {cert_file: c}}",
		"config:2: cannot use upstreams.a.tls: write both cert_file and key_file")
	f("upstreams:\n  a:\n    url: http://h\n    tls: {ca_file: c}", "config:4: cannot use "+
		"upstreams.a.tls: it goes with a url of https://, wss://, sses:// or tls://")
	f("upstreams:\n  a: {url: 'https://h', tls: {min_version: 1.1}}", "config:2: cannot use "+
		`upstreams.a.tls.min_version: "1.1": write 1.2 or 1.3`)
	f("upstreams:\n  a: {command: [x], credentials: {required: true}}", "config:2: cannot use "+
		"upstreams.a.credentials: it goes with a url of http://, https://, ws://, wss://, "+
		"sse:// or sses://, http and openapi")
	for _, way := range []string{"url: 'ws://h'", "url: 'http://h', era: legacy"} {
		f("upstreams:\n  a: {"+way+", credentials: {required: true}}", "config:2: cannot use "+
			"upstreams.a.credentials: all clients share one session here; write share: "+
			"principal beside it")
	}
	f("upstreams:\n  a: {url: 'ws://h', share: call, credentials: {required: true}}",
		"config:2: cannot use upstreams.a.credentials: with share: call instances are "+
			"everybody's; write share: principal")
	hash := strings.Repeat("0", 63)
	f("upstreams:\n  a:\n    url: http://h\n    credentials:\n      users:\n"+
		"        u1: {token: '${KEY}', sha256: '"+hash+"'}\n        u2: {}\n"+
		"        u3: {sha256: '"+hash+"'}\n        u4: {token: '${KEY}'}\n"+
		"        u5: {token: hunter2}",
		"config:6: cannot use upstreams.a.credentials.users.u1: write either token or sha256",
		"config:7: cannot use upstreams.a.credentials.users.u2: write either token or sha256",
		"config:8: cannot use upstreams.a.credentials.users.u3.sha256: write 64 hex digits",
		"config:10: cannot use upstreams.a.credentials.users.u5: it has the same token as u4")
	f("upstreams:\n  a: {url: 'https://h', tls: {cafile: c}}", "config:2: cannot use "+
		"upstreams.a.tls.cafile: no such key; the nearest is upstreams.a.tls.ca_file")
	f("upstreams:\n  a: {command: [x], type: pigeon}", `config:2: cannot use upstreams.a.type: `+
		`"pigeon": write `+strings.Join(upstreamTypes(), " or "))
	f("upstreams:\n  a: {command: [x], separator: '.', in_flight: 0}",
		`config:2: cannot use upstreams.a.in_flight: "0": write 1 to 1000000`,
		`config:2: cannot use upstreams.a.separator: ".": write 1 to 4 of A-Z a-z 0-9 _ -`)
	f("upstreams:\n  a: {command: [x], env: [K]}",
		"config:2: cannot use upstreams.a.env: a list where a section of names must be")
	f("upstreams:\n  a: {command: [x], headers: {K: }}", "config:2: cannot use "+
		"upstreams.a.headers[K]: it has no value; give one or remove it")
	f("upstreams: {a: {command: [x], timeout: 1ms}}",
		`config:1: cannot use upstreams.a.timeout: "1ms": write 10ms to 24h`)
}

// TestUpstreamsAreBounded: 256 of them may be there, in either form of the file.
func TestUpstreamsAreBounded(t *testing.T) {
	f := func(head, entry, tail string) {
		t.Helper()
		for n, want := range map[int]bool{256: true, 257: false} {
			entries := make([]string, n)
			for i := range entries {
				entries[i] = fmt.Sprintf(entry, i)
			}
			cfg, err := Parse([]byte(head+strings.Join(entries, ",")+tail), nil)
			if (err == nil) != want {
				t.Errorf("%d upstreams: got %v", n, err)
			}
			if want && len(cfg.Upstreams) != n || !want && !strings.Contains(err.Error(), "256") {
				t.Errorf("%d upstreams: got %v, %v", n, cfg, err)
			}
		}
	}
	f("upstreams: {", "u%d: {command: [x]}", "}")
	f(`{"mcpServers": {`, `"u%d": {"command": "x"}`, "}}")
}

// TestDiffHidesSecrets: what differs is shown by hashes where it may hold a secret.
func TestDiffHidesSecrets(t *testing.T) {
	parse := func(secret string) *Config {
		cfg, err := Parse([]byte(`
upstreams:
  a: {url: "http://h/?key=${S}", headers: {Authorization: "Bearer ${S}"}}
  b: {command: [run, "--token=${S}"], env: {KEY: "${S}"}}
  c:
    url: http://h
    credentials:
      default: {K: "${S}"}
      users: {u: {token: "${S}", headers: {K: "${S}"}}}
`), env("S", secret))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	before, after := parse("hunter1"), parse("hunter2")
	seen := map[string]bool{}
	for _, ch := range append(after.Diff(before), before.Diff(Default())...) {
		if text := ch.String(); strings.Contains(text, "hunter") {
			t.Errorf("a secret is shown: %s", text)
		}
		if ch.Old == ch.New {
			t.Errorf("nothing differs in %s", ch)
		}
		seen[ch.Path] = true
	}
	for _, path := range []string{
		"a.url", "a.headers", "b.command", "b.env", "c.credentials.default",
		"c.credentials.users.u.token", "c.credentials.users.u.headers",
	} {
		if !seen["upstreams."+path] {
			t.Errorf("the change of %s is not seen", path)
		}
	}
	if diff := before.Diff(parse("hunter1")); diff != nil {
		t.Errorf("equal files differ: %v", diff)
	}
}

// TestImport: the section reads as the client's file does, and holds what was written as ${VAR}.
func TestImport(t *testing.T) {
	const text = `{"mcpServers": {
		"my server": {"command": "npx", "args": ["-y", "true", "${HOME}/x"],
			"env": {"KEY": "${KEY}", "OTHER": "${env:KEY}", "N": 12}, "disabled": false},
		"web": {"type": "streamable-http", "url": "http://h:1/${KEY:-x}",
			"headers": {"Authorization": "Bearer ${KEY}"}, "excludeTools": ["a*"]},
		"off": {"url": "http://h:1/", "disabled": true}}}`
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.json"), filepath.Join(dir, "two.json")
	for path, text := range map[string]string{
		one: text, two: `{"servers": {"more": {"command": "x", "args": ["${input:k}"]}}}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("KEY", "hunter2")
	out, err := Import(one)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "hunter2") || !strings.Contains(string(out), "Bearer ${KEY}") {
		t.Errorf("got\n%s\nwant the variable, not its value", out)
	}
	lookup := env("KEY", "hunter2", "HOME", "/h")
	ours, err := Parse(out, lookup)
	if err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	theirs, err := Parse([]byte(text), lookup)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(ours.Upstreams, theirs.Upstreams) {
		t.Errorf("got  %+v\nwant %+v\nin\n%s", ours.Upstreams, theirs.Upstreams, out)
	}
	both, err := Import(one, two)
	if err != nil || !strings.Contains(string(both), "${input:k}") ||
		!strings.Contains(string(both), `# "my server" in `) {
		t.Errorf("got %v,\n%s", err, both)
	}
	f := func(want string, files ...string) {
		t.Helper()
		if _, err := Import(files...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	f("as server web of "+one+":4 does", one, one)
	f("cannot open", filepath.Join(dir, "none"))
	f(`cannot find "mcpServers"`, os.DevNull)
}

// FuzzClientFile: no file makes the reader panic, and one without comments reads as encoding/json
// reads it.
func FuzzClientFile(f *testing.F) {
	f.Add([]byte(`{"mcpServers": {"a": {"command": "x", "args": ["//"]}, "b": {}}}`))
	f.Add([]byte("{ // c\n\"servers\": {\"a\": {\"env\": {\"A\": 1,},},}, /* \" */ \"mcp\": 5}"))
	f.Add([]byte(`{"mcp": {"servers": {"a\"": {"url": "http://h/*"}}}}`))
	f.Add([]byte("{\"mcpServers\":{/*"))
	f.Add([]byte(`{"mcpServers":{"a":{}}} {}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		servers, fault, ok := clientServers(data)
		if fault != nil && (!ok || fault.Line < 1) {
			t.Fatalf("got the fault %v, ok %v", fault, ok)
		}
		if ok && fault == nil {
			_, _ = parseClients("f", servers, env())
		}
		if !json.Valid(data) {
			return
		}
		if plain := withoutComments(data); string(plain) != string(data) {
			t.Fatalf("JSON without comments became %q", plain)
		}
		if fault != nil {
			t.Fatalf("valid JSON has the fault %v", fault)
		}
		var top, want map[string]json.RawMessage
		if json.Unmarshal(data, &top) != nil || json.Unmarshal(top["servers"], &want) != nil {
			return
		}
		read := map[string]bool{}
		for _, s := range servers {
			read[s.name+" "+string(s.raw)] = true
		}
		for name, raw := range want {
			if !read[name+" "+string(raw)] {
				t.Fatalf("server %q, %s, was not read", name, raw)
			}
		}
	})
}
