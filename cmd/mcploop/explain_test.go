package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestExplainCommand tells of a tool that is there, of one that is denied, of an upstream that is
// not there, or disabled, and of nothing.
func TestExplainCommand(t *testing.T) {
	url, _, _ := toolServer(t, "it")
	s := serveFile(t, noWatch+"upstreams:\n  up: {url: '"+url+"', deny: ['ho*']}\n"+
		"  dead: {url: 'http://127.0.0.1:1/'}\n  off: {url: '"+url+"', disabled: true}\n")
	s.awaitTool("up__whoami")
	if _, err := s.call("up__whoami"); err != nil {
		t.Fatal(err)
	}
	f := func(name string, fails bool, wants ...string) {
		t.Helper()
		out, faults, err := s.run("explain", name, "-c", s.file)
		if (err != nil) != fails || faults != "" {
			t.Errorf("%s: got %v, %q", name, err, faults)
		}
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("%s: want %q in\n%s", name, want, out)
			}
		}
	}
	f("up__whoami", false, `tool "whoami" of upstream up: offered`, "on /mcp as up__whoami",
		"on /mcp/up as whoami", "calls:     1, p50 ", "upstream up: ready", "server:    it ",
		"1 of what it has listed")
	f("hold", false, `tool "hold" of upstream up: denied`, `deny has "ho*", which fits "hold"`)
	f("up", false, `tool "hold" of upstream up: denied`, "upstream up: ready")
	s.await("the dead one was tried", func() bool {
		out, _, _ := s.run("explain", "dead", "-c", s.file)
		return strings.Contains(out, "upstream dead: waiting")
	})
	f("dead__x", false, "upstream dead has listed nothing of that name", "last error: ",
		"lost:      since")
	f("off__whoami", false, "upstream off is disabled")
	f("up__whoamy", false, "similar:   up__whoami")
	f("no such thing at all", true, "nothing here has that name")
	out, _, err := s.run("explain", "hold", "-c", s.file, "--json")
	var report explainReport
	if err != nil || json.Unmarshal([]byte(out), &report) != nil || len(report.Found) != 1 {
		t.Errorf("got %s, %v", out, err)
	}
}
