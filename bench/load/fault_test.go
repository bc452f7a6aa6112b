package load

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/bench/fake"
	"github.com/mcploop/mcploop/bench/result"
)

// outcome is how a run against a server with a fault must end: what is counted and what is told.
type outcome struct {
	lost, mismatches, closed bool
	broken                   bool // lost or mismatches, as the following bytes decide
	refused                  bool
	notices                  bool
	code                     string // of refusals
	fault                    string
}

func (o outcome) failed() bool { return o.lost || o.mismatches || o.closed || o.broken }

// outcomes are those of fake.Fault by name.
func outcomes() map[string]outcome {
	return map[string]outcome{
		"drop":       {lost: true},
		"mute":       {lost: true},
		"double":     {mismatches: true, fault: "no outstanding call"},
		"reword":     {mismatches: true, fault: "reply's text is not"},
		"truncate":   {broken: true},
		"close":      {closed: true, fault: "server ended it"},
		"swap":       {mismatches: true},
		"swap ids":   {mismatches: true},
		"swap texts": {mismatches: true, fault: "reply's text is not"},
		"fail":       {refused: true},
		"refuse":     {refused: true, code: "isError"},
		"notify":     {notices: true},
	}
}

// TestFaultsOverEveryTransport lets each transport's server drop, double, swap, cut and so on, in a
// closed loop, in an open one and with connections that are opened anew.
func TestFaultsOverEveryTransport(t *testing.T) {
	for _, name := range fake.FaultNames() {
		for transport, serve := range faultyServers() {
			for _, mode := range []string{"closed", "open", "lives"} {
				t.Run(name+" "+transport+" "+mode, func(t *testing.T) {
					t.Parallel()
					many := int64(fake.FaultAt + 40)
					if name == "mute" {
						many = fake.FaultAt + 3 // there are no more
					}
					r := runUntil(t, serve, fake.Fault(name), many, func(o *Options) {
						makeFaulty(o, mode, name)
					})
					checkOutcome(t, &r, wantedFrom(name, transport))
				})
			}
		}
	}
}

// TestFaultsOverStdio: what the server has done cannot be seen from here, so these runs take some
// time.
func TestFaultsOverStdio(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range fake.FaultNames() {
		for _, mode := range []string{"closed", "open"} {
			t.Run(name+" "+mode, func(t *testing.T) {
				t.Parallel()
				o := quick(TransportStdio, "")
				makeFaulty(&o, mode, name)
				of := name
				if strings.HasPrefix(name, "swap") {
					of = "turn " + name // there is one connection
				}
				o.Conns, o.Command = 1, []string{exe, "fake-stdio", of}
				r := runLoad(t, o)
				want := wantedFrom(name, "stdio")
				if name == "swap" {
					want = outcome{} // answers have no order
				}
				checkOutcome(t, &r, want)
			})
		}
	}
}

// faultyServers start servers by name, and return the options of a load on them.
func faultyServers() map[string]func(*testing.T, fake.Spoiler) Options {
	type spoiler = fake.Spoiler
	lines := func(network, transport, era string) func(*testing.T, spoiler) Options {
		return func(t *testing.T, s spoiler) Options {
			o := quick(transport, fake.Lines(t, network, s))
			o.Era = era
			return o
		}
	}
	web := func(transport string, sse bool) func(*testing.T, spoiler) Options {
		return func(t *testing.T, s spoiler) Options {
			return quick(transport, fake.HTTP(t, sse, s))
		}
	}
	return map[string]func(*testing.T, spoiler) Options{
		"tcp":               lines("tcp", TransportTCP, EraLegacy),
		"tcp modern":        lines("tcp", TransportTCP, EraModern),
		"unix":              lines("unix", TransportUnix, EraLegacy),
		"http":              web(TransportHTTPModern, false),
		"http events":       web(TransportHTTPModern, true),
		"http legacy":       web(TransportHTTPLegacy, false),
		"http legacy event": web(TransportHTTPLegacy, true),
		"ws": func(t *testing.T, s spoiler) Options {
			return quick(TransportWS, fake.WS(t, s))
		},
	}
}

// makeFaulty makes o a load that meets a fault in any mode.
func makeFaulty(o *Options, mode, name string) {
	o.Depth, o.Warmup = 4, 0
	if want := outcomes()[name]; want.lost || want.broken {
		o.Patience = 30 * time.Millisecond
	}
	if name == "drop" && o.http() {
		o.Depth = 1 // the next answer would be out of order
	}
	switch mode {
	case "open":
		o.Rate, o.Burst = 10_000, 8
	case "lives":
		o.Lives, o.Depth = 6, min(o.Depth, 3)
	}
}

// wantedFrom returns how a run must end.
func wantedFrom(name, transport string) outcome {
	o := outcomes()[name]
	if name == "double" && strings.HasPrefix(transport, "http") {
		o.fault = "" // two answers in one stream, or an answer to nothing
	}
	if name == "notify" && strings.HasPrefix(transport, "http") &&
		!strings.Contains(transport, "event") {
		o = outcome{mismatches: true, fault: "holds no answer"}
	}
	return o
}

