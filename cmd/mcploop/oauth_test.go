package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client/oauth"
	"github.com/mcploop/mcploop/client/oauth/fake"
	"github.com/mcploop/mcploop/server/config"
	"github.com/mcploop/mcploop/server/gateway"
)

// TestEachOAuthKeyReachesTheGateway changes one key after the other where tokens are used anyway.
func TestEachOAuthKeyReachesTheGateway(t *testing.T) {
	plain := func() *config.Upstream {
		cfg, err := config.Parse([]byte("upstreams: {u: {url: 'https://h/', oauth: "+
			"{use: always}}}"), nil)
		if err != nil {
			t.Fatal(err)
		}
		u := cfg.Upstreams["u"]
		return &u
	}
	count := 0
	each(reflect.ValueOf(plain().OAuth), "", func(path string) {
		count++
		u := plain()
		switch path {
		case "Use":
			u.OAuth.Use = config.OAuthNever
		case "Grant":
			u.OAuth.Grant = "client_credentials"
		case "Method":
			u.OAuth.Method = "none"
		default:
			change(t, path, fieldAt(reflect.ValueOf(&u.OAuth).Elem(), path))
		}
		if reflect.DeepEqual(oauthOf("u", u), oauthOf("u", plain())) {
			t.Errorf("%s: the options are the same", path)
		}
	})
	if count != 17 {
		t.Errorf("found %d keys, want 17", count)
	}
}

