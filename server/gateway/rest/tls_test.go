package rest_test

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
	"github.com/mcploop/mcploop/server/gateway/rest"
)

// TestTLS: an API behind https proves who it is to the authorities that are trusted.
func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "well")
	}))
	t.Cleanup(s.Close)
	s.Config.ErrorLog = nil
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(o client.TLS) ([]byte, error) {
		t.Helper()
		opt := getting(nil)
		opt.BaseURL, opt.TLS = s.URL, o
		p, err := rest.New(opt)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if _, err := p.List(t.Context()); err != nil {
			return nil, err
		}
		return p.Call(t.Context(), gateway.ProviderCall{
			Kind: mcp.KindTool, Own: "get", Req: &mcp.Request{Version: mcp.LatestModern},
		})
	}
	for _, good := range []client.TLS{
		{CAFile: ca}, {CAFile: ca, ServerName: "example.com"}, {SkipVerify: true},
	} {
		if got, err := f(good); err != nil || !strings.Contains(string(got), "well") {
			t.Errorf("%+v: got %s, %v", good, got, err)
		}
	}
	for _, bad := range []client.TLS{{}, {CAFile: ca, ServerName: "other.test"}} {
		if got, err := f(bad); !errors.Is(err, client.ErrUnreachable) ||
			!strings.Contains(err.Error(), "x509") {
			t.Errorf("%+v: got %s, %v", bad, got, err)
		}
	}
	for _, absent := range []client.TLS{{CAFile: ca + ".none"}, {CertFile: ca, KeyFile: ca}} {
		if _, err := f(absent); err == nil || !strings.Contains(err.Error(), "cannot use TLS") {
			t.Errorf("%+v: got %v", absent, err)
		}
	}
}
