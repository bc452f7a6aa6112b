package oauth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client/oauth"
)

// endless is an answer without an end.
func endless(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "application/json")
	block := []byte(strings.Repeat(" ", 32<<10))
	for {
		if _, err := rw.Write(block); err != nil {
			return
		}
	}
}

// text answers 200 with a body.
func text(body string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, body) }
}

// TestHostileMetadata: nothing of these documents is used: nobody is asked to log in, nothing is
// registered.
func TestHostileMetadata(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		want   string
	}{
		"giant, of the resource": {func(w *world) {
			w.on[prmOfPath] = endless
		}, "DocumentBytesMax"},
		"giant, of the issuer": {func(w *world) { w.on[asOAuth] = endless }, "DocumentBytesMax"},
		"another resource": {func(w *world) {
			w.prm["resource"] = "https://evil.example/mcp"
		}, "another resource"},
		"another port": {func(w *world) {
			w.prm["resource"] = w.as.URL + "/mcp"
		}, "another resource"},
		"another path": {func(w *world) {
			w.prm["resource"] = w.rs.URL + "/mc"
		}, "another resource"},
		"no resource": {func(w *world) { w.prm["resource"] = nil }, "resource"},
		"no authorization server": {func(w *world) {
			w.prm["authorization_servers"] = []string{}
		}, "no authorization server"},
		"an authorization server over plain HTTP": {func(w *world) {
			w.prm["authorization_servers"] = []string{"http://as.example"}
		}, "not https"},
		"a file": {func(w *world) {
			w.prm["authorization_servers"] = []string{"file:///etc/passwd"}
		}, "no host"},
		"a user": {func(w *world) {
			w.prm["authorization_servers"] = []string{"https://a:b@as.example"}
		}, "no user"},
		"another issuer": {func(w *world) {
			w.meta["issuer"] = "https://honest.example"
		}, "is of another"},
		"another writing of the issuer": {func(w *world) {
			w.meta["issuer"] = w.as.URL + "/"
		}, "is of another"},
		"a token endpoint over plain HTTP": {func(w *world) {
			w.meta["token_endpoint"] = "http://as.example/token"
		}, "not https"},
		"a page that is a script": {func(w *world) {
			w.meta["authorization_endpoint"] = "javascript:alert(1)"
		}, "no host"},
		"no PKCE": {func(w *world) { w.meta["code_challenge_methods_supported"] = nil }, "S256"},
		"plain PKCE": {func(w *world) {
			w.meta["code_challenge_methods_supported"] = []string{"plain"}
		}, "S256"},
		"metadata elsewhere, over plain HTTP": {func(w *world) {
			w.on["rs POST /mcp"] = moved(w, "http://metadata.example/latest")
		}, "not https"},
		"metadata elsewhere, not there": {func(w *world) {
			w.on["rs POST /mcp"] = moved(w, w.rs.URL+"/gone")
		}, "no such document"},
		"a redirect to plain HTTP": {func(w *world) {
			w.on[asOAuth] = redirect("http://as.example/metadata")
		}, "not https"},
		"a redirect without an end": {func(w *world) {
			w.on[asOAuth] = redirect("/.well-known/oauth-authorization-server")
		}, "redirects"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.change(w)
			s := w.source(func(opt *oauth.Options) {
				opt.ClientID, opt.DocumentBytesMax = "us", 64<<10
			})
			fails(t, w, s, c.want)
			if w.asked("as GET /authorize")+w.asked("as POST /token") != 0 {
				t.Errorf("it went on: %v", w.log)
			}
		})
	}
}

func redirect(to string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, to, http.StatusTemporaryRedirect)
	}
}

// TestRedirectsOfMetadata: a few are followed, as documents move.
func TestRedirectsOfMetadata(t *testing.T) {
	w := newWorld(t)
	w.on[asOAuth] = redirect("/new")
	w.on["as GET /new"] = w.metadata
	w.works(w.source(nil))
}

// TestHostileTokens: a token endpoint that answers these gives nothing, and what it was sent is
// not in what is said of it.
func TestHostileTokens(t *testing.T) {
	stolen := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("what was for the token endpoint went elsewhere")
	}))
	t.Cleanup(stolen.Close)
	token := func(value string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			reply(rw, 200, map[string]any{"access_token": value, "token_type": "Bearer"})
		}
	}
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		want   string
	}{
		"a redirect":   {redirect(stolen.URL), "307"},
		"giant":        {endless, "DocumentBytesMax"},
		"no JSON":      {text("<html>HIDDEN"), "cannot be read"},
		"no token":     {text("{}"), "cannot be read"},
		"two lines":    {token("a\r\nX-Evil: b"), "header"},
		"two words":    {token("a b"), "header"},
		"a long token": {token(strings.Repeat("a", 17<<10)), "header"},
		"another type": {func(rw http.ResponseWriter, _ *http.Request) {
			reply(rw, 200, map[string]any{"access_token": "a", "token_type": "DPoP"})
		}, "only Bearer"},
		"an echo": {func(rw http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			user, password, _ := r.BasicAuth()
			said := fmt.Sprint(r.PostForm.Get("code"), " ", r.PostForm.Encode(), user, password)
			reply(rw, 400, map[string]any{"error": "odd\x1b[2J", "error_description": said})
		}, "odd?[2J"},
		"a page that failed": {func(rw http.ResponseWriter, _ *http.Request) {
			http.Error(rw, "HIDDEN stack trace", http.StatusInternalServerError)
		}, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.meta["token_endpoint_auth_methods_supported"] = nil
			w.on["as POST /token"] = c.handle
			s := w.source(func(opt *oauth.Options) { opt.DocumentBytesMax = 64 << 10 })
			fails(t, w, s, c.want)
		})
	}
}

