package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server"
)

// TestEveryTransportOverTLS runs all that a server can be asked over each of them.
func TestEveryTransportOverTLS(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	ca := newAuthority(t)
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.forHosts()}}
	plain := urls(s)
	door := func(name, scheme string) string {
		_, rest, _ := strings.Cut(plain[name], "://")
		addr, path, _ := strings.Cut(rest, "/")
		front, _ := secureFront(t, cfg, addr)
		_, port, _ := net.SplitHostPort(front)
		return strings.TrimSuffix(scheme+"://localhost:"+port+"/"+path, "/")
	}
	for name, scheme := range map[string]string{
		"http": "https", "ws": "wss", "sse": "sses", "tcp": "tls",
	} {
		url := door(name, scheme)
		for _, era := range erasOf(name) {
			t.Run(scheme+"/"+era.String(), func(t *testing.T) {
				opt := client.Options{URL: url, Era: era, TLS: client.TLS{CAFile: ca.file}}
				c := connect(t, opt)
				long := strings.Repeat("grüß dich ", 20_000)
				for _, message := range []string{"hello", "", long} {
					r, err := c.Call(testContext(t), "echo", echoInput{message})
					wantText(t, r, err, message)
				}
				r, err := c.Call(testContext(t), "steps", nil)
				wantText(t, r, err, "done")
			})
		}
	}
}

// refusal connects to a server that must not be spoken to and returns why.
func refusal(t *testing.T, opt client.Options) *client.TLSError {
	t.Helper()
	c, err := client.Connect(testContext(t), opt)
	if err == nil {
		_ = c.Close()
		t.Fatalf("connected to %s", opt.URL)
	}
	var fault *client.TLSError
	if !errors.As(err, &fault) || !strings.HasPrefix(err.Error(), "cannot ") {
		t.Fatalf("got %v, want a TLSError", err)
	}
	return fault
}

// TestServersThatAreNotTrusted: each refusal says what is wrong and what to do.
func TestServersThatAreNotTrusted(t *testing.T) {
	ca := newAuthority(t)
	past := time.Date(2020, 1, 2, 3, 4, 0, 0, time.UTC)
	ip := []net.IP{net.IPv4(127, 0, 0, 1)}
	trusted := client.TLS{CAFile: ca.file}
	f := func(reason, text string, use client.TLS, cert tls.Certificate) {
		t.Helper()
		cfg := &tls.Config{Certificates: []tls.Certificate{cert}}
		front, _ := secureFront(t, cfg, "127.0.0.1:1")
		for _, scheme := range []string{"https://", "wss://", "sses://", "tls://"} {
			fault := refusal(t, client.Options{URL: scheme + front, TLS: use})
			if fault.Reason != reason || !strings.Contains(fault.Error(), text) {
				t.Errorf("%s got %s: %v; want %s: %q", scheme, fault.Reason, fault, reason, text)
			}
		}
	}
	f("expired", "expired on 2020-01-02 03:04 UTC", trusted,
		ca.sign(x509.Certificate{
			IPAddresses: ip, NotAfter: past, NotBefore: past.AddDate(-1, 0, 0),
		}))
	f("not_yet_valid", "is the clock right?", trusted,
		ca.sign(x509.Certificate{
			IPAddresses: ip, NotBefore: time.Now().AddDate(1, 0, 0),
			NotAfter: time.Now().AddDate(2, 0, 0),
		}))
	f("wrong_host", "not for 127.0.0.1 but for a.test, b.test", trusted,
		ca.sign(x509.Certificate{DNSNames: []string{"a.test", "b.test"}}))
	f("wrong_host", "not for other.test but for", client.TLS{
		CAFile: ca.file, ServerName: "other.test",
	}, ca.forHosts())
	f("unknown_authority", `"CN=Authority of Tests"`, client.TLS{}, ca.forHosts())
	f("unknown_authority", "set tls.ca_file", client.TLS{}, ca.forHosts())
	f("unknown_authority", "nobody but itself", trusted, (&authority{t: t}).forHosts())
	f("bad_certificate", "usage", trusted, ca.sign(x509.Certificate{
		IPAddresses: ip, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}))
}

// TestServersOfBadTLS: what is no TLS, or none that we speak.
func TestServersOfBadTLS(t *testing.T) {
	ca := newAuthority(t)
	cert := []tls.Certificate{ca.forHosts()}
	secure := func(cfg *tls.Config) func(net.Conn) {
		cfg.Certificates = cert
		return func(c net.Conn) {
			s := tls.Server(c, cfg)
			_ = s.Handshake()
			_, _ = io.Copy(io.Discard, s)
		}
	}
	f := func(reason, text string, use client.TLS, peer func(net.Conn)) {
		t.Helper()
		use.CAFile = ca.file
		fault := refusal(t, client.Options{
			URL: "https://" + listen(t, peer), TLS: use, CallTimeout: patience,
		})
		if fault.Reason != reason || !strings.Contains(fault.Error(), text) {
			t.Errorf("got %s: %v; want %s: %q", fault.Reason, fault, reason, text)
		}
	}
	f("no_tls", "answers HTTP without it", client.TLS{}, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		_, _ = io.Copy(io.Discard, c)
	})
	f("no_tls", "right port", client.TLS{}, func(c net.Conn) {
		_, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n")
		_, _ = io.Copy(io.Discard, c)
	})
	f("version", "before TLS 1.2", client.TLS{}, secure(&tls.Config{
		MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10,
	}))
	f("version", "before TLS 1.3", client.TLS{MinVersion: "1.3"}, secure(&tls.Config{
		MaxVersion: tls.VersionTLS12,
	}))
	f("protocol", "HTTP/1.1", client.TLS{}, secure(&tls.Config{NextProtos: []string{"h3"}}))
	f("client_certificate", "tls.cert_file", client.TLS{}, secure(&tls.Config{
		ClientAuth: tls.RequireAnyClientCert,
	}))
	f("handshake", "tls.cert_file", client.TLS{}, secure(&tls.Config{
		ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12,
	}))
	f("handshake", "in the handshake", client.TLS{}, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1<<14))
	})
	f("cut", "close_notify", client.TLS{}, func(c net.Conn) {
		s := tls.Server(c, &tls.Config{Certificates: cert})
		_, _ = s.Read(make([]byte, 1<<14))
	})
}

