package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcploop/mcploop/bench/fake"
	"github.com/mcploop/mcploop/bench/load"
)

// TestMain lets the test binary be a worker, also one of several bad ones.
func TestMain(m *testing.M) {
	args := os.Args[1:]
	if len(args) == 0 || !strings.HasPrefix(args[0], "worker") {
		os.Exit(m.Run())
	}
	// A process that is told to end ends the load, as bench does.
	ctx, stop := interrupted()
	defer stop()
	if err := work(ctx, strings.TrimPrefix(args[0], "worker ")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// work is Worker, but for the worker of connection 0, which may be bad.
func work(ctx context.Context, how string) error {
	in, options := io.Reader(os.Stdin), make([]byte, 64<<10)
	n, err := os.Stdin.Read(options)
	if err != nil {
		return err
	}
	in = io.MultiReader(strings.NewReader(string(options[:n])), in)
	var t task
	if err := json.Unmarshal(options[:n], &t); err != nil {
		return err
	}
	if t.Load.First > 0 {
		how = "good"
	}
	out := io.Writer(os.Stdout)
	if after, ok := strings.CutSuffix(how, " later"); ok {
		how, out = "good", &fading{how: after}
	}
	if err := misbehave(how); err != nil {
		return err
	}
	return Worker(ctx, in, out)
}

// fading is standard output for one report; what comes in place of the next is how.
type fading struct {
	how  string
	said bool
}

func (f *fading) Write(b []byte) (int, error) {
	if f.said {
		return 0, misbehave(f.how)
	}
	f.said = true
	return os.Stdout.Write(b)
}

func misbehave(how string) error {
	switch how {
	case "dies":
		return errors.New("I am out of order")
	case "babbles":
		fmt.Println("no report")
		select {}
	case "hangs":
		select {}
	case "is silent":
		os.Stdout.Close()
		select {}
	}
	return nil
}

// crew is a fleet of three.
func crew(t *testing.T, how string) *Fleet {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &Fleet{Self: []string{exe, "worker " + how}, Processes: 3, Core: -1}
}

func short(t *testing.T, spoil fake.Spoiler) load.Options {
	o := load.DefaultOptions()
	o.Addr, o.Conns, o.Depth = fake.Lines(t, "tcp", spoil), 10, 2
	o.Span, o.Warmup = 60*time.Millisecond, 10*time.Millisecond
	return o
}

// noChild fails when a process that was started here is left.
func noChild(t *testing.T) {
	t.Helper()
	var status unix.WaitStatus
	if pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("got process %d, %v, want none to be left", pid, err)
	}
}

func contains(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("got %q, want it to contain %q", got, want)
	}
}

func TestWorkersAddUp(t *testing.T) {
	var answers atomic.Int64
	o := short(t, func(n int64, a string) string {
		answers.Store(n)
		return a
	})
	o.Warmup = 0
	r, err := crew(t, "good").Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	if r.Processes != 3 || r.Conns != 10 || r.Connect.Count() != 10 {
		t.Errorf("got %d processes, %d connections, %d connected", r.Processes, r.Conns,
			r.Connect.Count())
	}
	// What was in flight at the end has a latency and is in no figure of the time.
	if all := answers.Load(); r.Latency.Count() != all || all-int64(r.Calls) > 20 {
		t.Errorf("got %d calls, %d latencies of %d answers", r.Calls, r.Latency.Count(), all)
	}
	noChild(t)
}

func TestFaultOfOneIsTheFaultOfAll(t *testing.T) {
	o := short(t, fake.Fault("double"))
	r, err := crew(t, "good").Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Mismatches != 1 || r.Err() == nil {
		t.Errorf("got %d mismatches, %v", r.Mismatches, r.Err())
	}
	contains(t, r.FirstFault, "no outstanding call")
	noChild(t)
}

func TestBadWorkersEndTheRun(t *testing.T) {
	for how, want := range map[string]string{
		"dies":      "(exit status 1): I am out of order",
		"babbles":   "cannot read what a client process reports",
		"hangs":     errLate.Error(),
		"is silent": errLate.Error(),
	} {
		f := crew(t, how)
		f.Patience = 300 * time.Millisecond
		o := short(t, nil)
		o.Patience = 0
		_, err := f.Run(t.Context(), o)
		contains(t, fmt.Sprint(err), want)
		noChild(t)
	}
}

func TestWorkerThatCannotBegin(t *testing.T) {
	o := short(t, nil)
	o.Addr = "127.0.0.1:1"
	_, err := crew(t, "good").Run(t.Context(), o)
	contains(t, fmt.Sprint(err), "connection refused")
	noChild(t)
}

// TestInterruptedLoadHasAResult: what was measured until then.
func TestInterruptedLoadHasAResult(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := short(t, func(n int64, a string) string {
		if n == 1000 {
			cancel()
		}
		return a
	})
	o.Warmup, o.Span, o.Rate = 0, time.Hour, 20_000
	r, err := crew(t, "good").Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Err(); err != nil || r.Latency.Count() < 1000 {
		t.Errorf("got %d latencies, %v", r.Latency.Count(), err)
	}
	noChild(t)
}

func TestInterruptedHang(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := crew(t, "hangs")
	f.Patience = 200 * time.Millisecond
	o := short(t, nil)
	o.Span = time.Hour
	cancel()
	if _, err := f.Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was interrupted", err)
	}
	noChild(t)
}

func TestSplit(t *testing.T) {
	f := func(processes, conns, burst int, rate float64) {
		t.Helper()
		o := load.DefaultOptions()
		o.First, o.Conns, o.Burst, o.Rate, o.PID = 5, conns, burst, rate, 7
		fl := Fleet{Processes: processes}
		next, bursts, sum := 5, 0, 0.0
		for i, s := range fl.split(o) {
			if s.First != next || s.Conns < 1 || s.Burst < 1 || (s.PID == 7) != (i == 0) {
				t.Errorf("share %d of %d: got %+v", i, processes, s)
			}
			next, bursts, sum = next+s.Conns, bursts+s.Burst, sum+s.Rate
			// The bursts of all come at the same moments.
			if burst >= processes && s.Rate/float64(s.Burst) != rate/float64(burst) {
				t.Errorf("share %d: got bursts of %d at %g/s, of %d at %g/s", i, s.Burst, s.Rate,
					burst, rate)
			}
		}
		if next != 5+conns || sum < rate*0.999 || sum > rate*1.001 {
			t.Errorf("got connections up to %d, %g calls/s; want %d, %g", next, sum, 5+conns, rate)
		}
		if burst >= processes && bursts != burst {
			t.Errorf("got bursts of %d, want %d", bursts, burst)
		}
	}
	f(1, 64, 1, 1000)
	f(3, 64, 1, 1000)
	f(3, 64, 10, 900)
	f(4, 4, 4, 16)
	if n := len((&Fleet{}).split(load.Options{Conns: 2*load.ConnsMax + 1})); n != 3 {
		t.Errorf("got %d processes for more connections than two can have, want 3", n)
	}
}
