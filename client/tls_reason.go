package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/mcploop/mcploop/loop"
)

// explain says in words what the end of a connection means that speaks TLS, and what to do.
func (m *Mux) explain(err error) error {
	if m.tls == nil || err == nil {
		return err
	}
	fault := &TLSError{Cause: err}
	fault.Reason, fault.text = tlsReason(err, m.tls)
	if fault.Reason == "" {
		return err
	}
	return fault
}

// TLSError is a connection that could not be made secure, or did not stay so.
type TLSError struct {
	// Reason is one of expired, not_yet_valid, wrong_host, unknown_authority, bad_certificate,
	// no_tls, version, client_certificate, protocol, handshake and cut.
	Reason string
	Cause  error
	text   string
}

// Error says what is wrong and what to do.
func (e *TLSError) Error() string { return "TLS: " + e.text }

// Unwrap returns Cause.
func (e *TLSError) Unwrap() error { return e.Cause }

// tlsReason returns "" for what has nothing to do with TLS.
func tlsReason(err error, cfg *tls.Config) (reason, text string) {
	if reason, text := certificateReason(err, cfg); reason != "" {
		return reason, text
	}
	var header tls.RecordHeaderError
	if errors.As(err, &header) {
		answer := ""
		if strings.HasPrefix(string(header.RecordHeader[:]), "HTTP") {
			answer = "; it answers HTTP without it"
		}
		return "no_tls", fmt.Sprintf("the server does not speak it at this port%s: write the "+
			"URL without the s, or the right port", answer)
	}
	said := err.Error()
	for _, known := range []struct{ in, reason, text string }{
		{"protocol version", "version", "the server speaks only versions before " +
			tls.VersionName(cfg.MinVersion)},
		{"certificate required", "client_certificate", "the server wants a certificate of " +
			"ours: set tls.cert_file and tls.key_file"},
		{"remote error: tls: bad certificate", "client_certificate", "the server does not " +
			"accept our certificate, or wants one: see tls.cert_file and tls.key_file"},
		{"remote error: tls: unknown certificate", "client_certificate", "the server does not " +
			"know the authority of our certificate (tls.cert_file)"},
		{"remote error: tls: expired certificate", "client_certificate", "our certificate " +
			"(tls.cert_file) has expired"},
		{"no application protocol", "protocol", "the server does not speak HTTP/1.1"},
		{"remote error: tls: handshake failure", "handshake", "the server accepts nothing that " +
			"we offer: it may want a certificate of ours (tls.cert_file), or old ciphers"},
		{"tls: ", "handshake", strings.TrimPrefix(said, "tls: ")},
	} {
		if strings.Contains(said, known.in) {
			return known.reason, known.text
		}
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "handshake", "the server ended the connection in the handshake"
	case errors.Is(err, loop.ErrTLSCut):
		return "cut", "the connection ended without a word of the server (close_notify): what " +
			"it was about to say may be cut short"
	}
	return "", ""
}

// certificateReason is what crypto/x509 has against the server's certificate.
func certificateReason(err error, cfg *tls.Config) (reason, text string) {
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		if now := time.Now(); now.Before(invalid.Cert.NotBefore) {
			return "not_yet_valid", fmt.Sprintf("the server's certificate is valid from %s on, "+
				"and here it is %s: is the clock right?", day(invalid.Cert.NotBefore), day(now))
		}
		return "expired", fmt.Sprintf("the %s expired on %s: its server must renew it",
			whose(invalid.Cert), day(invalid.Cert.NotAfter))
	case errors.As(err, &host):
		return "wrong_host", fmt.Sprintf("the server's certificate is not for %s but for %s: "+
			"write that into the URL, or set tls.server_name", cfg.ServerName,
			namesOf(host.Certificate))
	case errors.As(err, &unknown):
		signer := "nobody but itself"
		if unknown.Cert != nil && unknown.Cert.Issuer.String() != unknown.Cert.Subject.String() {
			signer = fmt.Sprintf("%q", clip(unknown.Cert.Issuer.String()))
		}
		return "unknown_authority", fmt.Sprintf("the server's certificate is signed by %s, "+
			"which is not trusted here: put the authority's certificate into a file and set "+
			"tls.ca_file", signer)
	case errors.As(err, &invalid):
		return "bad_certificate", invalid.Error()
	}
	return "", ""
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

func whose(c *x509.Certificate) string {
	if c.IsCA {
		return fmt.Sprintf("certificate of the authority %q", clip(c.Subject.String()))
	}
	return "server's certificate"
}

const tlsNamesMax = 5

// namesOf lists the hosts that c is for.
func namesOf(c *x509.Certificate) string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	switch {
	case len(names) == 0:
		return "no host"
	case len(names) > tlsNamesMax:
		names = append(names[:tlsNamesMax], "…")
	}
	return clip(strings.Join(names, ", "))
}

func clip(s string) string { return s[:min(len(s), refusalTextMax)] }
