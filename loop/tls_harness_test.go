package loop

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
)

// tlsConfigs are those of a server, and of a client that trusts it.
func tlsConfigs(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates},
		&tls.Config{RootCAs: roots, ServerName: "example.com"}
}

// tlsServer serves each connection with f, on goroutines that end with the test.
func tlsServer(t testing.TB, cfg *tls.Config, f func(*tls.Conn)) string {
	t.Helper()
	return tcpServer(t, func(c net.Conn) {
		s := tls.Server(c, cfg)
		if s.Handshake() == nil {
			f(s)
		}
		_ = s.Close()
	})
}

func tcpServer(t testing.TB, f func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex // guards conns
	var conns []net.Conn
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			_ = c.Close()
		}
		all.Wait()
	})
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			all.Go(func() { defer c.Close(); f(c) })
		}
	})
	return ln.Addr().String()
}

func dialTLS(t testing.TB, g *Group, addr string, cfg *tls.Config, h Handler) *Conn {
	t.Helper()
	c, err := g.DialTLS("tcp", addr, cfg, patience, h, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func echoTLS(c *tls.Conn) { _, _ = io.Copy(c, c) }

// slicer gives a peer's writes to the socket one byte at a time.
type slicer struct{ net.Conn }

func (s slicer) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := s.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

func (c *Conn) mustSend(t testing.TB, b []byte) {
	t.Helper()
	if err := c.Send(b); err != nil {
		t.Fatal(err)
	}
}

// hearing keeps what came.
type hearing struct {
	net.Conn
	heard []byte
}

func (h *hearing) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	h.heard = append(h.heard, p[:n]...)
	return n, err
}

// alertRecord is the type of records that hold alerts (RFC 5246, 6.2.1).
const alertRecord = 21

// lastType is the type of the last record.
func (h *hearing) lastType() (kind byte) {
	const head = 5 // type, version, length
	for rest := h.heard; len(rest) >= head; {
		kind = rest[0]
		rest = rest[min(len(rest), head+int(rest[3])<<8+int(rest[4])):]
	}
	return kind
}