// TestOurCertificate: mTLS, with files that are exchanged while the client runs.
func TestOurCertificate(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	ca := newAuthority(t)
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	shown := make(chan string, 10)
	cfg := &tls.Config{
		Certificates: []tls.Certificate{ca.forHosts()}, ClientCAs: roots,
		ClientAuth: tls.RequireAndVerifyClientCert, SessionTicketsDisabled: true,
		VerifyConnection: func(c tls.ConnectionState) error {
			shown <- c.PeerCertificates[0].Subject.CommonName
			return nil
		},
	}
	front, _ := secureFront(t, cfg, strings.TrimPrefix(urls(s)["tcp"], "tcp://"))
	named := func(name string) (certFile, keyFile string) {
		return ca.files(ca.sign(x509.Certificate{Subject: pkix.Name{CommonName: name}}))
	}
	certFile, keyFile := named("first")
	use := client.TLS{CAFile: ca.file, CertFile: certFile, KeyFile: keyFile}
	opt := client.Options{URL: "tls://" + front, TLS: use, Era: client.Modern}
	connect(t, opt)
	if name := await(t, "handshake", shown); name != "first" {
		t.Errorf("got %q", name)
	}
	for _, name := range []string{certFile, keyFile} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := client.Connect(testContext(t), opt); err == nil {
		_ = c.Close()
		t.Error("connected without the files of our certificate")
	}
	newCert, newKey := named("second")
	for from, to := range map[string]string{newCert: certFile, newKey: keyFile} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	connect(t, opt)
	if name := await(t, "handshake", shown); name != "second" {
		t.Errorf("got %q", name)
	}
}

// TestTLSOptions: what cannot be used is said before anything is dialed.
func TestTLSOptions(t *testing.T) {
	ca := newAuthority(t)
	empty := ca.write("empty.pem", "NOTHING", nil)
	f := func(want, url string, use client.TLS) {
		t.Helper()
		c, err := client.Connect(testContext(t), client.Options{URL: url, TLS: use})
		if err == nil {
			_ = c.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	const url = "https://127.0.0.1:1/mcp"
	f(`cannot use Options.TLS with "http"`, "http://127.0.0.1:1/mcp", client.TLS{CAFile: ca.file})
	f("without the other", url, client.TLS{CertFile: ca.file})
	f(`MinVersion "1.1"`, url, client.TLS{MinVersion: "1.1"})
	f("no such file", url, client.TLS{CAFile: filepath.Join(t.TempDir(), "none")})
	f("cannot find a certificate", url, client.TLS{CAFile: empty})
	f("cannot use our certificate", url, client.TLS{CertFile: empty, KeyFile: empty})
	f("no such file", url, client.TLS{CertFile: empty, KeyFile: "none"})
	f(`cannot find the address of "no.such.host.invalid"`, "https://no.such.host.invalid/mcp",
		client.TLS{})
}

// TestUnverifiedTLS is believed, with a warning; and sessions are taken up again.
func TestUnverifiedTLS(t *testing.T) {
	s, f := startServer(t, server.Options{})
	var log strings.Builder
	cert := (&authority{t: t}).sign(x509.Certificate{DNSNames: []string{"other.test"}})
	front, resumed := secureFront(t, &tls.Config{Certificates: []tls.Certificate{cert}},
		strings.TrimSuffix(strings.TrimPrefix(urls(s)["http"], "http://"), "/mcp"))
	c := connect(t, client.Options{
		URL: "https://" + front + "/mcp", TLS: client.TLS{SkipVerify: true},
		Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if n := strings.Count(log.String(), "not verified"); n != 1 {
		t.Errorf("got %d warnings: %s", n, log.String())
	}
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(testContext(t))
	for range 2 { // each call that waits has a connection of its own
		all.Go(func() { _, _ = c.Call(ctx, "hang", nil) })
		await(t, "the call", f.entered)
	}
	cancel()
	all.Wait()
	if resumed.Load() == 0 {
		t.Error("no handshake took up a session")
	}
}

// TestTLSOfNetHTTP is a server that is not ours.
func TestTLSOfNetHTTP(t *testing.T) {
	ca := newAuthority(t)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{ca.forHosts()}, NextProtos: []string{"h2", "http/1.1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 || r.TLS.ServerName != "localhost" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, strings.Replace(discoverAnswer, "%s", "1", 1))
	})}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = web.Serve(ln) }()
	t.Cleanup(func() { _ = web.Close(); <-ended })
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	c, err := client.Connect(testContext(t), client.Options{
		URL: "https://localhost:" + port + "/mcp", TLS: client.TLS{CAFile: ca.file},
		Era: client.Modern,
	})
	if err == nil {
		_ = c.Close()
	}
	var status *client.HTTPError
	if errors.As(err, &status) && status.Status == http.StatusTeapot {
		t.Errorf("got %v: not HTTP/1.1, or no server name", err)
	}
}
