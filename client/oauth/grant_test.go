package oauth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"github.com/mcploop/mcploop/client/oauth"
)

func pkcs8(t *testing.T, private any) []byte {
	t.Helper()
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

func ecKey(t *testing.T) (pemKey []byte, public crypto.PublicKey) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pkcs8(t, k), k.Public()
}

// TestAuthorizationCode: each way to be known at the authorization server, and each method to
// prove it.
func TestAuthorizationCode(t *testing.T) {
	const redirect, document = "http://127.0.0.1:1/callback", "https://us.example/client.json"
	key, public := ecKey(t)
	known := func(w *world, id string, p party) {
		p.redirects = []string{redirect}
		w.clients[id] = &p
	}
	configured := func(method string) func(*world, *oauth.Options) {
		return func(w *world, opt *oauth.Options) {
			opt.ClientID, opt.ClientSecret = "a b:c", "HIDDEN %+/"
			w.meta["token_endpoint_auth_methods_supported"] = []string{method}
			known(w, "a b:c", party{secret: "HIDDEN %+/", method: method})
		}
	}
	for name, c := range map[string]struct {
		change        func(*world, *oauth.Options)
		registrations int
	}{
		"dynamic, none": {nil, 1},
		"dynamic, basic": {func(w *world, _ *oauth.Options) {
			w.meta["token_endpoint_auth_methods_supported"] = nil
		}, 1},
		"dynamic, post": {func(w *world, _ *oauth.Options) {
			w.meta["token_endpoint_auth_methods_supported"] = []string{"client_secret_post", "odd"}
		}, 1},
		"configured, basic": {configured(oauth.MethodBasic), 0},
		"configured, post":  {configured(oauth.MethodPost), 0},
		"configured, none": {func(w *world, opt *oauth.Options) {
			opt.ClientID = "plain"
			known(w, "plain", party{method: "none"})
		}, 0},
		"document": {func(w *world, opt *oauth.Options) {
			opt.ClientMetadataURL = document
			w.meta["client_id_metadata_document_supported"] = true
			known(w, document, party{method: "none"})
		}, 0},
		"document, key": {func(w *world, opt *oauth.Options) {
			opt.ClientMetadataURL, opt.PrivateKey, opt.KeyID = document, key, "k1"
			w.meta["client_id_metadata_document_supported"] = true
			known(w, document, party{method: oauth.MethodPrivateKeyJWT, public: public})
		}, 0},
		"document, unknown there": {func(_ *world, opt *oauth.Options) {
			opt.ClientMetadataURL = document
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.works(w.source(func(opt *oauth.Options) {
				if c.change != nil {
					c.change(w, opt)
				}
			}))
			if n := w.asked("as POST /register"); n != c.registrations {
				t.Errorf("it registered %d times, want %d", n, c.registrations)
			}
			for _, q := range []url.Values{w.pages[0], w.forms[0]} {
				if got := q.Get("resource"); got != w.url() {
					t.Errorf("a request is for the resource %q, want %q", got, w.url())
				}
			}
			if state := w.pages[0].Get("state"); len(state) < 32 {
				t.Errorf("the state is %q, which can be guessed", state)
			}
		})
	}
}

// TestClientCredentials: nobody is asked; keys of each kind sign.
func TestClientCredentials(t *testing.T) {
	ec, ecPublic := ecKey(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key    []byte
		public crypto.PublicKey
	}{
		"secret": {}, "EC": {ec, ecPublic}, "Ed25519": {pkcs8(t, edKey), edPublic},
		"RSA": {pem.EncodeToMemory(&pem.Block{
			Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey),
		}), rsaKey.Public()},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := &party{method: oauth.MethodPrivateKeyJWT, public: c.public}
			opt := oauth.Options{
				Resource: w.url(), Grant: oauth.ClientCredentials, ClientID: "robot",
				PrivateKey: c.key, KeyID: "k1", Scopes: []string{"more"},
			}
			if c.key == nil {
				opt.ClientSecret, p.secret, p.method = "HIDDEN", "HIDDEN", oauth.MethodBasic
			}
			w.meta["token_endpoint_auth_methods_supported"] = []string{p.method}
			w.clients["robot"] = p
			w.say, w.need = `, scope="read"`, []string{"more", "read"}
			s, err := oauth.New(opt)
			if err != nil {
				t.Fatal(err)
			}
			w.works(s)
			w.works(s)
			if n := w.asked("as POST /token"); n != 1 {
				t.Errorf("%d tokens were asked for, want one", n)
			}
		})
	}
}

