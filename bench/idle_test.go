package bench

import (
	"os"
	"testing"
	"time"
)

func TestIdle(t *testing.T) {
	f := func(transport, addr string, abandon bool) {
		t.Helper()
		o := IdleOptions{
			Load: quick(transport, addr), Hold: 10 * time.Millisecond,
			Abandon: abandon, TTL: 10 * time.Millisecond,
		}
		o.Load.Conns, o.Load.PID = 100, os.Getpid()
		r, err := RunIdle(o)
		if err != nil {
			t.Fatalf("%s: %v", transport, err)
		}
		if r.Before.RSS == 0 || r.Reached.RSS == 0 || r.Held.RSS == 0 || r.Errors != 0 {
			t.Errorf("%s: got %+v", transport, r)
		}
		if abandon != (r.Left > 0) {
			t.Errorf("%s: got %v left, abandoned is %v", transport, r.Left, abandon)
		}
	}
	f(TransportTCP, startLines(t, "tcp", nil), false)
	f(TransportUnix, startLines(t, "unix", nil), false)
	plain := startHTTP(t, false, nil)
	f(TransportHTTPModern, plain, false)
	f(TransportHTTPLegacy, plain, false)
	f(TransportHTTPLegacy, plain, true)
}

func TestIdleRefusesWrongReplies(t *testing.T) {
	addr := startLines(t, "tcp", func(_ int64, a string) string { return "x" + a })
	o := IdleOptions{Load: quick(TransportTCP, addr)}
	o.Load.PID = os.Getpid()
	_, err := RunIdle(o)
	if err == nil {
		t.Fatal("got no error")
	}
	contains(t, err.Error(), "not JSON")
	o.Abandon = true
	if _, err = RunIdle(o); err == nil {
		t.Error("got no error for sessions abandoned over tcp")
	}
}
