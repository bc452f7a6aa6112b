package oauth

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestGuard: a server that is far away cannot have us connect to what is near, whatever name or
// redirect leads there; one that is near can.
func TestGuard(t *testing.T) {
	reached := 0
	near := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		reached++
		_, _ = rw.Write([]byte("{}"))
	}))
	defer near.Close()
	_, port, _ := net.SplitHostPort(near.Listener.Addr().String())
	for _, c := range []struct {
		resource, trusted string
		addresses         []string
		connects          bool
	}{
		{"mcp.example", "", []string{"198.51.100.7"}, false},
		{"mcp.example", "", []string{"127.0.0.1", "198.51.100.7"}, false},
		{"mcp.example", "", []string{"198.51.100.7", "127.0.0.1"}, false},
		{"mcp.example", "", []string{"10.1.2.3"}, false},
		{"mcp.example", "localhost", []string{"198.51.100.7"}, true},
		{"mcp.example", "", []string{"127.0.0.1", "::1"}, true},
		{"169.254.169.254", "", nil, false},
		{"127.0.0.1", "", nil, true},
	} {
		g := newGuard(c.resource, 10*time.Second)
		g.trusted = c.trusted
		g.lookup = func(context.Context, string, string) ([]netip.Addr, error) {
			var found []netip.Addr
			for _, text := range c.addresses {
				found = append(found, netip.MustParseAddr(text))
			}
			return found, nil
		}
		w := newWeb(nil, nil, &url.URL{Scheme: "http", Host: c.resource}, g, 10*time.Second, 1<<10)
		before := reached
		var any struct{}
		err := w.document(t.Context(), "http://localhost:"+port, &any)
		if got := reached > before; got != c.connects || (err == nil) != c.connects {
			t.Errorf("%v: connected %v, %v; want %v", c, got, err, c.connects)
		}
		if !c.connects && (err == nil || !strings.Contains(err.Error(), "not near enough")) {
			t.Errorf("%v: %v does not say why", c, err)
		}
	}
}

// TestNear orders addresses.
func TestNear(t *testing.T) {
	for text, want := range map[string]nearness{
		"8.8.8.8": everywhere, "2001:4860::8": everywhere, "172.32.0.1": everywhere,
		"10.0.0.1": inPrivate, "172.31.0.1": inPrivate, "192.168.9.9": inPrivate,
		"fd00::1": inPrivate, "100.64.0.1": inPrivate, "::ffff:10.0.0.1": inPrivate,
		"169.254.169.254": onLink, "fe80::1": onLink, "224.0.0.1": onLink,
		"127.9.9.9": onHost, "::1": onHost, "0.0.0.0": onHost, "::": onHost,
		"::ffff:127.0.0.1": onHost, "64:ff9b::7f00:1": onHost, "64:ff9b::a00:1": inPrivate,
	} {
		if got := near(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is as near as %d, want %d", text, got, want)
		}
	}
}

// TestPagesOfThisHost: a server that is not of this host cannot send a browser to one that is.
func TestPagesOfThisHost(t *testing.T) {
	for _, c := range []struct {
		resource, issuer, page string
		taken                  bool
	}{
		{"https://mcp.example/mcp", "", "http://127.0.0.1:631/admin", false},
		{"https://mcp.example/mcp", "", "https://localhost/admin", false},
		{"https://mcp.example/mcp", "https://as.example", "http://localhost:1/", true},
		{"https://mcp.example/mcp", "", "https://as.example/", true},
		{"http://[::1]:8080/mcp", "", "http://127.0.0.1:631/", true},
	} {
		s, err := New(Options{Resource: c.resource, Issuer: c.issuer})
		if err != nil {
			t.Fatal(err)
		}
		err = s.checkIssuer(&issuer{
			Issuer: "https://as.example", Authorization: c.page, Token: "https://as.example/t",
		})
		if (err == nil) != c.taken {
			t.Errorf("%v: %v, want it taken: %v", c, err, c.taken)
		}
	}
}
