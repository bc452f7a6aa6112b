package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server"
)

// writePEM writes one block to a file and returns its name.
func writePEM(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// ownPair writes a certificate that nobody has signed, and its key.
func ownPair(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return writePEM(t, "own.pem", "CERTIFICATE", cert), writePEM(t, "own.key", "PRIVATE KEY", der)
}

// TestToolsOverTLS: a server is believed by --ca-file, by --insecure, and by neither not; it gets
// the certificate that it wants.
func TestToolsOverTLS(t *testing.T) {
	s, err := server.New(server.Options{Name: "samples", HTTP: []string{"127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := addSamples(s); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Drain(context.Background()) })
	to := &url.URL{Scheme: "http", Host: s.Addrs()[0].Addr.String()}
	front := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
	})
	front.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	front.Config.ErrorLog = log.New(io.Discard, "", 0)
	front.StartTLS()
	t.Cleanup(front.Close)
	ca := writePEM(t, "ca.pem", "CERTIFICATE", front.Certificate().Raw)
	cert, key := ownPair(t)
	own := []string{"--cert-file", cert, "--key-file", key}

	f := func(want string, args ...string) {
		t.Helper()
		got, _ := runTools(t, append([]string{"ls", front.URL + "/mcp"}, args...)...)
		if !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q in it", args, got, want)
		}
	}
	const listed = "echo           Returns the message as text."
	f(listed, append(own, "--ca-file", ca)...)
	f(listed, append(own, "--ca-file", ca, "--server-name", "example.com")...)
	f(listed, append(own, "--insecure")...)
	f("signed by nobody but itself", own...)
	f("example.org", append(own, "--ca-file", ca, "--server-name", "example.org")...)
	f("certificate", "--ca-file", ca)
	f("cannot read the authorities", append(own, "--ca-file", "/no/such")...)
	f("KeyFile", "--cert-file", cert)
	got, _ := runTools(t, "ls", to.String()+"/mcp", "--ca-file", ca)
	if !strings.Contains(got, "write https") {
		t.Errorf("without TLS it says %q", got)
	}
}
