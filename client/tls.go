package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mcploop/mcploop/loop"
)

// TLS says how a server that is reached by https, wss, sses or tls proves who it is, and how we do.
// The zero value trusts the authorities that the system trusts.
type TLS struct {
	// CAFile is a PEM file of authorities that are trusted in place of the system's. It is read by
	// Connect.
	CAFile string
	// ServerName is the name that the server's certificate must have; default: the URL's host.
	ServerName string
	// CertFile and KeyFile are PEM files with our own certificate, behind it those between it and
	// its authority, and its key. They are read anew when they have changed.
	CertFile, KeyFile string
	MinVersion        string // "1.2" (the default) or "1.3"
	// SkipVerify believes any certificate, and with it anybody on the way to the server.
	SkipVerify bool
}

// schemes are those of URLs, and whether TLS goes with them.
func schemes() map[string]bool {
	return map[string]bool{
		"http": false, "ws": false, "sse": false, "tcp": false, "unix": false,
		"https": true, "wss": true, "sses": true, "tls": true,
	}
}

func tlsVersions() map[string]uint16 {
	return map[string]uint16{"": tls.VersionTLS12, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}
}

// validate reports what is wrong with t for a server at rawURL.
func (t *TLS) validate(rawURL string) error {
	scheme, _, _ := strings.Cut(rawURL, ":")
	var faults []error
	if !schemes()[scheme] && *t != (TLS{MinVersion: t.MinVersion}) {
		faults = append(faults, fmt.Errorf("cannot use Options.TLS with %q; write https, wss, "+
			"sses or tls", scheme))
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		faults = append(faults, errors.New("cannot use one of Options.TLS.CertFile and KeyFile "+
			"without the other"))
	}
	if tlsVersions()[t.MinVersion] == 0 {
		faults = append(faults, fmt.Errorf("cannot use Options.TLS.MinVersion %q; say 1.2 or 1.3",
			t.MinVersion))
	}
	return errors.Join(faults...)
}

// config reads the files and makes what connections to u share, among it the sessions that
// handshakes can take up again.
func (t *TLS) config(u *url.URL) (*tls.Config, error) {
	cfg := &tls.Config{
		ServerName: t.ServerName, MinVersion: tlsVersions()[t.MinVersion],
		InsecureSkipVerify: t.SkipVerify, ClientSessionCache: tls.NewLRUClientSessionCache(4),
		DynamicRecordSizingDisabled: true, // our messages are whole when they are sent
	}
	if cfg.ServerName == "" {
		cfg.ServerName = u.Hostname()
	}
	if u.Scheme != "tls" {
		cfg.NextProtos = []string{"http/1.1"}
	}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("cannot read the authorities of TLS: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("cannot find a certificate in %q; it must be a PEM file of the "+
				"authorities to trust", t.CAFile)
		}
	}
	if t.CertFile == "" {
		return cfg, nil
	}
	own := &ownCertificate{certFile: t.CertFile, keyFile: t.KeyFile}
	if _, err := own.load(); err != nil {
		return nil, err
	}
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return own.load()
	}
	return cfg, nil
}

// Config is t for net/http: without a ServerName each host is to prove its own name.
func (t TLS) Config() (*tls.Config, error) {
	cfg, err := t.config(&url.URL{Scheme: "tls"})
	return cfg, err
}

// ownCertificate follows two files. Its load runs in handshakes, so never on a loop.
type ownCertificate struct {
	certFile, keyFile string

	mu   sync.Mutex // guards the rest
	last *tls.Certificate
	as   [2]stamp
}

// stamp tells whether a file has changed.
type stamp struct {
	time  time.Time
	bytes int64
}

func (o *ownCertificate) load() (*tls.Certificate, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var now [2]stamp
	for i, name := range []string{o.certFile, o.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return nil, fmt.Errorf("cannot read our certificate of TLS: %w", err)
		}
		now[i] = stamp{info.ModTime(), info.Size()}
	}
	if o.last != nil && now == o.as {
		return o.last, nil
	}
	cert, err := tls.LoadX509KeyPair(o.certFile, o.keyFile)
	switch {
	case err == nil:
		o.last, o.as = &cert, now
	case o.last == nil: // else they are being written: the old ones do until then
		return nil, fmt.Errorf("cannot use our certificate %q with the key %q: %w", o.certFile,
			o.keyFile, err)
	}
	return o.last, nil
}

// useTLS makes m's connections secure, where u asks for it.
func (m *Mux) useTLS(u *url.URL) error {
	secure, known := schemes()[u.Scheme]
	if !known {
		return fmt.Errorf("cannot dial scheme %q; say http, ws, sse, tcp, https, wss, sses, tls "+
			"or unix", u.Scheme)
	}
	if !secure {
		return nil
	}
	if m.opt.TLS.SkipVerify {
		m.opt.Log.Warn("the certificate of a server is not verified: anybody on the way to it "+
			"can read and change what is sent; set tls.ca_file in place of "+
			"tls.insecure_skip_verify",
			"server", u.Host)
	}
	var err error
	m.tls, err = m.opt.TLS.config(u)
	return err
}

// dialer is a loop, or a group that chooses one.
type dialer interface {
	Dial(network, addr string, timeout time.Duration, h loop.Handler, state any) (
		*loop.Conn, error)
	DialTLS(network, addr string, cfg *tls.Config, timeout time.Duration, h loop.Handler,
		state any) (*loop.Conn, error)
}

// connect begins to connect h, with TLS where that is asked for. It may be called on a loop.
func (m *Mux) connect(at dialer, network, addr string, h loop.Handler) (*loop.Conn, error) {
	if m.tls == nil {
		return at.Dial(network, addr, m.opt.DialTimeout, h, nil)
	}
	return at.DialTLS(network, addr, m.tls, m.opt.DialTimeout, h, nil)
}

// lookUp is bounded like a connect.
func (m *Mux) lookUp(ctx context.Context, u *url.URL, port string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, m.opt.DialTimeout)
	defer cancel()
	return resolve(ctx, u, port)
}

// plainScheme is what remains of a scheme without TLS.
func plainScheme(scheme string) string {
	switch scheme {
	case "tls":
		return "tcp"
	case "https", "wss", "sses":
		return scheme[:len(scheme)-1]
	}
	return scheme
}
