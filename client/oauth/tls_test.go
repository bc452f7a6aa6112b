package oauth_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/mcploop/mcploop/client/oauth"
)

// overTLS starts a server again, over TLS, which asks for a certificate; seen counts those that
// came.
func overTLS(t *testing.T, plain *httptest.Server, seen *int) *httptest.Server {
	t.Helper()
	count := func(rw http.ResponseWriter, r *http.Request) {
		*seen += len(r.TLS.PeerCertificates)
		plain.Config.Handler.ServeHTTP(rw, r)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(count))
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// TestTLS: what belongs to the server, its name, our certificate for it and that it need not
// prove itself, is not for its authorization server; the authorities are.
func TestTLS(t *testing.T) {
	var ofResource, ofIssuer int
	w := newWorld(t)
	w.rs, w.as = overTLS(t, w.rs, &ofResource), overTLS(t, w.as, &ofIssuer)
	w.clients["robot"] = &party{method: oauth.MethodBasic, secret: "HIDDEN"}
	conf := &tls.Config{
		ServerName: "example.com", Certificates: w.rs.TLS.Certificates,
		RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12,
	}
	conf.RootCAs.AddCert(w.rs.Certificate())
	ask := func(conf *tls.Config) error {
		t.Helper()
		s, err := oauth.New(oauth.Options{
			Resource: w.url(), Grant: oauth.ClientCredentials, ClientID: "robot",
			ClientSecret: "HIDDEN", TLS: conf,
		})
		if err != nil {
			t.Fatal(err)
		}
		return s.Refused(t.Context(), 401, "Bearer")
	}
	if err := ask(conf); err != nil {
		t.Fatal(err)
	}
	if ofResource == 0 || ofIssuer != 0 {
		t.Errorf("the server saw %d certificates, its authorization server %d; want some and none",
			ofResource, ofIssuer)
	}
	before := w.asked(asOAuth)
	blind := &tls.Config{InsecureSkipVerify: true}
	var unknown *tls.CertificateVerificationError
	if err := ask(blind); !errors.As(err, &unknown) || w.asked(asOAuth) != before {
		t.Errorf("got %v, want that nobody vouches for the authorization server", err)
	}
}
