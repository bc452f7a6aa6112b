package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/bench/fake"
	"github.com/mcploop/mcploop/bench/load"
)

func TestCrowdOfSeveralProcesses(t *testing.T) {
	o := short(t, nil)
	c, err := crew(t, "good").Gather(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer noChild(t)
	defer c.Close()
	f := func(calls uint64, state load.State, err error) {
		t.Helper()
		if err != nil || state.Open != 10 || state.Calls != calls {
			t.Errorf("got %+v, %v, want 10 connections and %d calls", state, err, calls)
		}
	}
	s, err := c.Greet()
	f(0, s, err)
	s, err = c.Call(3)
	f(30, s, err)
	s, err = c.Resize(2000)
	f(30, s, err)
	s, err = c.Call(1)
	f(40, s, err)
	s, err = c.Hold(time.Millisecond)
	f(40, s, err)
}

// TestBadWorkersEndACrowd: at once, or after they have done some of their work. Nobody waits for
// the others' hour.
func TestBadWorkersEndACrowd(t *testing.T) {
	for how, want := range map[string]string{
		"dies":            "(exit status 1): I am out of order",
		"babbles":         "cannot read what a client process reports",
		"hangs":           errLate.Error(),
		"is silent":       errLate.Error(),
		"dies later":      "(exit status 1): I am out of order",
		"babbles later":   "cannot read what a client process reports",
		"hangs later":     errLate.Error(),
		"is silent later": errLate.Error(),
	} {
		f := crew(t, how)
		later := strings.HasSuffix(how, " later")
		if !later && want == errLate.Error() {
			f.Patience = 300*time.Millisecond - greetTime
		}
		c, err := f.Gather(t.Context(), short(t, nil))
		if later != (err == nil) {
			t.Fatalf("%s: got %v", how, err)
		}
		if err == nil {
			if want == errLate.Error() {
				f.Patience = 300 * time.Millisecond
			}
			_, err = c.Resize(200)
			c.Close()
		}
		contains(t, fmt.Sprint(err), want)
		noChild(t)
	}
}

// TestCrowdEndsWithItsFirstFault: the others are not waited for.
func TestCrowdEndsWithItsFirstFault(t *testing.T) {
	c, err := crew(t, "good").Gather(t.Context(), short(t, fake.Fault("double")))
	if err != nil {
		t.Fatal(err)
	}
	defer noChild(t)
	defer c.Close()
	_, err = c.Call(20)
	contains(t, fmt.Sprint(err), "first fault")
	if _, err = c.Call(1); err == nil {
		t.Error("got no error of a crowd that has ended")
	}
}

func TestInterruptedCrowd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := short(t, func(n int64, a string) string {
		if n == 15 {
			cancel()
			return fake.Cut
		}
		return a
	})
	c, err := crew(t, "good").Gather(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer noChild(t)
	defer c.Close()
	if _, err = c.Call(2); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was interrupted", err)
	}
}
