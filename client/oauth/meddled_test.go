package oauth_test

import (
	"context"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client/oauth"
)

// meddled is a shelf with another process at it while a Source waits for its lock.
type meddled struct {
	*shelf
	meddle func() // once
}

func (m *meddled) Lock(ctx context.Context, resource string) (func(), error) {
	if meddle := m.meddle; meddle != nil {
		m.meddle = nil
		meddle()
	}
	return m.shelf.Lock(ctx, resource)
}

// empty is what a logout does.
func (s *shelf) empty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.kept)
}

// TestLogoutDuringRenewal: who waits to renew a token finds that there is none any more.
func TestLogoutDuringRenewal(t *testing.T) {
	w, store := newWorld(t), &shelf{}
	w.lifetime = 3600
	w.works(w.source(with(store)))
	ended := func(s *oauth.Stored) { s.Expiry = time.Now().Add(-time.Second) }
	for name, logout := range map[string]func(){
		"no token": func() {
			store.change(t, w.url(), func(s *oauth.Stored) { s.Access, s.Refresh = "", "" })
		},
		"nothing": store.empty,
	} {
		store.change(t, w.url(), ended)
		before, _ := store.Load(w.url())
		s := w.source(alone(&meddled{store, logout}))
		if value, renew, err := s.Token(t.Context()); value != "" || !renew.IsZero() || err != nil {
			t.Errorf("%s: got %q, %v, %v; want no token", name, value, renew, err)
		}
		if err := store.Save(w.url(), before); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.forms); n != 1 {
		t.Errorf("%d tokens were asked for, want 1", n)
	}
}
