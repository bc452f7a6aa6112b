package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// gatewayFile is a gateway that runs with a file, as a user would start it.
type gatewayFile struct {
	ctx   context.Context
	t     *testing.T
	file  string
	front string // the path of its unix door
	url   string // of its HTTP door
}

// serveFile starts one; its file is text.
func serveFile(t *testing.T, text string) *gatewayFile {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(stop)
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	dir := t.TempDir()
	s := &gatewayFile{
		ctx: ctx, t: t, file: filepath.Join(dir, "mcploop.yaml"),
		front: filepath.Join(dir, "front"),
	}
	s.write(text)
	said := serving(ctx, t, "-c", s.file, "--unix", s.front, "--http", "127.0.0.1:0")
	s.url = regexp.MustCompile(`http://\S+/mcp`).FindString(said)
	return s
}

// write puts another file in the place of the one that is there, at once.
func (s *gatewayFile) write(text string) {
	s.t.Helper()
	if err := os.WriteFile(s.file+"~", []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(s.file+"~", s.file); err != nil {
		s.t.Fatal(err)
	}
}

// run runs a command of ours and returns what it printed on both outputs.
func (s *gatewayFile) run(args ...string) (out, faults string, err error) {
	var to, errTo bytes.Buffer
	root := newRootCommand()
	root.SetOut(&to)
	root.SetErr(&errTo)
	root.SetArgs(args)
	err = root.ExecuteContext(s.ctx)
	if err != nil && err.Error() != "" {
		fmt.Fprintln(&errTo, err)
	}
	return to.String(), errTo.String(), err
}

// reload is mcploop reload.
func (s *gatewayFile) reload() (out, faults string, err error) {
	return s.run("reload", "-c", s.file)
}

func (s *gatewayFile) awaitTool(name string) {
	s.t.Helper()
	awaitTool(s.ctx, s.t, "unix://"+s.front, name)
}

// awaitGone waits until the tool is listed no more.
func (s *gatewayFile) awaitGone(name string) {
	s.t.Helper()
	for {
		out, faults, err := s.run("tools", "ls", "unix://"+s.front)
		if err != nil {
			s.t.Fatal(faults, err)
		}
		if !strings.Contains(out, name) {
			return
		}
	}
}

// metric reads one value from /metrics, -1 when it is not there.
func (s *gatewayFile) metric(name string) (v float64) {
	s.t.Helper()
	resp, err := http.Get(strings.TrimSuffix(s.url, "/mcp") + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			_, _ = fmt.Sscan(rest, &v)
			return v
		}
	}
	return -1
}

func (s *gatewayFile) await(what string, ok func() bool) {
	s.t.Helper()
	for !ok() {
		if s.ctx.Err() != nil {
			s.t.Fatalf("never: %s", what)
		}
	}
}

// toolServer serves the tool hold, which waits for release, and whoami, which answers with name.
func toolServer(t *testing.T, name string) (url string, entered, release chan struct{}) {
	t.Helper()
	entered, release = make(chan struct{}, 1), make(chan struct{})
	s, err := server.New(server.Options{
		Name: name, HTTP: []string{"127.0.0.1:0"}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	type none struct{}
	server.AddTool(s, mcp.Tool{Name: "whoami"},
		func(context.Context, *mcp.Request, none) (string, error) { return name, nil })
	server.AddTool(s, mcp.Tool{Name: "hold"},
		func(ctx context.Context, _ *mcp.Request, _ none) (string, error) {
			entered <- struct{}{}
			select {
			case <-release:
				return "held by " + name, nil
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
		})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		_ = s.Drain(ctx)
	})
	return "http://" + s.Addrs()[0].Addr.String() + "/mcp", entered, release
}

// call calls a tool at the gateway and returns its text.
func (s *gatewayFile) call(tool string) (string, error) {
	c, err := client.Connect(s.ctx, client.Options{URL: s.url})
	if err != nil {
		return "", err
	}
	defer c.Close()
	result, err := c.CallTool(s.ctx, &mcp.CallToolParams{Name: tool, Arguments: struct{}{}})
	if err != nil {
		return "", err
	}
	return result.Content[0].(*mcp.TextContent).Text, nil
}
