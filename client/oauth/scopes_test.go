package oauth_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client/oauth"
)

// TestScopes: those of the challenge, else those of the resource, else none; with ours, and with
// offline_access where the authorization server has it.
func TestScopes(t *testing.T) {
	for name, c := range map[string]struct {
		say             string
		supported, ours []string
		offline         bool
		want            string
	}{
		"challenge":         {`, scope="w r"`, []string{"x"}, nil, false, "r w"},
		"resource":          {``, []string{"x", "a"}, nil, false, "a x"},
		"none":              {``, nil, nil, false, ""},
		"none, and offline": {``, nil, nil, true, ""},
		"offline":           {`, scope=r`, nil, nil, true, "r offline_access"},
		"ours":              {``, []string{"x"}, []string{"o"}, false, "o"},
		"ours, challenge":   {`, scope="r"`, nil, []string{"o", "r"}, false, "o r"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.say = c.say
			if c.supported != nil {
				w.prm["scopes_supported"] = c.supported
			}
			if c.offline {
				w.meta["scopes_supported"] = []string{"offline_access", "r"}
			}
			w.works(w.source(func(opt *oauth.Options) { opt.Scopes = c.ours }))
			got, has := w.pages[0]["scope"]
			if strings.Join(got, "") != c.want || has != (c.want != "") {
				t.Errorf("it asked for the scopes %q, want %q", got, c.want)
			}
		})
	}
}

// TestStepUp: a 403 brings more scopes beside those that there are; one that asks for what was
// asked for is final, and nobody is asked again.
func TestStepUp(t *testing.T) {
	w := newWorld(t)
	w.say, w.need = `, scope="r"`, []string{"r"}
	s := w.source(nil)
	w.works(s)
	w.set(func() { w.need = []string{"w"} })
	w.works(s)
	if n, got := len(w.pages), w.pages[1].Get("scope"); n != 2 || got != "r w" {
		t.Errorf("the user was asked %d times, for %q at last; want 2 times, for r w", n, got)
	}
	w.set(func() { // it grants less than is asked for
		w.need = []string{"z"}
		w.on["as POST /token"] = func(rw http.ResponseWriter, _ *http.Request) {
			w.give(rw, "x", nil)
		}
	})
	if _, err := w.call(s); !errors.Is(err, oauth.ErrRefused) {
		t.Errorf("a server that is never content: %v, want ErrRefused", err)
	}
	if n := len(w.pages); n != 3 {
		t.Errorf("the user was asked %d times, want 3", n)
	}
	if err := s.Refused(t.Context(), 403, `Bearer error="other"`); !errors.Is(err,
		oauth.ErrRefused) || len(w.pages) != 3 {
		t.Errorf("a 403 that is not for scopes: %v, want ErrRefused", err)
	}
}

// TestEndlessStepUp: a server that wants one more scope each time gets ScopesMax of them.
func TestEndlessStepUp(t *testing.T) {
	w := newWorld(t)
	s := w.source(func(opt *oauth.Options) { opt.ScopesMax = 5 })
	w.works(s)
	var err error
	for i := 0; err == nil && i < 100; i++ {
		w.set(func() { w.need = []string{fmt.Sprint("more-", i)} })
		_, err = w.call(s)
	}
	if !errors.Is(err, oauth.ErrRefused) || !strings.Contains(err.Error(), "ScopesMax = 5") {
		t.Errorf("it ended with %v", err)
	}
	if n := len(w.pages); n != 6 {
		t.Errorf("the user was asked %d times, want 6", n)
	}
	value, _, err := s.Token(t.Context())
	if err != nil || value != "Bearer HIDDEN-access-6" {
		t.Errorf("the token for all else is lost: %q, %v", value, err)
	}
}

// TestEndlessRefusal: a server that takes no token at all has the user asked once.
func TestEndlessRefusal(t *testing.T) {
	w := newWorld(t)
	w.on["rs POST /mcp"] = moved(w, "")
	s := w.source(nil)
	w.on["as POST /token"] = func(rw http.ResponseWriter, r *http.Request) {
		w.token(rw, r)
		clear(w.tokens)
		clear(w.refresh)
	}
	for range 3 {
		if _, err := w.call(s); !errors.Is(err, oauth.ErrRefused) {
			t.Fatalf("got %v, want ErrRefused", err)
		}
	}
	if n := len(w.pages); n != 1 {
		t.Errorf("the user was asked %d times, want once", n)
	}
}

// TestOddScopes: what is no scope is not sent on.
func TestOddScopes(t *testing.T) {
	for _, scope := range []string{"a\\\"b", strings.Repeat("a", 300)} {
		w := newWorld(t)
		w.say = `, scope="` + scope + `"`
		if _, err := w.call(w.source(nil)); !errors.Is(err, oauth.ErrRefused) {
			t.Errorf("%.20q: got %v, want ErrRefused", scope, err)
		}
	}
}
