package scenario

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// behindTLS is a front of the server at addr that speaks TLS, and a file with its authority.
func behindTLS(t *testing.T, addr string) (host, ca string) {
	t.Helper()
	lender := httptest.NewTLSServer(nil) // of its certificate
	lender.Close()
	ca = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{
		Type: "CERTIFICATE", Bytes: lender.Certificate().Raw,
	})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	front, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: lender.TLS.Certificates,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { front.Close() })
	go func() {
		for {
			near, err := front.Accept()
			if err != nil {
				return
			}
			go pass(near, addr)
		}
	}()
	return front.Addr().String(), ca
}

// pass carries a connection on until one side ends.
func pass(near net.Conn, addr string) {
	defer near.Close()
	far, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer far.Close()
	go func() {
		_, _ = io.Copy(near, far)
		near.Close()
	}()
	_, _ = io.Copy(far, near)
}

// TestOverTLS: a server that speaks TLS is loaded, over HTTP and WebSocket, when it is believed,
// and nothing is left of what speaks it.
func TestOverTLS(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	host, ca := behindTLS(t, serve(t).http)
	for name, change := range map[string]func(*Settings){
		"https, authority": func(s *Settings) { s.URL, s.TLS.CAFile = "https://"+host, ca },
		"https, insecure":  func(s *Settings) { s.URL, s.TLS.SkipVerify = "https://"+host, true },
		"wss":              func(s *Settings) { s.WS, s.TLS.CAFile = "wss://"+host+"/mcp", ca },
	} {
		t.Run(name, func(t *testing.T) {
			f := mustRun(t, "closed", change)
			if warnings := strings.Join(f.Warnings, " "); !strings.Contains(warnings, "TLS") {
				t.Errorf("the warnings are %q", warnings)
			}
		})
	}
	opt := quickly(t, "closed", func(s *Settings) { s.URL = "https://" + host })
	_, err := Do(t.Context(), opt)
	if err == nil || !strings.Contains(err.Error(), "cannot speak TLS: tls: failed to verify") {
		t.Errorf("a server that is not believed: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*")); err != nil ||
		len(left) > 0 {
		t.Errorf("it has left %v, %v", left, err)
	}
}
