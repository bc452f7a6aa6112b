package mcp

import (
	"testing"

	"github.com/mcploop/mcploop/codec"
)

func TestMethodTableKnowsItsNames(t *testing.T) {
	for m := MethodUnknown + 1; m < MethodCount; m++ {
		if got := LookupMethod([]byte(m.String())); got != m {
			t.Errorf("LookupMethod(%q) = %v", m.String(), got)
		}
	}
	for _, name := range []string{"", "Tools/call", "tools/call\x00", "tools/calls", "ping "} {
		if got := LookupMethod([]byte(name)); got != MethodUnknown {
			t.Errorf("LookupMethod(%q) = %v; want unknown", name, got)
		}
	}
}

func TestMethodColumns(t *testing.T) {
	f := func(m Method, legacy, modern bool) {
		t.Helper()
		for v := V20241105; v < V20260728; v++ {
			if m.In(v) != legacy {
				t.Errorf("%v in %v: %v", m, v, !legacy)
			}
		}
		if m.In(V20260728) != modern || m.In(NoVersion) {
			t.Errorf("%v in 2026-07-28: %v", m, !modern)
		}
	}
	f(MethodInitialize, true, false)
	f(MethodPing, true, false)
	f(MethodSetLevel, true, false)
	f(MethodDiscover, false, true)
	f(MethodListen, false, true)
	f(MethodToolsList, true, true)
	f(MethodToolsCall, true, true)
	f(MethodUnknown, false, false)
}

func TestNegotiate(t *testing.T) {
	f := func(requested string, want Version) {
		t.Helper()
		if got := Negotiate([]byte(requested)); got != want {
			t.Errorf("Negotiate(%q) = %v; want %v", requested, got, want)
		}
	}
	f("2024-11-05", V20241105)
	f("2025-03-26", V20250326)
	f("2025-11-25", V20251125)
	f("2026-07-28", V20251125)
	f("1999-01-01", V20251125)
	f("", V20251125)
}

func envelope(t *testing.T, meta string) Envelope {
	t.Helper()
	var s codec.Scanner
	var m codec.Message
	frame := `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":` + meta + `}}`
	if fault := s.Scan([]byte(frame), &m); fault != nil {
		t.Fatalf("%s: %v", meta, fault)
	}
	var e Envelope
	ReadEnvelope(&m, &e)
	return e
}

const claim = `"io.modelcontextprotocol/protocolVersion":"2026-07-28"`

func TestEnvelopeFaults(t *testing.T) {
	const caps = `"io.modelcontextprotocol/clientCapabilities":`
	f := func(meta string, ok bool) {
		t.Helper()
		e := envelope(t, meta)
		if fault := e.Check(); (fault == nil) != ok {
			t.Errorf("%s: %v", meta, fault)
		}
	}
	f(`{`+claim+`,`+caps+`{}}`, true)
	f(`{`+claim+`,`+caps+`{},"other":1,"progressToken":"p"}`, true)
	f(`{`+claim+`}`, false)
	f(`{`+claim+`,`+caps+`[]}`, false)
	f(`{`+claim+`,`+caps+`{},"io.modelcontextprotocol/clientInfo":1}`, false)
	f(`{`+claim+`,`+caps+`{},"io.modelcontextprotocol/logLevel":"loud"}`, false)
	f(`{`+claim+`,`+caps+`{},"io.modelcontextprotocol/logLevel":"info"}`, true)
	f(`{`+claim+`,`+caps+`{},"progressToken":{}}`, false)
	f(`{"io.modelcontextprotocol/protocolVersion":7,`+caps+`{}}`, false)
	f(`{}`, false)
}

func TestEnvelopeOfAnUnknownRevisionIsStillAClaim(t *testing.T) {
	e := envelope(t, `{"io.modelcontextprotocol/protocolVersion":"v999.0.0",`+
		`"io.modelcontextprotocol/clientCapabilities":{}}`)
	if e.Claim == nil || e.Check() != nil || e.Negotiable() != codec.ErrUnsupportedVersion {
		t.Errorf("claim %s, check %v, negotiable %v", e.Claim, e.Check(), e.Negotiable())
	}
}
