package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// authority signs certificates for tests.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // PEM of cert
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t}
	made := a.sign(x509.Certificate{
		Subject: pkix.Name{CommonName: "Authority of Tests"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	a.cert, a.key = made.Leaf, made.PrivateKey.(*ecdsa.PrivateKey)
	a.file = a.write("ca.pem", "CERTIFICATE", made.Certificate[0])
	return a
}

// sign makes a certificate; without a key of its own the authority is the subject.
func (a *authority) sign(c x509.Certificate) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	if c.NotBefore.IsZero() {
		c.NotBefore = time.Now().Add(-time.Hour)
	}
	parent, signer := a.cert, a.key
	if signer == nil {
		parent, signer = &c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, &c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// forHosts is a certificate for localhost and names.
func (a *authority) forHosts(names ...string) tls.Certificate {
	return a.sign(x509.Certificate{
		DNSNames: append(names, "localhost"), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	})
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	file := filepath.Join(a.t.TempDir(), name)
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		a.t.Fatal(err)
	}
	return file
}

// files writes a certificate and its key.
func (a *authority) files(c tls.Certificate) (certFile, keyFile string) {
	a.t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write("cert.pem", "CERTIFICATE", c.Certificate[0]),
		a.write("key.pem", "PRIVATE KEY", der)
}

// secureFront ends TLS in front of addr, and counts handshakes that took up a session.
func secureFront(t testing.TB, cfg *tls.Config, addr string) (
	front string, resumed *atomic.Int64,
) {
	t.Helper()
	resumed = new(atomic.Int64)
	var all sync.WaitGroup
	ended, stop := context.WithCancel(context.Background())
	t.Cleanup(func() { stop(); all.Wait() })
	front = listen(t, func(conn net.Conn) {
		all.Add(1)
		defer all.Done()
		c := tls.Server(conn, cfg)
		if c.Handshake() != nil {
			return
		}
		if c.ConnectionState().DidResume {
			resumed.Add(1)
		}
		back, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		defer context.AfterFunc(ended, func() { _, _ = conn.Close(), back.Close() })()
		go func() { _, _ = io.Copy(back, c); _ = back.Close() }()
		_, _ = io.Copy(c, back)
		_ = c.Close()
	})
	return front, resumed
}