func checkOutcome(t *testing.T, r *result.Load, want outcome) {
	t.Helper()
	is := func(what string, got uint64, want bool) {
		t.Helper()
		if (got > 0) != want {
			t.Errorf("got %d %s, want some: %v (first fault: %s)", got, what, want, r.FirstFault)
		}
	}
	switch {
	case want.broken:
		is("lost calls or mismatches", r.Lost+r.Mismatches, true)
	case want.mismatches:
		is("mismatches", r.Mismatches, true)
	default:
		is("mismatches", r.Mismatches, false)
		is("lost", r.Lost, want.lost || want.closed)
	}
	is("closed", r.Closed, want.closed)
	is("refused", r.Refused, want.refused)
	if want.notices && r.Notices == 0 {
		t.Error("got no notices")
	}
	if want.failed() != (r.Err() != nil) {
		t.Errorf("got %v, want a failed run: %v", r.Err(), want.failed())
	}
	contains(t, r.FirstFault, want.fault)
	if !want.refused {
		return
	}
	codes := []string{"-31000", "-31001"}
	if want.code != "" {
		codes = []string{want.code}
	}
	if !slices.Equal(r.RefusalCodes(), codes) {
		t.Errorf("got refusals %v, want the codes %v", r.Refusals, codes)
	}
	var sum uint64
	for _, n := range r.Refusals {
		sum += n
	}
	if sum != r.Refused || r.Refusal.Count() < int64(sum) {
		t.Errorf("got %d refused, %d by code, %d latencies", r.Refused, sum, r.Refusal.Count())
	}
}

func TestEveryFaultHasAnOutcome(t *testing.T) {
	for _, name := range fake.FaultNames() {
		if _, ok := outcomes()[name]; !ok || fake.Fault(name) == nil {
			t.Errorf("the fault %q is not tested", name)
		}
	}
}

// TestOrderWithinAConnection: lines may be answered in any order, http may not.
func TestOrderWithinAConnection(t *testing.T) {
	f := func(transport, what, want string, serve func(fake.Spoiler) string) {
		t.Helper()
		o := quick(transport, serve(fake.Turn(what)))
		o.Conns, o.Depth, o.Warmup = 1, 4, 0
		r := runLoad(t, o)
		if want == "" {
			if err := r.Err(); err != nil {
				t.Errorf("%s, %s: %v", transport, what, err)
			}
			return
		}
		if r.Mismatches == 0 {
			t.Errorf("%s, %s: got no mismatch", transport, what)
		}
		contains(t, r.FirstFault, want)
	}
	lines := func(s fake.Spoiler) string { return fake.Lines(t, "tcp", s) }
	web := func(s fake.Spoiler) string { return fake.HTTP(t, false, s) }
	f(TransportTCP, "swap", "", lines)
	f(TransportTCP, "swap ids", "reply's text is not", lines)
	f(TransportTCP, "swap texts", "reply's text is not", lines)
	f(TransportHTTPModern, "swap", "out of order", web)
	f(TransportHTTPModern, "swap ids", "reply's text is not", web)
	f(TransportHTTPLegacy, "swap", "out of order", web)
}

func TestHTTPStatusesAreRefusals(t *testing.T) {
	f := func(response string, codes ...string) {
		t.Helper()
		addr := fake.HTTP(t, false, func(n int64, a string) string {
			if n%2 == 0 {
				return response
			}
			return a
		})
		r := runLoad(t, quick(TransportHTTPModern, addr))
		if err := r.Err(); err != nil {
			t.Errorf("%q: %v", response, err)
		}
		if got := r.RefusalCodes(); r.Refused == 0 || !slices.Equal(got, codes) {
			t.Errorf("%q: got %d refused, codes %v, want %v", response, r.Refused, got, codes)
		}
	}
	f(fake.Status("429 Too Many Requests", ""), "HTTP 429")
	f(fake.Status("503 Service Unavailable", "busy"), "HTTP 503")
	f(fake.Status("202 Accepted", ""), "HTTP 202")
	f(fake.Status("503 Service Unavailable", `{"jsonrpc":"2.0","id":null,"error":{"code":-31002}}`),
		"-31002")
}

// TestStreamsHoldOneAnswer: a wrong answer is one even when a right one follows or precedes it.
func TestStreamsHoldOneAnswer(t *testing.T) {
	f := func(want string, spoil func(answer string) []string) {
		t.Helper()
		addr := fake.HTTP(t, false, func(_ int64, a string) string {
			body := "data: " + strings.Join(spoil(a), "\n\ndata: ") + "\n\n"
			return strings.Replace(fake.Status("200 OK", body), "\r\n",
				"\r\nContent-Type: text/event-stream\r\n", 1)
		})
		r := runLoad(t, doomed(TransportHTTPModern, addr))
		if r.Mismatches == 0 {
			t.Errorf("%s: got no mismatch", want)
		}
		contains(t, r.FirstFault, want)
	}
	notice := `{"jsonrpc":"2.0","method":"x"}`
	f("two answers", func(a string) []string { return []string{a, notice, a} })
	f("no outstanding call", func(a string) []string {
		return []string{strings.Replace(a, `"id":1`, `"id":9`, 1), a}
	})
	f("no answer", func(string) []string { return []string{notice, notice} })
}

// TestNoticesInStreamsAreMessages: each answer of that server brings one notice.
func TestNoticesInStreamsAreMessages(t *testing.T) {
	r := runLoad(t, quick(TransportHTTPModern, fake.HTTP(t, true, nil)))
	if r.Err() != nil || r.Notices < r.Calls || r.Notices > r.Calls+4 {
		t.Errorf("got %d notices with %d calls, %v", r.Notices, r.Calls, r.Err())
	}
}

// TestAnswersWithoutTextAreToldApart: what two connections asked differs in the ids alone.
func TestAnswersWithoutTextAreToldApart(t *testing.T) {
	addr := fake.Lines(t, "tcp", fake.Fault("swap"))
	o := quick(TransportTCP, addr)
	o.Method, o.Conns, o.Warmup = []string{MethodPing, MethodList}, 2, 0
	if r := runLoad(t, o); r.Mismatches == 0 {
		t.Errorf("got %+v, want the exchanged answers to be seen", r)
	}
}