// TestWrongKey: a key that signs otherwise than the server takes is said to, and sends nothing.
func TestWrongKey(t *testing.T) {
	w := newWorld(t)
	key, _ := ecKey(t)
	w.meta["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt"}
	w.meta["token_endpoint_auth_signing_alg_values_supported"] = []string{"RS256"}
	s, err := oauth.New(oauth.Options{
		Resource: w.url(), Grant: oauth.ClientCredentials, ClientID: "robot", PrivateKey: key,
	})
	if err != nil {
		t.Fatal(err)
	}
	fails(t, w, s, "signs by ES256")
	if n := w.asked("as POST /token"); n != 0 {
		t.Error("a token was asked for")
	}
}

// TestJWTBearer: an assertion brings a token; one that is refused is not tried again.
func TestJWTBearer(t *testing.T) {
	w := newWorld(t)
	w.clients["workload"] = &party{method: "none"}
	w.asserted["HIDDEN.jwt"] = true
	text := "HIDDEN.jwt\n"
	var want oauth.Audience
	opt := oauth.Options{
		Resource: w.url(), Grant: oauth.JWTBearer, ClientID: "workload", Scopes: []string{"a"},
		Assertion: func(_ context.Context, asked oauth.Audience) (string, error) {
			want = asked
			return text, nil
		},
	}
	s, err := oauth.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	w.works(s)
	if want.Issuer != w.as.URL || want.Resource != w.url() ||
		!slices.Equal(want.Scopes, []string{"a"}) {
		t.Errorf("the assertion was asked for %v", want)
	}
	text = "HIDDEN.other"
	if s, err = oauth.New(opt); err != nil {
		t.Fatal(err)
	}
	fails(t, w, s, "invalid_grant")
	if n := w.asked("as POST /token"); n != 2 {
		t.Errorf("it asked %d times, want 2", n)
	}
}

// TestIdentity: an enterprise's identity provider gives the assertion.
func TestIdentity(t *testing.T) {
	w := newWorld(t)
	w.clients["us"] = &party{method: oauth.MethodBasic, secret: "HIDDEN-us"}
	var form url.Values
	answer := map[string]any{
		"access_token": "HIDDEN-jag", "token_type": "N_A",
		"issued_token_type": "urn:ietf:params:oauth:token-type:id-jag",
	}
	idp := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form = r.PostForm
		reply(rw, 200, answer)
	}))
	t.Cleanup(idp.Close)
	w.asserted["HIDDEN-jag"] = true
	assertion, err := oauth.Identity{
		TokenURL: idp.URL, ClientID: "us at idp", ClientSecret: "HIDDEN-idp",
		Subject: func(context.Context) (string, error) { return "HIDDEN-id-token", nil },
	}.Assertion()
	if err != nil {
		t.Fatal(err)
	}
	opt := oauth.Options{
		Resource: w.url(), Grant: oauth.JWTBearer, ClientID: "us", ClientSecret: "HIDDEN-us",
		Assertion: assertion,
	}
	s, err := oauth.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	w.works(s)
	for name, want := range map[string]string{
		"grant_type":           "urn:ietf:params:oauth:grant-type:token-exchange",
		"requested_token_type": "urn:ietf:params:oauth:token-type:id-jag",
		"subject_token_type":   "urn:ietf:params:oauth:token-type:id_token",
		"subject_token":        "HIDDEN-id-token", "audience": w.as.URL, "resource": w.url(),
		"client_id": "us at idp", "client_secret": "HIDDEN-idp",
	} {
		if got := form.Get(name); got != want {
			t.Errorf("the exchange has %s=%q, want %q", name, got, want)
		}
	}
	answer["issued_token_type"] = "urn:ietf:params:oauth:token-type:access_token"
	if s, err = oauth.New(opt); err != nil {
		t.Fatal(err)
	}
	fails(t, w, s, "in place of an assertion")
}

// TestNobodyThere: without a user there is no login, and nothing is registered.
func TestNobodyThere(t *testing.T) {
	w := newWorld(t)
	s := w.source(func(opt *oauth.Options) { opt.Open, opt.RedirectURL = nil, "" })
	if _, err := w.call(s); !errors.Is(err, oauth.ErrLogin) {
		t.Errorf("got %v, want ErrLogin", err)
	}
	if w.asked("as POST /register") != 0 {
		t.Error("it registered for nothing")
	}
	shut := w.source(func(opt *oauth.Options) {
		opt.Open = func(context.Context, string) (string, error) {
			return "", errors.New("the window was closed")
		}
	})
	fails(t, w, shut, "the window was closed")
}
