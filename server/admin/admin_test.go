package admin

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/server/config"
)

// counting answers how often it was asked.
type counting struct{ reloads int }

func (c *counting) Reload() (report any, ok bool) {
	c.reloads++
	return map[string]int{"reloads": c.reloads}, c.reloads < 3
}

func (c *counting) Explain(tool string) any { return map[string]string{"asked": tool} }

func open(t *testing.T, addr Addr) *Endpoint {
	t.Helper()
	e, err := Open(addr, &counting{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// TestAsk: answers come over both networks; a fault has a status of its own.
func TestAsk(t *testing.T) {
	for _, addr := range []Addr{
		At("127.0.0.1:0"), At(filepath.Join(t.TempDir(), "s")),
		At("unix://" + filepath.Join(t.TempDir(), "s")),
	} {
		e := open(t, addr)
		for i, want := range []int{200, 200, 422} {
			body, status, err := Ask(t.Context(), e.Addr(), "POST", "/reload")
			if err != nil || status != want || !strings.Contains(string(body), `{"reloads":`) {
				t.Errorf("%s: %d: got %s, %d, %v", addr, i, body, status, err)
			}
		}
		if _, status, _ := Ask(t.Context(), e.Addr(), "GET", "/reload"); status != 405 {
			t.Errorf("%s: a GET that would change something got %d", addr, status)
		}
		if _, status, _ := Ask(t.Context(), e.Addr(), "GET", "/nothing"); status != 404 {
			t.Errorf("%s: got %d, want 404", addr, status)
		}
		body, status, err := Ask(t.Context(), e.Addr(), "GET", "/explain?tool=a%26b%20c")
		want := `{"asked":"a\u0026b c"}`
		if err != nil || status != 200 || !strings.Contains(string(body), want) {
			t.Errorf("%s: got %s, %d, %v", addr, body, status, err)
		}
		if _, status, _ := Ask(t.Context(), e.Addr(), "GET", "/explain"); status != 400 {
			t.Errorf("%s: got %d for no tool, want 400", addr, status)
		}
		e.Close()
		if _, _, err := Ask(t.Context(), e.Addr(), "POST", "/reload"); err == nil {
			t.Errorf("%s: it answers after Close", addr)
		}
	}
}

// TestNoPageMayAsk: a web page can send requests to this host, too.
func TestNoPageMayAsk(t *testing.T) {
	e := open(t, At("127.0.0.1:0"))
	f := func(host, origin string, want int) {
		t.Helper()
		req, err := http.NewRequest("POST", "http://"+e.Addr().String()+"/reload", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("Host %q, Origin %q: got %d, want %d", host, origin, resp.StatusCode, want)
		}
	}
	f("localhost", "", 200)
	f("[::1]:80", "", 200)
	f("evil.example", "", 403)
	f("localhost", "http://localhost", 403)
	f("localhost", "null", 403)
}

// TestSocketOfOthers: what is no socket, or is somebody's, is left alone; what was left behind is
// replaced.
func TestSocketOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	refused := func(why string) {
		t.Helper()
		if _, err := Open(At(path), &counting{}); err == nil ||
			!strings.Contains(err.Error(), why) {
			t.Errorf("got %v, want %q", err, why)
		}
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused("no socket")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	refused("another process listens")
	left.Close()
	e := open(t, At(path))
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want 0600", info, err)
	}
	e.Close()
	if files, _ := filepath.Glob(path + "*"); len(files) > 0 {
		t.Errorf("%v are left", files)
	}
}

// TestPlaces: the socket of auto is named by the file, and its directory is ours alone.
func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("TMPDIR", t.TempDir())
	one, ok := For(config.Auto, "/etc/a.yaml")
	if again, _ := For(config.Auto, "/etc/../etc/a.yaml"); !ok || one != again {
		t.Errorf("got %v and %v for the same file", one, again)
	}
	if other, _ := For(config.Auto, "/etc/b.yaml"); other == one {
		t.Errorf("two files share %v", one)
	}
	for _, listen := range []string{config.Off, config.Auto} {
		if at, ok := For(listen, ""); ok {
			t.Errorf("%s without a file: got %v", listen, at)
		}
	}
	open(t, one).Close()
	t.Setenv("XDG_RUNTIME_DIR", "")
	found := false
	for _, at := range Places(config.Auto, "/etc/a.yaml") {
		found = found || strings.HasPrefix(at.String(), os.Getenv("TMPDIR"))
	}
	if !found {
		t.Error("without XDG_RUNTIME_DIR nothing is looked for below TMPDIR")
	}
	theirs, _ := For(config.Auto, "/etc/a.yaml")
	if err := os.MkdirAll(filepath.Dir(theirs.String()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(theirs.String()), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(theirs, &counting{}); err == nil ||
		!strings.Contains(err.Error(), "this user alone") {
		t.Errorf("got %v for a directory of everybody", err)
	}
}