// TestHostileRegistration: the same of registrations.
func TestHostileRegistration(t *testing.T) {
	answer := func(status int, v map[string]any) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) { reply(rw, status, v) }
	}
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		want   string
	}{
		"refused": {answer(400, map[string]any{
			"error": "invalid_redirect_uri", "error_description": "use https",
		}), "invalid_redirect_uri (use https)"},
		"giant":   {endless, "DocumentBytesMax"},
		"no JSON": {text("welcome"), "JSON"},
		"no id":   {answer(201, map[string]any{}), "no client_id"},
		"a line":  {answer(201, map[string]any{"client_id": "a\nb"}), "not ASCII"},
		"another method": {answer(201, map[string]any{
			"client_id": "a", "token_endpoint_auth_method": "tls_client_auth",
		}), "tls_client_auth"},
		"no secret": {answer(201, map[string]any{
			"client_id": "a", "token_endpoint_auth_method": "client_secret_post",
		}), "no client_secret"},
		"a redirect": {redirect("http://127.0.0.1:1/"), "307"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.on["as POST /register"] = c.handle
			s := w.source(func(opt *oauth.Options) { opt.DocumentBytesMax = 64 << 10 })
			fails(t, w, s, c.want)
		})
	}
	w := newWorld(t)
	w.meta["registration_endpoint"] = nil
	fails(t, w, w.source(nil), "set Options.ClientID")
}

// TestHostileCallbacks: an answer that is not the one to our question, of the server that we
// asked, brings no token request; what it says is not shown.
func TestHostileCallbacks(t *testing.T) {
	for name, c := range map[string]struct {
		back func(w *world, q url.Values)
		want string
	}{
		"no state":      {func(_ *world, q url.Values) { q.Del("state") }, "its state is not ours"},
		"another state": {func(_ *world, q url.Values) { q.Set("state", "x") }, "state"},
		"two codes":     {func(_ *world, q url.Values) { q.Add("code", "HIDDEN-x") }, "code twice"},
		"no code":       {func(_ *world, q url.Values) { q.Del("code") }, "no code"},
		"no issuer":     {func(_ *world, q url.Values) { q.Del("iss") }, "(iss)"},
		"another issuer": {func(_ *world, q url.Values) {
			q.Set("iss", "https://evil.example")
		}, "of another authorization server"},
		"another writing": {func(w *world, q url.Values) {
			q.Set("iss", strings.ToUpper(w.as.URL))
		}, "of another authorization server"},
		"unasked issuer": {func(w *world, q url.Values) {
			q.Set("iss", "https://evil.example")
		}, "of another authorization server"},
		"an error": {func(_ *world, q url.Values) {
			q.Set("error", "access_denied")
			q.Set("error_description", "no\x00")
		}, "access_denied (no?)"},
		"an error of another": {func(_ *world, q url.Values) {
			q.Set("error", "HIDDEN")
			q.Set("iss", "https://evil.example")
		}, "of another authorization server"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if name == "unasked issuer" {
				w.meta["authorization_response_iss_parameter_supported"] = nil
			}
			w.back = func(q url.Values) { c.back(w, q) }
			fails(t, w, w.source(nil), c.want)
			if w.asked("as POST /token") != 0 {
				t.Error("the code was used")
			}
		})
	}
}

// TestSlow: an authorization server that does not answer holds nobody longer than RequestTimeout,
// or than they will wait; one who waits behind another may go.
func TestSlow(t *testing.T) {
	for _, at := range []string{"metadata", "token"} {
		w := newWorld(t)
		release, reached := make(chan struct{}), make(chan struct{}, 9)
		slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			reached <- struct{}{}
			<-release
		}))
		t.Cleanup(slow.Close)
		t.Cleanup(func() { close(release) })
		if w.meta["token_endpoint"] = slow.URL; at == "metadata" {
			w.prm["authorization_servers"] = []string{slow.URL}
		}
		s := w.source(func(opt *oauth.Options) { opt.RequestTimeout = 50 * time.Millisecond })
		if _, err := w.call(s); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v, want that it took too long", at, err)
		}
		<-reached
		s = w.source(func(opt *oauth.Options) { opt.RequestTimeout = time.Hour })
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() { first <- s.Refused(ctx, 401, "Bearer") }()
		<-reached
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, _, err := s.Token(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want that the caller left", at, err)
		}
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want that the caller left", at, err)
		}
	}
}

// TestSlowUser: a user who does not come is waited for LoginTimeout.
func TestSlowUser(t *testing.T) {
	w := newWorld(t)
	s := w.source(func(opt *oauth.Options) {
		opt.LoginTimeout = time.Millisecond
		opt.Open = func(ctx context.Context, _ string) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}
	})
	if _, err := w.call(s); !errors.Is(err, oauth.ErrLogin) ||
		!errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want ErrLogin", err)
	}
}