// TestOAuthByDefault: which upstreams may ask for tokens of which the file says nothing.
func TestOAuthByDefault(t *testing.T) {
	for text, want := range map[string]bool{
		"url: 'https://h/'":                              true,
		"url: 'wss://h/'":                                true,
		"url: 'http://127.0.0.1:1/'":                     true,
		"url: 'http://localhost/', type: sse":            true,
		"url: 'http://h/'":                               false,
		"url: 'tcp://127.0.0.1:1'":                       false,
		"command: [x]":                                   false,
		"url: 'https://h/', headers: {authorization: x}": false,
		"url: 'https://h/', credentials: {default: {authorization: x}}": false,
		"url: 'https://h/', oauth: {use: never}":                        false,
		"url: 'https://h/', credentials: {default: {authorization: x}}, " +
			"oauth: {use: always}": true,
	} {
		cfg, err := config.Parse([]byte("upstreams: {u: {"+text+"}}"), nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		u := cfg.Upstreams["u"]
		if got := oauthOf("u", &u) != nil; got != want {
			t.Errorf("%s: it gets tokens: %v", text, got)
		}
	}
}

// TestTokenDir: where tokens are kept when the file does not say.
func TestTokenDir(t *testing.T) {
	f := func(want string, env ...string) {
		t.Helper()
		for _, name := range []string{"STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"} {
			t.Setenv(name, "")
		}
		for i := 0; i < len(env); i += 2 {
			t.Setenv(env[i], env[i+1])
		}
		if got := tokenDir(); got != want {
			t.Errorf("%q: got %q, want %q", env, got, want)
		}
	}
	f("")
	f("/h/.local/state/mcploop/oauth", "HOME", "/h")
	f("/x/mcploop/oauth", "HOME", "/h", "XDG_STATE_HOME", "/x")
	f("/s/oauth", "HOME", "/h", "STATE_DIRECTORY", "/s:/t")
}

// protect starts an MCP server that wants OAuth.
func protect(t *testing.T) *fake.Server {
	t.Helper()
	url, _, _ := toolServer(t, "it")
	as, err := fake.New(strings.TrimSuffix(url, "/mcp"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(as.Close)
	return as
}

// browse is a user with a browser: it goes where it is told.
func browse(ctx context.Context, page string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// TestLoginCommand: a server that runs has an upstream as soon as somebody has logged in, and no
// more when they have logged out. The browser is one that only gets what is printed.
func TestLoginCommand(t *testing.T) {
	as, state := protect(t), t.TempDir()
	s := serveFile(t, noWatch+"upstreams:\n  up: {url: '"+as.URL+"', grace: 10ms, oauth: {store: '"+
		state+"'}}\n")
	login := `mcploop_upstream_login_required{upstream="up"}`
	s.await("a login is wanted", func() bool { return s.metric(login) == 1 })
	out, _, err := s.run("explain", "up", "-c", s.file)
	if err != nil || !strings.Contains(out, "upstream up: login required") ||
		!strings.Contains(out, "mcploop login up -c FILE") {
		t.Errorf("got %v, %s; want the state and the cure", err, out)
	}
	said := s.login(t, "up")
	if !strings.Contains(said, "logged in to up (it)") || !strings.Contains(said, "ssh -L ") {
		t.Errorf("login says %s", said)
	}
	s.awaitTool("up__whoami")
	if got, err := s.call("up__whoami"); got != "it" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	s.login(t, "up")
	if n := as.Counts(); n.Authorized != 2 || n.Registered != 2 { // at another port
		t.Errorf("got %+v, want another login", n)
	}
	out, _, err = s.run("logout", "up", "-c", s.file)
	if err != nil || !strings.Contains(out, "were removed") {
		t.Errorf("logout: got %q, %v", out, err)
	}
	if left, _ := filepath.Glob(filepath.Join(state, "*.json")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	s.await("a login is wanted again", func() bool {
		_, err := s.call("up__whoami")
		return err != nil && s.metric(login) == 1
	})
	s.awaitGone("up__whoami")
	out, _, err = s.run("logout", "up", "-c", s.file)
	if err != nil || !strings.Contains(out, "there are no tokens") {
		t.Errorf("logout again: got %q, %v", out, err)
	}
	for _, secret := range as.Secrets() {
		if strings.Contains(said+out, secret) {
			t.Errorf("%s was printed", secret)
		}
	}
}

// login is mcploop login with a user who does what it says.
func (s *gatewayFile) login(t *testing.T, name string) string {
	t.Helper()
	out, in := io.Pipe()
	root := newRootCommand()
	root.SetOut(in)
	root.SetArgs([]string{"login", name, "-c", s.file, "--no-browser"})
	ended := make(chan error, 1)
	go func() {
		err := root.ExecuteContext(s.ctx)
		in.Close()
		ended <- err
	}()
	var said strings.Builder
	page := regexp.MustCompile(`(?m)^  (http\S+)$`)
	buf := make([]byte, 4096)
	for gone := false; ; {
		n, err := out.Read(buf)
		said.Write(buf[:n])
		if to := page.FindStringSubmatch(said.String()); to != nil && !gone {
			gone = true
			if err := browse(s.ctx, to[1]); err != nil {
				t.Error(err)
			}
		}
		if err != nil {
			break
		}
	}
	if err := <-ended; err != nil {
		t.Fatalf("%v after %s", err, said.String())
	}
	return said.String()
}

// TestLoginAtAFixedPort: the address that is registered for a client is the one that is used.
func TestLoginAtAFixedPort(t *testing.T) {
	as := protect(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "m.yaml")
	text := fmt.Sprintf("upstreams:\n  up:\n    url: %s\n    oauth: {client_id: known, store: %s, "+
		"scopes: [read, write], redirect_url: 'http://localhost:%d/oauth/back'}\n", as.URL,
		t.TempDir(), port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &gatewayFile{ctx: t.Context(), t: t, file: file}
	said := s.login(t, "up")
	if want := fmt.Sprintf("localhost:%d", port); !strings.Contains(said, want) {
		t.Errorf("want %q in %s", want, said)
	}
	if n := as.Counts(); n.Registered != 0 || n.Authorized != 1 {
		t.Errorf("got %+v, want a login of a client that is known", n)
	}
	if got := as.Scopes(); len(got) != 1 || got[0] != "read write" {
		t.Errorf("got the scopes %q", got)
	}
}

// TestLoginLocks: a login and a server that renews have one lock.
func TestLoginLocks(t *testing.T) {
	const at = "https://h/mcp"
	store := gateway.TokenStore{Dir: t.TempDir(), Name: "up"}
	var s oauth.Store = &loginStore{TokenStore: store}
	l, ok := s.(oauth.Locker)
	if !ok {
		t.Fatal("a login has no lock")
	}
	unlock, err := l.Lock(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := store.Lock(gone, at); !errors.Is(err, context.Canceled) {
		t.Errorf("a server has the lock of a login: %v", err)
	}
}

// TestLoginFaults: what cannot be logged in to says why.
func TestLoginFaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.yaml")
	text := "upstreams:\n  a: {command: [x]}\n" +
		"  b: {url: 'https://h/', headers: {Authorization: x}}\n" +
		"  c: {url: 'https://h/', oauth: {grant: client_credentials, client_id: i, " +
		"client_secret: s, store: /x}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &gatewayFile{ctx: t.Context(), t: t, file: file}
	for name, want := range map[string]string{
		"a": "it gets no tokens", "b": "it gets no tokens",
		"c": "its grant client_credentials needs nobody", "d": `cannot find upstream "d"`,
	} {
		_, faults, err := s.run("login", name, "-c", file, "--no-browser")
		if err == nil || !strings.Contains(faults, want) {
			t.Errorf("%s: got %v, %s; want %q", name, err, faults, want)
		}
	}
}
