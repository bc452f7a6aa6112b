package gateway

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
)

// loses makes a call and cuts the connection. It returns the call, with how it ended and before it
// is tried again, when the instance has taken note.
func (x *tester) loses(c *caller) (f *forward, err error) {
	x.t.Helper()
	f, _ = x.begins(c, mcp.LatestLegacy)
	lost := make(chan error, 1)
	f.Done = func(_ *client.Call, a client.Answer) { lost <- a.Err }
	f.live.Mux().Stats() // as in gated
	x.conn.Close()
	err = await(x.t, "the loss", lost)
	for end := time.Now().Add(patience); !x.isWaiting(); runtime.Gosched() {
		if time.Now().After(end) {
			x.t.Fatal("the instance does not notice that its connection is lost")
		}
	}
	return f, err
}

func (x *tester) isWaiting() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return !x.retry.IsZero()
}

// TestNoWaitForALateAttempt: the second try of a call is not kept for an attempt that is far away;
// that for one that is near is, but not for ever: this one hangs.
func TestNoWaitForALateAttempt(t *testing.T) {
	for _, late := range []bool{true, false} {
		x := startTester(t)
		if late {
			g := x.shared[0].gate
			g.mu.Lock()
			g.due = time.Now().Add(time.Hour)
			g.mu.Unlock()
		}
		c := newCaller(t, "")
		f, err := x.loses(c)
		if !errors.Is(err, client.ErrGone) {
			t.Fatalf("got %v, want that it has gone", err)
		}
		f.tryAgain(err)
		if late && len(c.outcome) != 1 {
			t.Error("the call waits for an attempt in an hour")
		}
		if got := await(t, "the answer", c.outcome); !strings.Contains(got, "has gone") {
			t.Errorf("late %v: got %s, want how the call ended", late, got)
		}
	}
}
