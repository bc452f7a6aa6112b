//go:build !race

package client

import (
	"bytes"
	"context"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
)

// silent is a wire that takes everything and answers nothing.
type silent struct{ sent int }

func (s *silent) prepare() *job { return nil }

func (s *silent) send(*Call, *job, *encoder, *facts) error {
	s.sent++
	return nil
}

func (s *silent) drop(*Call, *job)            {}
func (s *silent) close(error) <-chan struct{} { return nil }

// TestMuxAllocs: a call through the async core allocates nothing, in both eras, with progress.
func TestMuxAllocs(t *testing.T) {
	for _, version := range []mcp.Version{mcp.V20251125, mcp.V20260728} {
		opt := Options{}.withDefaults()
		m := newMux(&opt, nil)
		wire := &silent{}
		m.wire = wire
		m.facts.Store(testFacts(version))
		r := reader{m: m}
		done := 0
		c := &Call{
			Method: "tools/call", Params: []byte(`{"name":"echo","arguments":{"message":"hello"}}`),
			Done:     func(*Call, Answer) { done++ },
			Progress: func(*Call, []byte) {},
		}
		var answer []byte
		const opening, rest = `{"jsonrpc":"2.0","id":`, `,"result":{"content":[]}}`
		allocs := testing.AllocsPerRun(1000, func() {
			if err := m.Start(c); err != nil {
				t.Fatal(err)
			}
			answer = append(answer[:0], opening...)
			answer = append(strconv.AppendUint(answer, c.id, 10), rest...)
			r.take(answer, anyCall, Answer{}, nil)
		})
		if allocs != 0 || done != wire.sent {
			t.Errorf("%s: got %v allocations, %d answers for %d calls", version, allocs, done,
				wire.sent)
		}
	}
}

// fixedToken is a TokenSource.
type fixedToken struct{}

func (fixedToken) Token(context.Context) (string, time.Time, error) {
	return "Bearer one", time.Time{}, nil
}

func (fixedToken) Refused(context.Context, int, string) error { return nil }

// TestTokensAllocs: a request with a token that has not changed costs no allocation more.
func TestTokensAllocs(t *testing.T) {
	all := NewTokens(fixedToken{})
	defer all.Close()
	if err := all.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := newHeads(&url.URL{Scheme: "http", Host: "h", Path: "/mcp"}, map[string]string{"A": "b"})
	f, e := testFacts(mcp.V20260728), &encoder{body: []byte(`{}`)}
	c := &Call{Method: "tools/list", Identity: []byte("A: b\r\nB: c\r\n")}
	var out []byte
	allocs := testing.AllocsPerRun(1000, func() {
		out = h.request(out[:0], all.now(c.Identity).text(), c, e, f)
	})
	if allocs != 0 || !bytes.Contains(out, []byte("\r\nAuthorization: Bearer one\r\n")) {
		t.Errorf("got %v allocations for %q, want 0 and the token", allocs, out)
	}
}
