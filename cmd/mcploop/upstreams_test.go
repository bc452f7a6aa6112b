package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server/config"
)

// TestEachUpstreamKeyReachesTheGateway changes one key of an upstream after the other: one that
// leaves its options as they are is a key that nothing reads.
func TestEachUpstreamKeyReachesTheGateway(t *testing.T) {
	pair := map[string]string{"A": "b"}
	valid := map[string]func(*config.Upstream){
		"Type":    func(u *config.Upstream) { u.Type = "sse" },
		"Era":     func(u *config.Upstream) { u.Era = "legacy" },
		"Share":   func(u *config.Upstream) { u.Share = "session" },
		"Headers": func(u *config.Upstream) { u.Headers = map[string]string{"A": "b"} },
		"Env":     func(u *config.Upstream) { u.Env = map[string]string{"A": "b"} },
		"Rename":  func(u *config.Upstream) { u.Rename = map[string]string{"A": "b"} },

		"HTTP.Query":          func(u *config.Upstream) { u.HTTP.Query = pair },
		"OpenAPI.Query":       func(u *config.Upstream) { u.OpenAPI.Query = pair },
		"OpenAPI.Credentials": func(u *config.Upstream) { u.OpenAPI.Credentials = pair },
		"Credentials.Default": func(u *config.Upstream) { u.Credentials.Default = pair },
		"Credentials.Users": func(u *config.Upstream) {
			u.Credentials.Users = map[string]config.User{"u": {Token: "t"}}
		},
		"HTTP.Tools": func(u *config.Upstream) {
			u.HTTP.Tools = map[string]config.HTTPTool{"t": {}}
		},
		"Exec.Tools": func(u *config.Upstream) {
			u.Exec.Tools = map[string]config.ExecTool{"t": {}}
		},
	}
	plain := func() *config.Upstream {
		cfg, err := config.Parse([]byte("upstreams: {u: {url: 'http://h:1/'}}"), nil)
		if err != nil {
			t.Fatal(err)
		}
		u := cfg.Upstreams["u"]
		return &u
	}
	count := 0
	each(reflect.ValueOf(plain()).Elem(), "", func(path string) {
		count++
		u := plain()
		if set := valid[path]; set != nil {
			set(u)
		} else {
			change(t, path, fieldAt(reflect.ValueOf(u).Elem(), path))
		}
		same := reflect.DeepEqual(kindOptions(u), kindOptions(plain()))
		if same != (path == "Disabled") { // addUpstreams reads it
			t.Errorf("%s: the options are the same: %v", path, same)
		}
	})
	if count < 57 {
		t.Errorf("found %d keys; does the test look at the wrong struct?", count)
	}
}

// TestUpstreamEnv: a child's environment is the plain one and what the file adds to it.
func TestUpstreamEnv(t *testing.T) {
	t.Setenv("SECRET_OF_OURS", "x")
	t.Setenv("HOME", "/ours")
	u := &config.Upstream{Command: []string{"x"}, Env: map[string]string{"HOME": "/its", "K": "v"}}
	env := upstreamOptions("u", u).Client.Env
	for _, want := range []string{"PATH=" + os.Getenv("PATH"), "K=v"} {
		if !slices.Contains(env, want) {
			t.Errorf("got %q, want %q in it", env, want)
		}
	}
	if slices.Contains(env, "SECRET_OF_OURS=x") {
		t.Error("what was not asked for is passed on")
	}
	if slices.Index(env, "HOME=/its") < slices.Index(env, "HOME=/ours") {
		t.Errorf("got %q, want the file's HOME last", env)
	}
}

// clientFile writes the configuration of an MCP client.
func clientFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "claude.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// serving runs serve until the test ends and returns what it has printed.
func serving(ctx context.Context, t *testing.T, args ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(ctx)
	cmd := newServeCommand()
	cmd.SetArgs(args)
	said, out := io.Pipe()
	cmd.SetOut(out)
	cmd.SetErr(io.Discard)
	ended := make(chan error, 1)
	go func() {
		err := cmd.ExecuteContext(ctx)
		out.Close()
		ended <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	var text strings.Builder
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		text.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "Try: ") {
			break
		}
	}
	return text.String()
}

