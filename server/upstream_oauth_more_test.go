package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/client/oauth"
	"github.com/mcploop/mcploop/client/oauth/fake"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// TestOAuthStoreFails: tokens that cannot be kept are used all the same, and the log says so.
func TestOAuthStoreFails(t *testing.T) {
	p := behindOAuth(t, func(p *protected) {
		p.opt.OAuth.Store.Name = "no/where" // a directory that is not made
		p.opt.OAuth.Options = oauth.Options{
			Grant: oauth.ClientCredentials, ClientID: "c", ClientSecret: fake.ClientSecret,
		}
	})
	p.has("up__echo", true)
	if got := p.echo("up__echo"); !strings.Contains(got, `"text":"hello"`) {
		t.Errorf("got %s", got)
	}
	if p.of("starts_total") != 1 {
		t.Errorf("it was started %v times, want once", p.of("starts_total"))
	}
	if !strings.Contains(p.log.String(), "tokens of an upstream are lost when this server ends") {
		t.Errorf("the log has %s", p.log.String())
	}
	p.keeps(t)
}

// TestOAuthFiles: a client's key and an assertion come from files.
func TestOAuthFiles(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	keyFile, assertionFile := filepath.Join(dir, "key"), filepath.Join(dir, "assertion")
	for path, data := range map[string][]byte{
		keyFile:       pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		assertionFile: []byte("a.b.c\n"),
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	signed := behindOAuth(t, func(p *protected) {
		p.opt.OAuth.Options = oauth.Options{Grant: oauth.ClientCredentials, ClientID: "c"}
		p.opt.OAuth.PrivateKeyFile = keyFile
	})
	signed.has("up__echo", true)
	if got := signed.as.Assertions(); len(got) != 1 || strings.Count(got[0], ".") != 2 {
		t.Errorf("a key: got the assertions %q, want a signed one", got)
	}
	shown := behindOAuth(t, func(p *protected) {
		p.opt.OAuth.Options = oauth.Options{Grant: oauth.JWTBearer, ClientID: "c"}
		p.opt.OAuth.AssertionFile = assertionFile
	})
	shown.has("up__echo", true)
	if got := shown.as.Assertions(); len(got) != 1 || got[0] != "a.b.c" {
		t.Errorf("a file: got the assertions %q, want what is in it", got)
	}
	opt := signed.opt
	opt.Name, opt.OAuth = "other", &gateway.OAuth{PrivateKeyFile: filepath.Join(dir, "none")}
	if err := signed.AddUpstream(opt); err == nil ||
		!strings.Contains(err.Error(), "cannot read the private key of OAuth") {
		t.Errorf("a key that is not there: got %v", err)
	}
}

// TestOAuthOverTLS: the authorities of the upstream are those of its authorization server, too.
func TestOAuthOverTLS(t *testing.T) {
	as, err := fake.NewTLS("http://" + start(t, nil).http)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(as.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, as.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, trust := range map[string]bool{"trusted": true, "strange": false} {
		opt := gateway.Options{Name: "up", Client: client.Options{URL: as.URL}}
		opt.OAuth = &gateway.OAuth{Options: oauth.Options{
			Grant: oauth.ClientCredentials, ClientID: "c", ClientSecret: fake.ClientSecret,
		}}
		if trust {
			opt.Client.TLS.CAFile = file
		}
		before := as.Counts().Credentials
		g := start(t, nil, func(s *server.Server) {
			if err := s.AddUpstream(opt); err != nil {
				t.Fatal(err)
			}
		})
		if trust {
			g.has("up__echo", true)
		} else {
			eventually(t, "it was tried", func() bool {
				return strings.Contains(g.log.String(), "upstream is not there")
			})
		}
		if got := as.Counts().Credentials - before; (got == 1) != trust {
			t.Errorf("%s: %d tokens were asked for", name, got)
		}
	}
}

// TestOAuthOverWebSocket: the upgrade has the token, and is asked for again with one.
func TestOAuthOverWebSocket(t *testing.T) {
	p := behindOAuth(t, func(p *protected) {
		p.logIn(t)
		p.opt.Client.URL = "ws" + strings.TrimPrefix(p.as.URL, "http")
		p.as.Revoke()
	})
	p.has("up__echo", true)
	if got := p.echo("up__echo"); !strings.Contains(got, `"text":"hello"`) {
		t.Errorf("got %s", got)
	}
	if n := p.as.Counts(); n.Refreshes != 1 || n.Refused != 1 {
		t.Errorf("got %+v, want one upgrade refused, and one refresh", n)
	}
}

// TestOAuthTenants: instances of single clients share the tokens; without any their calls say so,
// and they come with the next call after a login.
func TestOAuthTenants(t *testing.T) {
	p := behindOAuth(t, func(p *protected) {
		p.logIn(t)
		p.opt.Share = gateway.SharePrincipal
		theirs, _ := p.as.Token()
		p.opt.Credentials.Users = map[string]gateway.User{"alice": user(aliceHere, theirs)}
	})
	p.has("up__echo", true)
	call := func(token string) string {
		return p.text(p.post(modernCall("1", "up__echo", `{"message":"hello"}`),
			"Authorization: Bearer "+token))
	}
	for _, token := range []string{"first", aliceHere} { // hers is a token of her own
		if got := call(token); !strings.Contains(got, `"text":"hello"`) {
			t.Errorf("got %s", got)
		}
	}
	p.as.RefuseRefresh()
	p.as.Revoke()
	for range 2 {
		if got := call("second"); !strings.Contains(got, `"reason":"login_required"`) {
			t.Errorf("got %s, want a login", got)
		}
	}
	p.logIn(t)
	eventually(t, "the client has an instance", func() bool {
		return strings.Contains(call("second"), `"text":"hello"`)
	})
}

// TestOAuthUnfit: what cannot have tokens says so.
func TestOAuthUnfit(t *testing.T) {
	g, own := start(t, nil), map[string]string{"authorization": "x"}
	for want, opt := range map[string]client.Options{
		"what has no headers":         {URL: "tcp://127.0.0.1:1"},
		"beside a header":             {URL: "https://h/", Headers: own},
		"cannot use Options.Resource": {URL: "http://h.example/"},
	} {
		err := g.AddUpstream(gateway.Options{Name: "up", Client: opt, OAuth: &gateway.OAuth{}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestOAuthTriedAgain: an upstream that has refused a token which was good is back after refresh,
// without a login.
func TestOAuthTriedAgain(t *testing.T) {
	p := behindOAuth(t, func(p *protected) {
		p.logIn(t)
		p.opt.Refresh = 300 * time.Millisecond
		// Nobody looks at the store, which has what was refreshed.
		p.opt.OAuth = &gateway.OAuth{Options: oauth.Options{Store: p.store}}
	})
	p.has("up__echo", true)
	p.as.RefuseAll(true)
	eventually(t, "a login is wanted", func() bool { return p.of("login_required") == 1 })
	p.as.RefuseAll(false)
	eventually(t, "it is back", func() bool { return p.of("up") == 1 })
	if n := p.as.Counts(); n.Authorized != 0 {
		t.Errorf("%d logins, want none", n.Authorized)
	}
}
