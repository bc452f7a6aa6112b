package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAdminListen: an address that others could reach is a fault.
func TestAdminListen(t *testing.T) {
	f := func(listen string, ok bool) {
		t.Helper()
		cfg, err := Parse([]byte("admin: {listen: '"+listen+"'}"), nil)
		if (err == nil) != ok {
			t.Errorf("%q: got %v", listen, err)
		}
		if ok && cfg.Admin.Listen != listen {
			t.Errorf("got %q, want %q", cfg.Admin.Listen, listen)
		}
		if !ok && !strings.Contains(err.Error(), "admin.listen") {
			t.Errorf("%q: got %v, want the key in it", listen, err)
		}
	}
	for _, listen := range []string{
		"auto", "off", "/run/a.sock", "127.0.0.1:9998", "[::1]:0",
		"localhost:80", "127.9.9.9:1",
	} {
		f(listen, true)
	}
	for _, listen := range []string{
		"", "0.0.0.0:80", ":80", "[::]:80", "10.0.0.1:80",
		"example.org:80", "relative/path", "127.0.0.1", "/" + strings.Repeat("x", 100),
	} {
		f(listen, false)
	}
}

// TestLoadAgain: what a server was started with may be read in the middle of a write.
func TestLoadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.yaml")
	f := func(text, want string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, sum, err := LoadAgain(path)
		if want == "" && (err != nil || cfg == nil || sum == (Sum{})) {
			t.Errorf("%q: got %v, %v, %v", text, cfg, sum, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want) || cfg != nil) {
			t.Errorf("%q: got %v, %v, want %q", text, cfg, err, want)
		}
	}
	f("name: n", "")
	f(`{"mcpServers": {}}`, "")
	f(`{"servers": {"a": {"url": "http://h:1/"}},}`, "")
	for _, text := range []string{"", "\n\n", "# name: n\n", "---\n", "null"} {
		f(text, "it is empty")
	}
	f("name: [", "YAML")
	_, sum, _ := LoadAgain(path)
	if sum.String() == "00000000" || sum.Number() == 0 {
		t.Errorf("a file with a fault has no sum: %v", sum)
	}
}
