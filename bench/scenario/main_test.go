package scenario

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcploop/mcploop/bench/fake"
	"github.com/mcploop/mcploop/bench/fleet"
	"github.com/mcploop/mcploop/bench/hostile"
	"github.com/mcploop/mcploop/bench/result"
	"github.com/mcploop/mcploop/bench/tunnel"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

func TestMain(m *testing.M) {
	var err error
	switch args := os.Args[1:]; {
	case fake.Serve(args):
		return
	case len(args) == 1 && args[0] == "worker":
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = fleet.Worker(ctx, os.Stdin, os.Stdout)
		stop()
	case len(args) == 1 && args[0] == "tunnel":
		err = tunnel.Worker(os.Stdin, os.Stdout)
	case len(args) == 1 && args[0] == "hostile":
		err = hostile.Worker(os.Stdin, os.Stdout)
	case len(args) > 1 && args[0] == "real":
		err = serveReal(args[1], args[2:])
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serveReal is our server in a process of its own.
func serveReal(door string, addrs []string) error {
	opt := server.Options{Name: "real"}
	opt.Loops.Count = 1
	opt.Sessions.IdleTTL, opt.Sessions.Sweep = 100*time.Millisecond, 20*time.Millisecond
	switch door {
	case "http":
		opt.HTTP = addrs
	case "tcp":
		opt.TCP = addrs
	default:
		opt.Unix = addrs
	}
	s, err := server.New(opt)
	if err != nil {
		return err
	}
	type said struct {
		Message string `json:"message"`
	}
	server.AddTool(s, mcp.Tool{Name: "echo"},
		func(_ context.Context, _ *mcp.Request, in said) (string, error) { return in.Message, nil })
	server.AddTool(s, mcp.Tool{Name: "change"},
		func(context.Context, *mcp.Request, struct{}) (string, error) {
			server.AddTool(s, mcp.Tool{Name: "other"},
				func(context.Context, *mcp.Request, struct{}) (string, error) { return "", nil })
			return "changed", nil
		})
	return s.Serve(context.Background())
}

// real is the command of our server.
func real(t *testing.T, door string) []string { return []string{self(t), "real", door, "{addr}"} }

func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// options are those of a short run of s.
func options(t *testing.T, s Scenario, change func(*Settings), command ...string) Options {
	t.Helper()
	opt := Options{
		Scenario: s, Settings: DefaultSettings(), Worker: []string{self(t), "worker"},
		Tunnel:  []string{self(t), "tunnel"},
		Hostile: []string{self(t), "hostile"}, Command: command,
	}
	if s.Preset != nil {
		s.Preset(&opt.Settings)
	}
	opt.Settings.Connections, opt.Settings.Rate = 8, min(opt.Settings.Rate, 1000)
	opt.Settings.Duration, opt.Settings.Warmup = 80*time.Millisecond, 10*time.Millisecond
	change(&opt.Settings)
	return opt
}

// run runs s and wants measurements.
func run(t *testing.T, opt Options) *result.File {
	t.Helper()
	f, err := Do(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Err(); err != nil {
		t.Fatal(err)
	}
	if len(f.Steps) == 0 {
		t.Fatal("got no step")
	}
	return f
}

// measure returns the figure of that name; missing is -1.
func measure(s *result.Step, name string) float64 {
	for _, m := range s.Measures {
		if m.Name == name {
			return m.Value
		}
	}
	return -1
}

func contains(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("got %q, want it to contain %q", got, want)
	}
}

// late is a Spoiler that begins after some good answers.
func late(spoil func(answer string) string) fake.Spoiler {
	return func(n int64, answer string) string {
		if n < 20 {
			return answer
		}
		return spoil(answer)
	}
}

// TestInterruptedRun: what was measured until then is kept.
func TestInterruptedRun(t *testing.T) {
	for _, processes := range []int{1, 3} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		f, err := Do(ctx, options(t, openLoop(), func(s *Settings) {
			s.Processes, s.Rate, s.Duration, s.Warmup = processes, 1000, time.Hour, 0
			s.TCP = fake.Lines(t, "tcp", func(n int64, a string) string {
				if n == 100 {
					cancel()
				}
				return a
			})
		}))
		if !errors.Is(err, context.Canceled) || len(f.Steps) != 1 || f.Err() != nil {
			t.Fatalf("got %v, %d steps, %v", err, len(f.Steps), f.Err())
		}
		if n := f.Steps[0].Load.Latency.Count(); n < 90 {
			t.Errorf("got %d latencies, want those of the calls before the end", n)
		}
		contains(t, fmt.Sprint(f.Warnings), "interrupted after")
	}
}

func TestOnlyStdioIsRefusedBySome(t *testing.T) {
	f := func(s Scenario, want string) {
		t.Helper()
		_, err := Do(t.Context(), options(t, s, func(*Settings) {}, self(t), "fake-stdio"))
		contains(t, fmt.Sprint(err), want)
	}
	for _, s := range []Scenario{churn(), ramp(), ladder(rungs(), heldShare), idle(), listen()} {
		f(s, s.Name+" over stdio, which has one connection")
	}
	f(closedLoop(), "<nil>")
}
