package oauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client/oauth"
)

// shelf is a Store in memory that keeps JSON, as one in files does, and its Locker.
type shelf struct {
	locked sync.Mutex // by a Source
	mu     sync.Mutex
	kept   map[string][]byte
	fails  error
}

func (s *shelf) Lock(context.Context, string) (func(), error) {
	s.locked.Lock()
	return s.locked.Unlock, nil
}

func (s *shelf) Load(resource string) (*oauth.Stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept[resource] == nil {
		return nil, nil
	}
	var stored oauth.Stored
	return &stored, json.Unmarshal(s.kept[resource], &stored)
}

func (s *shelf) Save(resource string, stored *oauth.Stored) error {
	raw, err := json.Marshal(stored)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return s.fails
	}
	if s.kept == nil {
		s.kept = map[string][]byte{}
	}
	s.kept[resource] = raw
	return err
}

// change rewrites what is kept for resource.
func (s *shelf) change(t *testing.T, resource string, with func(*oauth.Stored)) {
	t.Helper()
	stored, err := s.Load(resource)
	if err != nil || stored == nil {
		t.Fatalf("nothing is kept: %v", err)
	}
	with(stored)
	if err := s.Save(resource, stored); err != nil {
		t.Fatal(err)
	}
}

func alone(store oauth.Store) func(*oauth.Options) {
	return func(opt *oauth.Options) { opt.Store, opt.Open, opt.RedirectURL = store, nil, "" }
}

func with(store oauth.Store) func(*oauth.Options) {
	return func(opt *oauth.Options) { opt.Store = store }
}

// TestStore: what one process got, another uses, without asking anybody; and what yet another
// gets meanwhile. A login elsewhere ends the want of one.
func TestStore(t *testing.T) {
	w, store := newWorld(t), &shelf{}
	waiting := w.source(alone(store))
	if _, err := w.call(waiting); !errors.Is(err, oauth.ErrLogin) {
		t.Fatalf("got %v, want ErrLogin", err)
	}
	w.works(w.source(with(store)))
	w.works(waiting)
	w.works(w.source(alone(store)))
	w.set(func() { clear(w.tokens); clear(w.refresh) })
	if _, err := w.call(waiting); !errors.Is(err, oauth.ErrLogin) {
		t.Fatalf("got %v, want ErrLogin", err)
	}
	if err := w.source(with(store)).Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.works(waiting)
	if got := len(w.pages); got != 2 {
		t.Errorf("the user was asked %d times, want 2", got)
	}
}

// TestWanted: a 403 that nobody was there for is what the next login asks for.
func TestWanted(t *testing.T) {
	w, store := newWorld(t), &shelf{}
	w.say = `, scope="r"`
	w.works(w.source(with(store)))
	s := w.source(alone(store))
	w.set(func() { w.need = []string{"w"} })
	if _, err := w.call(s); !errors.Is(err, oauth.ErrLogin) {
		t.Fatalf("got %v, want ErrLogin", err)
	}
	if value, _, err := s.Token(t.Context()); err != nil || value != "Bearer HIDDEN-access-1" {
		t.Errorf("the token for all else is lost: %q, %v", value, err)
	}
	if err := w.source(with(store)).Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.works(s)
	if got := w.pages[1].Get("scope"); got != "r w" {
		t.Errorf("the login asked for %q, want r w", got)
	}
}

