package gateway

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mcploop/mcploop/client/oauth"
)

// TestTokenStoreLock: one at a time has it, whatever opened it; one that leaves does not; what is
// removed was not about to be saved.
func TestTokenStoreLock(t *testing.T) {
	const resource = "https://mcp.example/mcp"
	dir := t.TempDir()
	var _ oauth.Locker = TokenStore{}
	var held, turns atomic.Int32
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			s := TokenStore{Dir: dir, Name: "u"}
			unlock, err := s.Lock(t.Context(), resource)
			if err != nil {
				t.Error(err)
				return
			}
			if held.Add(1) != 1 {
				t.Error("two have it")
			}
			turns.Add(1)
			held.Add(-1)
			unlock()
		})
	}
	wait.Wait()
	if n := turns.Load(); n != 8 {
		t.Errorf("%d had it, want 8", n)
	}
	s := TokenStore{Dir: dir, Name: "u"}
	unlock, err := s.Lock(t.Context(), resource)
	if err != nil {
		t.Fatal(err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := s.Lock(gone, resource); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the caller left", err)
	}
	other, err := TokenStore{Dir: dir, Name: "other"}.Lock(t.Context(), resource)
	if err != nil {
		t.Fatal(err)
	}
	other()
	removed := make(chan bool)
	go func() {
		was, err := s.Remove(resource)
		if err != nil {
			t.Error(err)
		}
		removed <- was
	}()
	if err := s.Save(resource, &oauth.Stored{Access: "a"}); err != nil { // as a renewal does
		t.Error(err)
	}
	unlock()
	if was := <-removed; !was {
		t.Error("it was removed before it was saved")
	}
	if left, err := s.Load(resource); left != nil || err != nil {
		t.Errorf("what was removed is there: %v, %v", left, err)
	}
}

// TestRemoveUnfinished: what a Save that was killed has left goes with the tokens, also when it is
// all that there is; that of another upstream stays.
func TestRemoveUnfinished(t *testing.T) {
	const resource = "https://mcp.example/mcp"
	s := TokenStore{Dir: t.TempDir(), Name: "u"}
	left := func(s TokenStore) string {
		f, err := os.CreateTemp(s.Dir, s.unfinished(resource))
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		return f.Name()
	}
	other := left(TokenStore{Dir: s.Dir, Name: "u-1"})
	if err := s.Save(resource, &oauth.Stored{Access: "a"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		killed := left(s)
		if was, err := s.Remove(resource); !was || err != nil {
			t.Errorf("got %v, %v; want that something was removed", was, err)
		}
		if _, err := os.Stat(killed); err == nil {
			t.Error("what a killed Save has left is there")
		}
	}
	if was, err := s.Remove(resource); was || err != nil {
		t.Errorf("got %v, %v; want that there was nothing", was, err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("that of another upstream is gone: %v", err)
	}
}
