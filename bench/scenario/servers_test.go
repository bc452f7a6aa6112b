package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/mcploop/mcploop/bench/fake"
	"github.com/mcploop/mcploop/bench/fleet"
	"github.com/mcploop/mcploop/bench/hostile"
	"github.com/mcploop/mcploop/bench/result"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// TestMain lets this binary be a client process, a hostile crowd and a server.
func TestMain(m *testing.M) {
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 1 && args[0] == "worker":
		err = fleet.Worker(context.Background(), os.Stdin, os.Stdout)
	case len(args) == 1 && args[0] == "hostile":
		err = hostile.Worker(os.Stdin, os.Stdout)
	case fake.Serve(args):
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run runs the scenario of that name for a fraction of a second a step.
func run(t *testing.T, name string, change func(*Settings)) (*result.File, error) {
	t.Helper()
	s, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	opt := Options{
		Scenario: s, Settings: DefaultSettings(),
		Worker: []string{exe, "worker"}, Hostile: []string{exe, "hostile"},
	}
	if s.Preset != nil {
		s.Preset(&opt.Settings)
	}
	opt.Settings.Connections = 8
	opt.Settings.Duration, opt.Settings.Warmup = 60*time.Millisecond, 20*time.Millisecond
	change(&opt.Settings)
	return Do(t.Context(), opt)
}

// mustRun is run for a server that answers well.
func mustRun(t *testing.T, name string, change func(*Settings)) *result.File {
	t.Helper()
	f, err := run(t, name, change)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Err(); err != nil {
		t.Fatal(err)
	}
	return f
}

// step returns the step of that name.
func step(t *testing.T, f *result.File, name string) *result.Step {
	t.Helper()
	for i := range f.Steps {
		if f.Steps[i].Name == name {
			return &f.Steps[i]
		}
	}
	t.Fatalf("got no step %q", name)
	return nil
}

// value returns a measure of a step.
func value(t *testing.T, s *result.Step, measure string) float64 {
	t.Helper()
	for _, m := range s.All() {
		if m.Name == measure {
			return m.Value
		}
	}
	t.Fatalf("step %q has no measure %q: %+v", s.Name, measure, s.Measures)
	return 0
}

// ours is the real server with a blocking echo; workers and places in the queue are few.
type ours struct{ http, tcp string }

func serve(t *testing.T) ours {
	t.Helper()
	s, err := server.New(server.Options{
		Name: "bench-test", HTTP: []string{"127.0.0.1:0"}, TCP: []string{"127.0.0.1:0"},
		Log:   slog.New(slog.DiscardHandler),
		Queue: server.Queue{Workers: 2, Max: 16}, Loops: server.Loops{Count: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	schema := json.RawMessage(`{"type":"object","properties":{"message":{"type":"string"}}}`)
	for name, mode := range map[string]server.Mode{"echo": server.Inline, "work": server.Blocking} {
		err := s.AddRawTool(mcp.Tool{Name: name, InputSchema: schema},
			func(_ context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
				return mcp.AppendRawTextResult(dst, req.Arg("message")), nil
			}, mode)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Drain(ctx)
	})
	var o ours
	for _, a := range s.Addrs() {
		if a.Door == "http" {
			o.http = a.Addr.String()
		} else {
			o.tcp = a.Addr.String()
		}
	}
	return o
}