// TestRenewal: a token near its end is exchanged ahead, by the client that got it, and the
// refresh token with it; while that does not work what there is will do, and no longer.
func TestRenewal(t *testing.T) {
	w, store := newWorld(t), &shelf{}
	w.meta["token_endpoint_auth_methods_supported"] = nil // a secret comes with a registration
	w.lifetime = 3600
	w.works(w.source(with(store)))
	stored, _ := store.Load(w.url())
	if left := time.Until(stored.Expiry); left < 3500*time.Second || left > time.Hour {
		t.Errorf("the token is kept for %v, want an hour", left)
	}
	ends := func(in time.Duration) {
		store.change(t, w.url(), func(s *oauth.Stored) { s.Expiry = time.Now().Add(in) })
	}
	s := w.source(alone(store))
	value, renew, err := s.Token(t.Context())
	if left := time.Until(renew); err != nil || left < 3000*time.Second || left > 3300*time.Second {
		t.Errorf("%q, %v: to be renewed in %v, want 50 to 55 minutes", value, err, left)
	}
	ends(-time.Second)
	s = w.source(alone(store))
	w.works(s)
	w.works(s)
	if n := w.asked("as POST /token"); n != 2 || w.forms[1].Get("grant_type") != "refresh_token" ||
		w.forms[1].Get("resource") != w.url() {
		t.Errorf("%d tokens were asked for, the last by %v", n, w.forms[n-1])
	}
	if n := w.asked("as POST /register"); n != 1 {
		t.Errorf("it registered %d times", n)
	}
	w.set(func() {
		w.on["as POST /token"] = func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	ends(-time.Second)
	s = w.source(alone(store))
	if value, _, err = s.Token(t.Context()); err == nil || value != "" {
		t.Errorf("an ended token is used: %q", value)
	}
	w.set(func() { delete(w.on, "as POST /token"); clear(w.refresh) })
	if _, _, err = s.Token(t.Context()); !errors.Is(err, oauth.ErrLogin) {
		t.Errorf("a refresh token that is not taken: %v, want ErrLogin", err)
	}
	before := w.asked("as POST /token")
	if _, _, err = s.Token(t.Context()); !errors.Is(err, oauth.ErrLogin) ||
		w.asked("as POST /token") != before {
		t.Errorf("it is asked with again: %v", err)
	}
}

// TestRefusedToken: a token that is not taken any more is exchanged without a user.
func TestRefusedToken(t *testing.T) {
	w, store := newWorld(t), &shelf{}
	w.works(w.source(with(store)))
	s := w.source(alone(store))
	w.works(s)
	w.set(func() { clear(w.tokens) })
	w.works(s)
	if last := w.forms[len(w.forms)-1]; last.Get("grant_type") != "refresh_token" {
		t.Errorf("it asked by %v", last)
	}
}

// TestMigration: when the server names another authorization server, nothing that is the first
// one's comes to the second.
func TestMigration(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	store := &shelf{}
	s := w.source(with(store))
	w.works(s)
	w.set(func() {
		w.prm["authorization_servers"] = []string{other.as.URL}
		clear(w.tokens)
	})
	other.set(func() { // its tokens are taken by the same server
		other.on["as POST /token"] = func(rw http.ResponseWriter, r *http.Request) {
			other.token(rw, r)
			w.mu.Lock()
			defer w.mu.Unlock()
			maps.Copy(w.tokens, map[string][]string{"HIDDEN-access-1": nil})
		}
		other.clients["decoy"] = &party{} // so that the ids differ
	})
	w.works(s)
	if other.asked("as POST /register") != 1 {
		t.Error("it did not register with the other one")
	}
	for _, form := range slices.Concat(other.forms, other.pages) {
		if got := form.Get("client_id"); got != "client-2" || form.Has("refresh_token") {
			t.Errorf("the other one got %v", form)
		}
	}
	stored, _ := store.Load(w.url())
	if stored.Issuer != other.as.URL || stored.Client.ID != "client-2" {
		t.Errorf("kept is %v of %s", stored, stored.Client.ID)
	}
}

// TestMigrationOfConfigured: a configured client is not shown to another authorization server
// than the first, also after a restart.
func TestMigrationOfConfigured(t *testing.T) {
	w, other, store := newWorld(t), newWorld(t), &shelf{}
	w.clients["us"] = &party{
		method: oauth.MethodBasic, secret: "HIDDEN",
		redirects: []string{"http://127.0.0.1:1/callback"},
	}
	configured := func(opt *oauth.Options) {
		opt.ClientID, opt.ClientSecret, opt.Store = "us", "HIDDEN", store
	}
	w.works(w.source(configured))
	w.set(func() {
		w.prm["authorization_servers"] = []string{other.as.URL}
		clear(w.tokens)
	})
	fails(t, w, w.source(configured), "set Options.Issuer")
	if len(other.log) != 0 {
		t.Errorf("the other one was asked: %v", other.log)
	}
}

// TestForeignStored: what is stored for something else is not sent.
func TestForeignStored(t *testing.T) {
	for name, change := range map[string]func(*oauth.Stored){
		"resource": func(s *oauth.Stored) { s.Resource = "http://127.0.0.1:1/mcp" },
		"audience": func(s *oauth.Stored) { s.Audience = "http://127.0.0.1:1/mcp" },
		"issuer":   func(s *oauth.Stored) { s.Issuer = "http://127.0.0.1:1" },
	} {
		w, store := newWorld(t), &shelf{}
		w.works(w.source(with(store)))
		store.change(t, w.url(), change)
		value, _, err := w.source(func(opt *oauth.Options) {
			opt.Store, opt.Issuer = store, w.as.URL
		}).Token(t.Context())
		if value != "" || err != nil {
			t.Errorf("%s: a token for something else is sent: %q, %v", name, value, err)
		}
	}
}

// TestFullStore: a token that cannot be saved is used all the same, and who waits hears of it.
func TestFullStore(t *testing.T) {
	w, store := newWorld(t), &shelf{fails: errors.New("the disk is full")}
	w.say = `, scope="r"`
	s := w.source(with(store))
	fails(t, w, s, "the disk is full")
	w.works(s)
	w.set(func() { w.need = []string{"w"} })
	fails(t, w, s, "the disk is full")
	w.works(s)
	if n, got := len(w.pages), w.pages[1].Get("scope"); n != 2 || got != "r w" {
		t.Errorf("the user was asked %d times, for %q at last; want 2 times, for r w", n, got)
	}
}

// TestLostRegistration: an authorization server that has forgotten a client gets it anew.
func TestLostRegistration(t *testing.T) {
	w, store := newWorld(t), &shelf{}
	w.works(w.source(with(store)))
	w.set(func() { clear(w.clients); clear(w.tokens); w.clients["decoy"] = &party{} })
	w.works(w.source(with(store)))
	if n := w.asked("as POST /register"); n != 2 {
		t.Errorf("it registered %d times, want 2", n)
	}
}

// TestManySources: of many that share a Store, one exchanges the refresh token, as none may be
// used twice; the others get what it got. One whose user has logged out does not log in again.
func TestManySources(t *testing.T) {
	w, store := newWorld(t), &shelf{}
	w.lifetime = 3600
	w.works(w.source(with(store)))
	store.change(t, w.url(), func(s *oauth.Stored) { s.Expiry = time.Now().Add(-time.Second) })
	w.set(func() {
		w.on["as POST /token"] = func(rw http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			if _, fresh := w.refresh[r.PostForm.Get("refresh_token")]; !fresh { // it looks stolen
				clear(w.refresh)
				clear(w.tokens)
			}
			w.token(rw, r)
		}
	})
	var wait sync.WaitGroup
	for range 8 {
		s := w.source(alone(store))
		wait.Go(func() {
			if value, _, err := s.Token(t.Context()); value != "Bearer HIDDEN-access-2" {
				t.Errorf("got %q, %v", value, err)
			}
		})
	}
	wait.Wait()
	if n := len(w.forms); n != 2 {
		t.Errorf("%d tokens were asked for, want 2", n)
	}
	store.change(t, w.url(), func(s *oauth.Stored) { s.Expiry = time.Now().Add(-time.Second) })
	s := w.source(alone(store))
	store.locked.Lock() // somebody else renews, or logs out
	ended := make(chan error)
	go func() {
		_, _, err := s.Token(t.Context())
		ended <- err
	}()
	store.change(t, w.url(), func(s *oauth.Stored) { s.Access, s.Refresh = "", "" })
	store.locked.Unlock()
	if err := <-ended; err != nil && !errors.Is(err, oauth.ErrLogin) {
		t.Errorf("got %v, want ErrLogin", err)
	}
	if n := len(w.forms); n != 2 {
		t.Errorf("a token was asked for after the logout: %d", n)
	}
}