// TestServeAClientsFile starts an unchanged client file: a server over a socket, one that is
// disabled, and one that cannot be started, which holds nobody up.
func TestServeAClientsFile(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	socket := filepath.Join(t.TempDir(), "behind")
	serving(ctx, t, "--unix", socket)
	file := clientFile(t, `{"mcpServers": {
		"first": {"url": "unix://`+socket+`"},
		"off": {"command": "x", "env": {"K": "${NOT_SET_ANYWHERE}"}, "disabled": true},
		"broken": {"command": "/no/such/program"}}}`)

	var out bytes.Buffer
	check := newCheckCommand()
	check.SetOut(&out)
	check.SetArgs([]string{"-c", file})
	err := check.ExecuteContext(ctx)
	if want := file + ": ok, upstreams: 3 (1 disabled)\n"; err != nil || out.String() != want {
		t.Errorf("check said %q, %v, want %q", out.String(), err, want)
	}

	front := filepath.Join(t.TempDir(), "front")
	said := serving(ctx, t, "-c", file, "--unix", front)
	if !strings.Contains(said, "upstreams: 2, connecting") {
		t.Errorf("it did not say how many upstreams it has:\n%s", said)
	}
	listed := awaitTool(ctx, t, "unix://"+front, "first__echo") // they come when it has answered
	if strings.HasPrefix(listed, "echo") || strings.Contains(listed, "\necho") {
		t.Errorf("the sample tools are served beside the client's:\n%s", listed)
	}
	out.Reset()
	call := newToolsCommand()
	call.SetOut(&out)
	call.SetArgs([]string{"call", "first__echo", "unix://" + front, "--arg", "message=hello"})
	if err := call.ExecuteContext(ctx); err != nil || out.String() != "hello\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

// TestImportCommand prints a section that check takes.
func TestImportCommand(t *testing.T) {
	file := clientFile(t, `{"mcpServers": {"a": {"command": "x", "env": {"K": "${K}"}}}}`)
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		root := newRootCommand()
		root.SetOut(&out)
		root.SetArgs(args)
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
	t.Setenv("K", "hunter2")
	text, err := run("import", file)
	want := "upstreams:\n  a:\n    command:\n      - x\n    env:\n      K: ${K}\n"
	if err != nil || text != want {
		t.Fatalf("got %q, %v, want %q", text, err, want)
	}
	if text, err = run("check", "-c", clientFile(t, text)); err != nil {
		t.Errorf("got %q, %v", text, err)
	}
	_, err = run("check", "-c", clientFile(t, `{"mcpServers": {"a": {"url": "gopher://h/"}}}`))
	if err == nil || !strings.Contains(err.Error(), "write http://, https://") {
		t.Errorf("got %v, want the cure", err)
	}
}

// TestGatewayExamples serves both files of examples/gateway, with the server that they name.
func TestGatewayExamples(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 90*time.Second)
	defer stop()
	dir := t.TempDir()
	build := exec.CommandContext(ctx, "go", "build", "-o", dir, "../../examples/everything")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the example: %v\n%s", err, text)
	}
	t.Setenv("MCPLOOP_BIN", dir)
	t.Setenv("NOTES_PORT", "1") // nobody is there, and nobody waits for it
	for _, file := range []string{"claude.json", "mcploop.yaml"} {
		t.Run(file, func(t *testing.T) {
			front := filepath.Join(t.TempDir(), "front")
			said := serving(ctx, t, "-c", "../../examples/gateway/"+file, "--unix", front)
			if !strings.Contains(said, "upstreams: 2, connecting") {
				t.Errorf("it said\n%s", said)
			}
			awaitTool(ctx, t, "unix://"+front, "everything__test_simple_text")
		})
	}
}

// awaitTool waits until the server lists the tool and returns the list.
func awaitTool(ctx context.Context, t *testing.T, url, name string) string {
	t.Helper()
	for {
		var out bytes.Buffer
		list := newToolsCommand()
		list.SetOut(&out)
		list.SetArgs([]string{"ls", url})
		if err := list.ExecuteContext(ctx); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), name) {
			return out.String()
		}
	}
}
