package server_test

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server/gateway"
)

// tlsFront ends TLS in front of addr, with a certificate for 127.0.0.1 and example.com, and returns
// its own address and the file of the authority.
func tlsFront(t *testing.T, addr string) (front, caFile string) {
	t.Helper()
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	cert := web.TLS.Certificates[0]
	web.Close()
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	if err := os.WriteFile(caFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{cert},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go splice(c, addr)
		}
	}()
	return ln.Addr().String(), caFile
}

func splice(c net.Conn, addr string) {
	defer c.Close()
	back, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer back.Close()
	go func() { _, _ = io.Copy(back, c); _ = back.Close() }()
	_, _ = io.Copy(c, back)
}

// TestUpstreamOverTLS calls tools of an upstream that is reached by TLS, in both eras.
func TestUpstreamOverTLS(t *testing.T) {
	up := start(t, nil)
	web, caFile := tlsFront(t, up.http)
	line, _ := tlsFront(t, up.tcp)
	for name, opt := range map[string]client.Options{
		"https":        {URL: "https://" + web + "/mcp"},
		"https legacy": {URL: "https://" + web + "/mcp", Era: client.Legacy},
		"wss":          {URL: "wss://" + web + "/mcp"},
		"sses":         {URL: "sses://" + web + "/sse"},
		"tls":          {URL: "tls://" + line},
	} {
		t.Run(name, func(t *testing.T) {
			opt.TLS.CAFile = caFile
			g := behind(t, func(o *gateway.Options) { o.Client = opt })
			g.has("up__echo", true)
			long := strings.Repeat("x", 200_000)
			got := g.text(g.post(modernCall("7", "up__echo", `{"message":"`+long+`"}`)))
			if !strings.Contains(got, `"text":"`+long+`"`) {
				t.Errorf("got %.200s", got)
			}
		})
	}
}

// TestUpstreamThatIsNotTrusted costs nobody else anything; who calls it and the log learn why.
func TestUpstreamThatIsNotTrusted(t *testing.T) {
	up := start(t, nil)
	web, caFile := tlsFront(t, up.http)
	g := beside(t, func(o *gateway.Options) {
		o.Client = client.Options{
			URL: "https://" + web, TLS: client.TLS{CAFile: caFile, ServerName: "other.test"},
		}
	})
	eventually(t, "the log tells why", func() bool {
		g.unharmed()
		return strings.Contains(g.log.String(), "not for other.test but for example.com")
	})
	g.has("sick__echo", false)

	// One whose tools are in the list: its port speaks no TLS any more.
	plain := "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
	var broken atomic.Bool
	relay := relayTo(t, func(c net.Conn) {
		if broken.Load() {
			_, _ = io.WriteString(c, plain)
			return
		}
		splice(c, web)
	})
	g = beside(t, func(o *gateway.Options) {
		o.Client = client.Options{
			URL: "https://" + relay.addr + "/mcp", TLS: client.TLS{CAFile: caFile},
		}
	})
	g.has("sick__echo", true)
	broken.Store(true)
	relay.cut()
	eventually(t, "the call learns why", func() bool {
		got := g.text(g.post(modernCall("1", "sick__echo", "{}")))
		return code(got) == -31002 && strings.Contains(got, `"reason":"tls_no_tls"`) &&
			strings.Contains(got, "without the s")
	})
	g.unharmed()
}

// relay is a TCP server whose connections can be cut.
type relay struct {
	addr   string
	mu     sync.Mutex // guards the rest
	conns  []net.Conn
	denies bool
}

func relayTo(t *testing.T, f func(net.Conn)) *relay {
	t.Helper()
	return relayAt(t, "127.0.0.1:0", f)
}

func relayAt(t *testing.T, addr string, f func(net.Conn)) *relay {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: ln.Addr().String()}
	t.Cleanup(func() { _ = ln.Close(); r.cut() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.conns = append(r.conns, c)
			denies := r.denies
			r.mu.Unlock()
			if denies {
				_ = c.Close()
				continue
			}
			go func() { defer c.Close(); f(c) }()
		}
	}()
	return r
}

// accepted is how many connections there were.
func (r *relay) accepted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}

// deny has connections closed at once.
func (r *relay) deny(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.denies = on
}

func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		_ = c.Close()
	}
}
