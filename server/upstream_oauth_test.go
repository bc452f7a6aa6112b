package server_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/client/oauth"
	"github.com/mcploop/mcploop/client/oauth/fake"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// protected is a gateway before an upstream that wants OAuth.
type protected struct {
	*running
	as    *fake.Server
	store gateway.TokenStore
	opt   gateway.Options
}

// behindOAuth starts one. change may be nil.
func behindOAuth(t *testing.T, change func(*protected)) *protected {
	t.Helper()
	as, err := fake.New("http://" + start(t, nil).http)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(as.Close)
	p := &protected{as: as, store: gateway.TokenStore{Dir: t.TempDir(), Name: "up"}}
	p.opt = gateway.Options{
		Name: "up", BackoffMin: 10 * time.Millisecond, Client: client.Options{URL: as.URL},
		OAuth: &gateway.OAuth{Store: p.store},
	}
	if change != nil {
		change(p)
	}
	p.running = start(t, nil, func(s *server.Server) {
		if err := s.AddUpstream(p.opt); err != nil {
			t.Fatal(err)
		}
	})
	return p
}

// logIn puts tokens into the store, as mcploop login does.
func (p *protected) logIn(t *testing.T) {
	t.Helper()
	access, refresh := p.as.Token()
	err := p.store.Save(p.as.URL, &oauth.Stored{
		Resource: p.as.URL, Audience: p.as.URL, Issuer: p.as.Issuer,
		Client: oauth.Client{ID: "client-1"},
		Access: oauth.Secret(access), Refresh: oauth.Secret(refresh),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// loggedIn has tokens in the store before the gateway starts.
func loggedIn(t *testing.T) func(*protected) {
	return func(p *protected) { p.logIn(t) }
}

func (p *protected) of(metric string) float64 {
	return p.metric("mcploop_upstream_" + metric + `{upstream="up"}`)
}

func (p *protected) echo(tool string) string {
	return p.text(p.post(modernCall("1", tool, `{"message":"hello"}`)))
}

// keeps fails when a secret is where none belongs: in the log, the metrics, texts.
func (p *protected) keeps(t *testing.T, texts ...string) {
	t.Helper()
	resp, err := http.Get("http://" + p.http + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	texts = append(texts, p.text(resp), p.log.String(), fmt.Sprintf("%+v", p.Explain("up")))
	for _, secret := range p.as.Secrets() {
		for _, text := range texts {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in %.2000s", secret, text)
			}
		}
	}
	if n := p.as.Counts().Strays; n != 0 {
		t.Errorf("%d tokens went to the authorization server", n)
	}
}

// TestOAuthLoginWhileServing: an upstream without a token is not connected to again and again, says
// what to do, and goes on when somebody has logged in.
func TestOAuthLoginWhileServing(t *testing.T) {
	p := behindOAuth(t, nil)
	eventually(t, "a login is wanted", func() bool { return p.of("login_required") == 1 })
	answer := p.echo("up__echo")
	if strings.Contains(answer, `"reason"`) {
		t.Errorf("got %s of a tool that nobody knows yet", answer)
	}
	report := p.Explain("up").Upstreams[0]
	if report.State != "login required" ||
		!strings.Contains(report.LastError, "mcploop login up -c FILE") {
		t.Errorf("explain says %q, %q; want the cure", report.State, report.LastError)
	}
	p.logIn(t)
	p.has("up__echo", true)
	if got := p.echo("up__echo"); !strings.Contains(got, `"text":"hello"`) {
		t.Errorf("got %s", got)
	}
	// What is wanted was written to the store, too: each time that it changes is worth an attempt.
	if p.of("login_required") != 0 || p.of("up") != 1 || p.of("starts_total") > 3 {
		t.Errorf("got login_required %v, up %v, starts_total %v; want 0, 1, 3 at most",
			p.of("login_required"), p.of("up"), p.of("starts_total"))
	}
	if n := p.as.Counts().Refused; n > 2 {
		t.Errorf("%d requests were refused, want one for each attempt before the login", n)
	}
	p.keeps(t, answer)
}

// TestOAuthRevoked: a token that is refused in the middle of everything is renewed once for all
// calls, none of which fails, and the new one survives a restart.
func TestOAuthRevoked(t *testing.T) {
	p := behindOAuth(t, loggedIn(t))
	p.has("up__echo", true)
	p.as.Revoke()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got := p.echo("up__echo"); !strings.Contains(got, `"text":"hello"`) {
				t.Errorf("got %s", got)
			}
		})
	}
	all.Wait()
	if n := p.as.Counts(); n.Refreshes != 1 || n.Authorized != 0 {
		t.Errorf("got %+v, want one refresh", n)
	}
	if p.of("tokens_renewed_total") != 1 || p.of("tokens_refused_total") < 1 {
		t.Errorf("got %v renewed, %v refused", p.of("tokens_renewed_total"),
			p.of("tokens_refused_total"))
	}
	info, err := os.Stat(p.store.Path(p.as.URL))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the store is %v, %v; want 0600", info.Mode(), err)
	}
	next := start(t, nil, func(s *server.Server) {
		if err := s.AddUpstream(p.opt); err != nil {
			t.Fatal(err)
		}
	})
	next.has("up__echo", true)
	if n := p.as.Counts(); n.Refreshes != 1 {
		t.Errorf("got %d refreshes after a restart, want none more", n.Refreshes-1)
	}
	p.keeps(t)
}

