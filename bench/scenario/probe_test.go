package scenario

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/bench/fake"
	"github.com/mcploop/mcploop/bench/load"
)

// framed is a server whose tool says something around the text.
func framed(before, after string) fake.Spoiler {
	return func(_ int64, a string) string {
		a = strings.Replace(a, `"text":"`, `"text":"`+before, 1)
		return strings.Replace(a, `"}]`, after+`"}]`, 1)
	}
}

func TestFrameOfTheAnswerIsLearned(t *testing.T) {
	f := run(t, options(t, closedLoop(), func(s *Settings) {
		s.TCP = fake.Lines(t, "tcp", framed("Echo: ", "!"))
	}))
	contains(t, fmt.Sprint(f.Warnings), `tool "echo" answers "Echo: {text}!"`)
	if l := f.Steps[0].Load; l.SlowChecks > 4+l.Calls/2 {
		t.Errorf("got %d of %d answers parsed, want the pattern to hold", l.SlowChecks, l.Calls)
	}
	f = run(t, options(t, closedLoop(), func(s *Settings) { s.TCP = fake.Lines(t, "tcp", nil) }))
	if len(f.Warnings) != 0 {
		t.Errorf("got %q of a tool that answers with the text alone", f.Warnings)
	}
}

func TestToolThatCannotBeCalled(t *testing.T) {
	f := func(want string, spoil fake.Spoiler, change func(*Settings)) {
		t.Helper()
		_, err := Do(t.Context(), options(t, closedLoop(), func(s *Settings) {
			s.TCP = fake.Lines(t, "tcp", spoil)
			change(s)
		}))
		contains(t, fmt.Sprint(err), want)
	}
	none := func(*Settings) {}
	f(`no such tool but echo, constant; name one with --tool, its arguments with --args and the `+
		`text of its answer with --expect`, nil, func(s *Settings) { s.Tool = "other" })
	f("--expect is \"{text}?\"", nil, func(s *Settings) { s.Expect = "{text}?" })
	f("in a frame that stays the same", nil, func(s *Settings) { s.Tool = "constant" })
	f("in a frame that stays the same", func(n int64, a string) string {
		return framed(fmt.Sprint(n), "")(n, a)
	}, none)
	f("error -31", fake.Fault("fail"), none)
	f("tools/list was answered with 200", func(_ int64, a string) string {
		return strings.Replace(a, `"result":`, `"error":{"code":-32601},"outcome":`, 1)
	}, none)
	f("no answer to tools/list", func(int64, string) string { return `{"id":1}` }, none)
	f("is auto, modern or legacy", nil, func(s *Settings) { s.Era = "late" })
}

// TestServerTellsItsName: in both eras, in its own way.
func TestServerTellsItsName(t *testing.T) {
	f := func(name, version, era string, change func(*Settings), command ...string) {
		t.Helper()
		s := run(t, options(t, closedLoop(), func(s *Settings) {
			s.Era = era
			change(s)
		}, command...)).Server
		if s.Name != name || s.Version != version {
			t.Errorf("%s: got %q, version %q; want %q, %q", era, s.Name, s.Version, name, version)
		}
	}
	o, addr := serve(t), fake.Lines(t, "tcp", nil)
	f("fake", "1", eraLegacy, func(s *Settings) { s.TCP = addr })
	f("", "", eraModern, func(s *Settings) { s.TCP = addr })
	for _, era := range []string{eraModern, eraLegacy} {
		f("bench-test", "7", era, func(s *Settings) { s.TCP = o.tcp })
		f("bench-test", "7", era, func(s *Settings) { s.URL = "http://" + o.http + "/mcp" })
	}
}

// TestConstantAnswers: without {text} any answer will do, with --expect one.
func TestConstantAnswers(t *testing.T) {
	for _, expect := range []string{"", "3"} {
		run(t, options(t, closedLoop(), func(s *Settings) {
			s.TCP = fake.Lines(t, "tcp", nil)
			s.Tool, s.Args, s.Expect = "constant", `{"a":1}`, expect
		}))
	}
}

// TestEraIsFoundOut: a server that wants a session is of the legacy era.
func TestEraIsFoundOut(t *testing.T) {
	f := func(spoil fake.Spoiler, want string) {
		t.Helper()
		file := run(t, options(t, closedLoop(), func(s *Settings) {
			s.TCP = fake.Lines(t, "tcp", spoil)
		}))
		if got := file.Steps[0].Load.Era; got != want {
			t.Errorf("got era %q, want %q", got, want)
		}
	}
	f(nil, load.EraModern)
	f(func(n int64, a string) string {
		if n == 1 { // the modern era's first call
			return strings.Replace(a, `"result":`, `"error":{"code":-32022},"outcome":`, 1)
		}
		return a
	}, load.EraLegacy)
}
