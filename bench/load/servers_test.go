package load

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/bench/fake"
	"github.com/mcploop/mcploop/bench/result"
)

func TestMain(m *testing.M) {
	if fake.Serve(os.Args[1:]) {
		return
	}
	os.Exit(m.Run())
}

// quick returns options for a load of a fraction of a second.
func quick(transport, addr string) Options {
	o := DefaultOptions()
	o.Transport, o.Addr = transport, addr
	o.Conns, o.Depth = 4, 1
	o.Span, o.Warmup = 60*time.Millisecond, 20*time.Millisecond
	o.Patience = 5 * time.Second
	return o
}

// doomed returns options for a load that ends as soon as every connection has failed.
func doomed(transport, addr string) Options {
	o := quick(transport, addr)
	o.Span = time.Minute
	return o
}

// runLoad makes the load or fails the test.
func runLoad(t *testing.T, o Options) result.Load {
	t.Helper()
	r, err := Run(t.Context(), o, Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// runUntil makes the load, which ends when the server has made so many answers.
func runUntil(
	t *testing.T, serve func(*testing.T, fake.Spoiler) Options, spoil fake.Spoiler, many int64,
	change func(*Options),
) result.Load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := serve(t, func(n int64, answer string) string {
		if n >= many {
			defer cancel()
		}
		if spoil == nil {
			return answer
		}
		return spoil(n, answer)
	})
	o.Span = time.Minute
	change(&o)
	r, err := Run(ctx, o, Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func contains(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("got %q, want it to contain %q", got, want)
	}
}