// TestOAuthRefreshRefused: when the refresh token is no good either, calls say that a login is
// wanted, and the authorization server is left alone.
func TestOAuthRefreshRefused(t *testing.T) {
	p := behindOAuth(t, loggedIn(t))
	p.has("up__echo", true)
	p.as.RefuseRefresh()
	p.as.Revoke()
	first := p.echo("up__echo")
	eventually(t, "a login is wanted", func() bool { return p.of("login_required") == 1 })
	second := p.echo("up__echo")
	for _, got := range []string{first, second} {
		if code(got) != -31002 || !strings.Contains(got, `"reason":"login_required"`) ||
			!strings.Contains(got, "mcploop login up -c FILE") {
			t.Errorf("got %s, want -31002 with the reason and the cure", got)
		}
	}
	if !strings.Contains(second, `"state":"login required"`) {
		t.Errorf("got %s, want the state", second)
	}
	for range 50 {
		p.echo("up__echo")
	}
	if n := p.as.Counts(); n.Refreshes > 2 {
		t.Errorf("got %d refreshes, want one, and one for another look", n.Refreshes)
	}
	p.logIn(t)
	eventually(t, "it is there again", func() bool { return p.of("up") == 1 })
	p.keeps(t, first, second)
}

// TestOAuthRenewedAhead: a token is renewed before it ends; while the authorization server is down
// the old one does.
func TestOAuthRenewedAhead(t *testing.T) {
	p := behindOAuth(t, func(p *protected) {
		p.opt.OAuth.Options = oauth.Options{
			Grant: oauth.ClientCredentials, ClientID: "c", ClientSecret: fake.ClientSecret,
		}
		p.as.Live(4 * time.Second)
	})
	p.has("up__echo", true)
	p.as.Down(true)
	if got := p.echo("up__echo"); !strings.Contains(got, `"text":"hello"`) {
		t.Errorf("got %s with the authorization server down", got)
	}
	p.as.Down(false)
	refused := p.as.Counts().Refused
	eventually(t, "it is renewed", func() bool { return p.of("tokens_renewed_total") >= 1 })
	if got := p.echo("up__echo"); !strings.Contains(got, `"text":"hello"`) {
		t.Errorf("got %s", got)
	}
	if n := p.as.Counts(); n.Refused != refused || n.Credentials < 2 {
		t.Errorf("got %+v; want no more than %d refused, and two tokens", n, refused)
	}
	p.keeps(t)
}

// TestOAuthScope: a call of too little scope fails for itself, with the cure; the others go on, and
// the next login asks for what was wanted.
func TestOAuthScope(t *testing.T) {
	p := behindOAuth(t, loggedIn(t))
	p.has("up__echo", true)
	p.as.WantScope("steps", "write")
	got := p.text(p.post(modernCall("1", "up__steps", "{}")))
	if code(got) != -31002 || !strings.Contains(got, `"reason":"login_required"`) {
		t.Errorf("got %s, want -31002 with the reason", got)
	}
	if got := p.echo("up__echo"); !strings.Contains(got, `"text":"hello"`) {
		t.Errorf("another tool: got %s", got)
	}
	if p.of("up") != 1 || p.of("login_required") != 0 {
		t.Error("the whole upstream wants a login")
	}
	stored, err := p.store.Load(p.as.URL)
	if err != nil || fmt.Sprint(stored.Wanted) != "[write]" {
		t.Errorf("got %v, %v; want the scope in the store", stored, err)
	}
}

