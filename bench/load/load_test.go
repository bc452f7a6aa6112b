package load

import (
	"os"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/bench/fake"
)

func TestLoadEveryTransport(t *testing.T) {
	f := func(name, transport, addr string, change func(*Options)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			o := quick(transport, addr)
			if change != nil {
				change(&o)
			}
			r := runLoad(t, o)
			if err := r.Err(); err != nil {
				t.Fatal(err)
			}
			if r.Refused != 0 || r.Calls == 0 || r.Latency.Count() == 0 {
				t.Errorf("got %+v", r)
			}
			if r.SlowChecks > 4+r.Calls/2 {
				t.Errorf("got %d of %d replies parsed, want the pattern to hold",
					r.SlowChecks, r.Calls)
			}
		})
	}
	deep := func(o *Options) { o.Depth = 16 }
	tcp := fake.Lines(t, "tcp", nil)
	f("tcp", TransportTCP, tcp, nil)
	f("tcp deep", TransportTCP, tcp, deep)
	f("tcp modern", TransportTCP, tcp, func(o *Options) { o.Era = EraModern })
	f("tcp big", TransportTCP, tcp, func(o *Options) { o.Bytes, o.Depth = 40_000, 8 })
	f("unix", TransportUnix, fake.Lines(t, "unix", nil), deep)
	f("echo", TransportEcho, fake.Echo(t, nil), deep)
	plain := fake.HTTP(t, false, nil)
	f("http modern", TransportHTTPModern, plain, nil)
	f("http legacy", TransportHTTPLegacy, plain, nil)
	f("http pipelined", TransportHTTPModern, plain, func(o *Options) { o.Depth = 4 })
	f("http big", TransportHTTPModern, plain, func(o *Options) { o.Bytes = 100_000 })
	events := fake.HTTP(t, true, nil)
	f("http events", TransportHTTPModern, events, nil)
	f("http legacy events", TransportHTTPLegacy, events, nil)
	fixed := func(int64, string) string { return `{"jsonrpc":"2.0","id":1,"result":{}}` }
	f("http fixed", TransportHTTPFixed, fake.HTTP(t, false, fixed), nil)
	f("constant", TransportTCP, tcp, func(o *Options) {
		o.Tool, o.Args, o.Expect = "constant", `{"a":1,"b":2}`, "3"
	})
}

func TestWrongReplyIsDetected(t *testing.T) {
	f := func(name, want string, spoil fake.Spoiler) {
		t.Helper()
		late := func(n int64, answer string) string {
			if n < 20 {
				return answer
			}
			return spoil(n, answer)
		}
		for transport, addr := range map[string]string{
			TransportTCP:        fake.Lines(t, "tcp", late),
			TransportHTTPModern: fake.HTTP(t, false, late),
		} {
			t.Run(name+" "+transport, func(t *testing.T) {
				r := runLoad(t, doomed(transport, addr))
				if r.Mismatches == 0 || r.Err() == nil {
					t.Fatalf("got %d mismatches, %v, want a failed run", r.Mismatches, r.Err())
				}
				contains(t, r.FirstFault, want)
			})
		}
	}
	f("one letter", "reply's text is not", func(_ int64, a string) string {
		return strings.Replace(a, `"text":"0`, `"text":"9`, 1)
	})
	f("another id", "no outstanding call", func(_ int64, a string) string {
		return strings.Replace(a, `"id":1`, `"id":7`, 1)
	})
	f("string id", "no outstanding call", func(_ int64, a string) string {
		a = strings.Replace(a, `"id":`, `"id":"`, 1)
		return strings.Replace(a, `,"result"`, `","result"`, 1)
	})
	f("no JSON", "not JSON", func(_ int64, a string) string { return a[:len(a)-1] })
	f("no result", "no result", func(_ int64, a string) string {
		return strings.Replace(a, `"result"`, `"outcome"`, 1)
	})
	f("garbage", "not JSON", func(int64, string) string { return "Not found." })
}

func TestWrongEchoAndFixedAnswer(t *testing.T) {
	reads := 0
	addr := fake.Echo(t, func(b []byte) {
		if reads++; reads > 20 {
			b[5] ^= 1
		}
	})
	o := doomed(TransportEcho, addr)
	o.Conns = 1
	r := runLoad(t, o)
	if r.Mismatches != 1 {
		t.Errorf("got %d mismatches, want 1", r.Mismatches)
	}
	contains(t, r.FirstFault, "echo differs")

	addr = fake.HTTP(t, false, func(n int64, _ string) string {
		return `{"n":` + strings.Repeat("1", 1+int(n/50)) + `}`
	})
	r = runLoad(t, doomed(TransportHTTPFixed, addr))
	contains(t, r.FirstFault, "fixed answer changed")
}

func TestDuplicateReplyIsDetected(t *testing.T) {
	addr := fake.Lines(t, "tcp", func(_ int64, a string) string { return a + "\n" + a })
	r := runLoad(t, doomed(TransportTCP, addr))
	if r.Mismatches == 0 {
		t.Errorf("got no mismatch, want the second answer to the same call to be one")
	}
}

func TestRefusalsAreCountedApart(t *testing.T) {
	for transport, addr := range map[string]string{
		TransportTCP:        fake.Lines(t, "tcp", nil),
		TransportHTTPLegacy: fake.HTTP(t, false, nil),
	} {
		o := quick(transport, addr)
		o.Tool = "fail"
		r := runLoad(t, o)
		if r.Refused == 0 || r.Mismatches != 0 || r.Calls != 0 || r.Err() == nil {
			t.Errorf("got %+v, want errors only", r)
		}
	}
}

func TestLostConnectionIsNoted(t *testing.T) {
	addr := fake.Lines(t, "tcp", func(n int64, a string) string {
		if n == 20 {
			return ""
		}
		return a
	})
	o := doomed(TransportTCP, addr)
	o.Conns = 1
	r := runLoad(t, o)
	if r.Closed != 1 || r.Mismatches != 0 || r.Err() == nil {
		t.Errorf("got %d closed, %d mismatches, %v", r.Closed, r.Mismatches, r.Err())
	}
}

func TestHandshakeFails(t *testing.T) {
	_, err := Run(t.Context(), quick(TransportTCP, fake.Echo(t, nil)), Hooks{})
	if err == nil {
		t.Fatal("got no error, want one: an echo is no answer to initialize")
	}
	contains(t, err.Error(), "initialize was answered")
}

func TestStdioMeasuresItsChild(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := quick(TransportStdio, "")
	o.Conns, o.Depth, o.Command = 1, 64, []string{exe, "fake-stdio"}
	r := runLoad(t, o)
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	if r.Server.PerCall <= 0 || r.Server.After.RSS == 0 || r.Client.Share <= 0 {
		t.Errorf("got %+v, want the child's CPU and memory", r)
	}
}

func TestOptionsNameEveryFault(t *testing.T) {
	o := DefaultOptions()
	o.Transport, o.Conns, o.Depth, o.Era = "smoke", 20_000, 0, "late"
	err := o.Validate()
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{"smoke", "20000", "depth 0", `era "late"`, "no address"} {
		contains(t, err.Error(), want)
	}
	o = DefaultOptions()
	o.Addr = "127.0.0.1:1"
	if err := o.Validate(); err != nil {
		t.Errorf("got %v for the defaults with an address", err)
	}
}
