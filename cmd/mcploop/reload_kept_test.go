package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/server/config"
)

// everyKind has an upstream of each kind, DIR is a directory.
const everyKind = `
upstreams:
  remote:
    url: http://127.0.0.1:1/mcp
    headers: {Authorization: "Bearer x"}
    deny: ["*_all"]
    rename: {a: b}
  child: {command: [sh, -c, "exit 3"], env: {K: v}, limits: {pids: 10}}
  secure: {url: "https://127.0.0.1:1/mcp", tls: {server_name: h}}
  api:
    http:
      base_url: http://127.0.0.1:1
      tools: {get: {url: "/{id}", body: {a: "{id}"}, method: POST}}
  spec: {openapi: {document: DIR/api.yaml}}
  programs: {exec: {tools: {date: {command: [date, "{format}"]}}}}
  docs: {files: {root: DIR}}
`

const smallDocument = `
openapi: 3.1.0
info: {title: t, version: "1"}
servers: [{url: "http://127.0.0.1:1"}]
paths: {/x: {get: {operationId: x, responses: {"200": {description: d}}}}}
`

// TestReloadKeepsEveryKind: the same file twice is nothing new, whatever stands behind an upstream.
func TestReloadKeepsEveryKind(t *testing.T) {
	dir := t.TempDir()
	document := filepath.Join(dir, "api.yaml")
	if err := os.WriteFile(document, []byte(smallDocument), 0o600); err != nil {
		t.Fatal(err)
	}
	text := noWatch + strings.ReplaceAll(everyKind, "DIR", dir)
	cfg, err := config.Parse([]byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	first, err := upstreamList(cfg, host{log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	second, err := upstreamList(cfg, host{log: slog.Default()})
	if err != nil {
		t.Fatal(err)
	}
	for i := range first {
		if !first[i].Equal(&second[i]) {
			t.Errorf("%s: it differs from itself", first[i].Name)
		}
	}
	s := serveFile(t, text)
	out, faults, err := s.reload()
	if err != nil || !strings.Contains(out, "nothing has changed") ||
		!strings.Contains(out, "kept      api, child, docs, programs, remote, secure, spec") {
		t.Errorf("got %s, %s, %v", out, faults, err)
	}
	s.write(strings.Replace(text, "[date, ", "[echo, ", 1))
	if out, _, err = s.reload(); err != nil || !strings.Contains(out, "changed   programs (exec") {
		t.Errorf("got %s, %v, want another program", out, err)
	}
}
