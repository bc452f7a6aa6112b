package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// childEnv makes the test binary play the server process of a stdio test.
const childEnv = "MCPLOOP_CLIENT_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childEnv); role != "" {
		os.Exit(playChild(role))
	}
	// Programs are started on a thread that must not end.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(
		"github.com/mcploop/mcploop/client/process.runStarts"))
}

const patience = 20 * time.Second // for what must happen, however slow the machine

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// fixture are the tools of the test server.
type fixture struct {
	entered chan struct{} // gets a token when "hang" runs
	left    chan error    // gets the cause of "hang"'s end
}

func newFixture() *fixture {
	return &fixture{entered: make(chan struct{}, 1024), left: make(chan error, 1024)}
}

type echoInput struct {
	Message string `json:"message"`
}

type routeInput struct {
	Region string `json:"region"`
}

func (f *fixture) addTools(s *server.Server) error {
	server.AddTool(s, mcp.Tool{Name: "echo"},
		func(_ context.Context, _ *mcp.Request, in echoInput) (string, error) {
			return in.Message, nil
		})
	server.AddTool(s, mcp.Tool{Name: "fail"},
		func(context.Context, *mcp.Request, struct{}) (string, error) {
			return "", errors.New("out of paper")
		})
	server.AddTool(s, mcp.Tool{Name: "steps"},
		func(ctx context.Context, req *mcp.Request, _ struct{}) (string, error) {
			for i := range 5 {
				p := mcp.ProgressNotificationParams{Total: 5, Message: "on"}
				p.Progress = float64(i + 1)
				if err := req.NotifyProgress(ctx, p); err != nil {
					return "", err
				}
			}
			return "done", nil
		})
	server.AddTool(s, mcp.Tool{Name: "hang"},
		func(ctx context.Context, _ *mcp.Request, _ struct{}) (string, error) {
			f.entered <- struct{}{}
			<-ctx.Done()
			f.left <- context.Cause(ctx)
			return "", ctx.Err()
		})
	return s.AddRawTool(mcp.Tool{Name: "route", InputSchema: json.RawMessage(routeSchema)},
		func(_ context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
			return mcp.AppendTextResult(dst, req.Params.Arguments), nil
		})
}

// startServer serves the fixture on every socket transport.
func startServer(t testing.TB, opt server.Options) (*server.Server, *fixture) {
	t.Helper()
	opt.Name, opt.Version = "fixture", "1.2.3"
	opt.HTTP, opt.TCP = []string{"127.0.0.1:0"}, []string{"127.0.0.1:0"}
	opt.Unix = []string{filepath.Join(t.TempDir(), "s")}
	s, err := server.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture()
	if err := f.addTools(s); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopServer(s) })
	return s, f
}

// stopServer ends s at once; what is in flight is cut.
func stopServer(s *server.Server) {
	hard, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.Drain(hard)
}

// urls are the addresses of s by transport.
func urls(s *server.Server) map[string]string {
	found := map[string]string{}
	for _, a := range s.Addrs() {
		switch a.Door {
		case "http":
			found["http"] = fmt.Sprintf("http://%s/mcp", a.Addr)
			found["ws"] = fmt.Sprintf("ws://%s/mcp", a.Addr)
			found["sse"] = fmt.Sprintf("sse://%s/sse", a.Addr)
		case "unix":
			found["unix"] = "unix://" + a.Addr.String()
		default:
			found[a.Door] = fmt.Sprintf("%s://%s", a.Door, a.Addr)
		}
	}
	return found
}

func connect(t testing.TB, opt client.Options) *client.Client {
	t.Helper()
	c, err := client.Connect(testContext(t), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// playedBy returns options for a child that plays role.
func playedBy(t testing.TB, role string) client.Options {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return client.Options{
		Command: []string{self}, Env: append(os.Environ(), childEnv+"="+role), Stderr: os.Stderr,
	}
}

// transports returns options for every way to the fixture.
func transports(t testing.TB, s *server.Server) map[string]client.Options {
	all := map[string]client.Options{"stdio": playedBy(t, "server")}
	for name, url := range urls(s) {
		all[name] = client.Options{URL: url}
	}
	return all
}

func text(t testing.TB, r *mcp.CallToolResult) string {
	t.Helper()
	if len(r.Content) != 1 {
		t.Fatalf("got %d blocks, want one", len(r.Content))
	}
	block, ok := r.Content[0].(*mcp.TextContent)
	if !ok {
		t.Fatalf("got a %T, want text", r.Content[0])
	}
	return block.Text
}

func wantText(t testing.TB, r *mcp.CallToolResult, err error, want string) {
	t.Helper()
	if err != nil {
		t.Errorf("got error %v, want %q", err, want)
		return
	}
	if got := text(t, r); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func wantError(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want one that is %v", err, want)
		return
	}
	if !strings.HasPrefix(err.Error(), "cannot ") {
		t.Errorf("got error %q, want it to begin with cannot", err)
	}
}

// await returns what comes on ch, within the test's patience.
func await[T any](t testing.TB, what string, ch <-chan T) (v T) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v = <-ch:
	case <-timer.C:
		t.Fatalf("waited in vain for %s", what)
	}
	return v
}

// waitUntil polls a condition that nothing announces.
func waitUntil(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// listen is a raw TCP server: handle gets each connection in a goroutine of its own.
func listen(t testing.TB, handle func(net.Conn)) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(2 * patience))
				handle(conn)
			}()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	return listener.Addr().String()
}
