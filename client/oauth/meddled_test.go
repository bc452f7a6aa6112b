package oauth_test

import (
	"context"
	"errors"
	"net/http"
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

const wantsW = `Bearer error="insufficient_scope", scope="w"`

// TestWantedMeanwhile: what a server that runs notes for the next login does not undo a login, or
// a logout, that another process has just done.
func TestWantedMeanwhile(t *testing.T) {
	w, store := newWorld(t), &shelf{}
	w.works(w.source(with(store)))
	ask := func(meddle func()) (*oauth.Source, error) {
		m := &meddled{store, meddle}
		s := w.source(alone(m))
		if _, _, err := s.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := s.Refused(t.Context(), http.StatusForbidden, wantsW)
		if m.meddle != nil {
			t.Error("the lock was not asked for")
		}
		return s, err
	}
	login := func() {
		if err := w.source(with(store)).Login(t.Context()); err != nil {
			t.Error(err)
		}
	}
	s, err := ask(login)
	if value, _, _ := s.Token(t.Context()); err != nil || value != "Bearer HIDDEN-access-2" {
		t.Errorf("after a login: got %q, %v; want its token", value, err)
	}
	if stored, _ := store.Load(w.url()); stored.Access != "HIDDEN-access-2" {
		t.Error("the login is undone")
	}
	_, err = ask(func() {
		store.change(t, w.url(), func(s *oauth.Stored) {
			s.Access, s.Expiry = "ended", time.Now().Add(-time.Second)
		})
	})
	if stored, _ := store.Load(w.url()); !errors.Is(err, oauth.ErrLogin) || stored.Wanted != nil {
		t.Errorf("after a login that has ended: got %v, want ErrLogin and nothing saved", err)
	}
	login()
	_, err = ask(store.empty)
	if stored, _ := store.Load(w.url()); !errors.Is(err, oauth.ErrLogin) || stored != nil {
		t.Errorf("after a logout: got %v and %v, want ErrLogin and nothing", err, stored)
	}
}

// TestLoginDuringRenewal: a login waits for a renewal that is under way, and stands in its place.
func TestLoginDuringRenewal(t *testing.T) {
	w, store := newWorld(t), &shelf{}
	w.works(w.source(with(store)))
	m := &meddled{store, func() {
		store.change(t, w.url(), func(s *oauth.Stored) { s.Access = "renewed" })
	}}
	if err := w.source(with(m)).Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	stored, _ := store.Load(w.url())
	if m.meddle != nil || stored.Access != "HIDDEN-access-2" {
		t.Error("the login does not wait for a renewal, or the renewal undid it")
	}
}

// TestFullStoreMeanwhile: a token that could not be saved is used until another process has logged
// in, or out.
func TestFullStoreMeanwhile(t *testing.T) {
	w, store := newWorld(t), &shelf{}
	w.lifetime = 3600
	is := func(s *oauth.Source, want string) {
		t.Helper()
		if value, _, err := s.Token(t.Context()); value != want || err != nil {
			t.Errorf("got %q, %v; want %q", value, err, want)
		}
	}
	full := func(err error) {
		store.mu.Lock()
		defer store.mu.Unlock()
		store.fails = err
	}
	unsaved := func() *oauth.Source { // has renewed what is saved
		store.change(t, w.url(), func(s *oauth.Stored) { s.Expiry = time.Now().Add(-time.Second) })
		s := w.source(alone(store))
		full(errors.New("the disk is full"))
		defer full(nil)
		w.works(s)
		return s
	}
	w.works(w.source(with(store)))
	s := unsaved()
	is(s, "Bearer HIDDEN-access-2")
	if err := w.source(with(store)).Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	is(s, "Bearer HIDDEN-access-3")
	s = unsaved()
	is(s, "Bearer HIDDEN-access-4")
	store.empty()
	is(s, "")
}