// TestOAuthLogout: a server stops using tokens that were taken out of the store.
func TestOAuthLogout(t *testing.T) {
	p := behindOAuth(t, loggedIn(t))
	p.has("up__echo", true)
	if was, err := p.store.Remove(p.as.URL); !was || err != nil {
		t.Fatal(was, err)
	}
	eventually(t, "calls have no token", func() bool {
		return strings.Contains(p.echo("up__echo"), "login_required")
	})
	if was, err := p.store.Remove(filepath.Join(p.as.URL, "x")); was || err != nil {
		t.Errorf("nothing was removed: %v, %v", was, err)
	}
}

// TestOAuthReload: other scopes are other options, which get a follower; the same are none.
func TestOAuthReload(t *testing.T) {
	p := behindOAuth(t, loggedIn(t))
	p.has("up__echo", true)
	same := p.opt
	own := *p.opt.OAuth
	same.OAuth = &own
	change, err := p.SetUpstreams([]gateway.Options{same})
	if err != nil || len(change.Changed) != 0 {
		t.Errorf("equal options: got %+v, %v", change, err)
	}
	own.Options.Scopes = []string{"read"}
	if change, err = p.SetUpstreams([]gateway.Options{same}); err != nil ||
		len(change.Changed) != 1 {
		t.Errorf("other scopes: got %+v, %v", change, err)
	}
	eventually(t, "the follower has its place", func() bool { return p.of("following") == 0 })
	if got := p.echo("up__echo"); !strings.Contains(got, `"text":"hello"`) {
		t.Errorf("got %s", got)
	}
}

// TestOAuthCredentials: a client with a token of its own for the upstream is sent with that, and
// what it lacks is none of the upstream's tokens' business.
func TestOAuthCredentials(t *testing.T) {
	var theirs string
	p := behindOAuth(t, func(p *protected) {
		p.logIn(t)
		theirs, _ = p.as.Token()
		p.opt.Credentials.Users = map[string]gateway.User{
			"alice": user(aliceHere, theirs), "bob": user(bobHere, bobThere),
		}
	})
	p.has("up__echo", true)
	call := func(token string) string {
		return p.text(p.post(modernCall("1", "up__echo", `{"message":"hello"}`),
			"Authorization: Bearer "+token))
	}
	for _, token := range []string{aliceHere, otherHere} {
		if got := call(token); !strings.Contains(got, `"text":"hello"`) {
			t.Errorf("got %s", got)
		}
	}
	if got := call(bobHere); code(got) != -31002 || strings.Contains(got, "login_required") {
		t.Errorf("got %s, want the refusal of bob's own token", got)
	}
	if n := p.as.Counts(); n.Refreshes != 0 {
		t.Errorf("%d refreshes for the token of a client", n.Refreshes)
	}
	p.keeps(t, call(bobHere))
}

// TestTokenStore: what others may read, or what is none, is not used, and nothing of it is shown.
func TestTokenStore(t *testing.T) {
	store := gateway.TokenStore{Dir: filepath.Join(t.TempDir(), "a", "b"), Name: "up"}
	const at = "https://h/mcp"
	if s, err := store.Load(at); s != nil || err != nil {
		t.Errorf("nothing there: got %v, %v", s, err)
	}
	if err := store.Save(at, &oauth.Stored{Resource: at, Access: "canary"}); err != nil {
		t.Fatal(err)
	}
	if s, err := store.Load(at); err != nil || s.Access != "canary" {
		t.Errorf("got %v, %v", s, err)
	}
	if s, err := store.Load(at + "2"); s != nil || err != nil {
		t.Errorf("another resource: got %v, %v", s, err)
	}
	dir, err := os.Stat(store.Dir)
	if err != nil || dir.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %v, %v", dir.Mode(), err)
	}
	for text, mode := range map[string]os.FileMode{"{}": 0o644, `{"canary": `: 0o600} {
		if err := os.WriteFile(store.Path(at), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(store.Path(at), mode); err != nil {
			t.Fatal(err)
		}
		_, err := store.Load(at)
		if err == nil || strings.Contains(err.Error(), "canary") ||
			!strings.Contains(err.Error(), "log in again") {
			t.Errorf("%s with %v: got %v", text, mode, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(store.Dir, "*.tmp"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
