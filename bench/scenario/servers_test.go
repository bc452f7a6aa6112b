package scenario

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/mcploop/mcploop/bench/result"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// quickly returns the options of a run of the scenario of that name.
func quickly(t *testing.T, name string, change func(*Settings)) Options {
	t.Helper()
	s, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return options(t, s, func(s *Settings) {
		s.Duration = 60 * time.Millisecond
		change(s)
	})
}

// mustRun runs the scenario of that name against a server that answers well.
func mustRun(t *testing.T, name string, change func(*Settings)) *result.File {
	t.Helper()
	return run(t, quickly(t, name, change))
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
		Name: "bench-test", Version: "7",
		HTTP: []string{"127.0.0.1:0"}, TCP: []string{"127.0.0.1:0"},
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
