package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// The fault tests hold the server to the same oracle: whatever one peer does, a canary on a
// connection of its own has every call answered, and when the fault is over the process has
// the descriptors and goroutines that it had before, the calls balance, and nothing panicked.

// goroutineSlack is for workers and for the runtime's own goroutines, which stay once started.
const goroutineSlack = 24

// watch holds the rest of the test to the oracle. What is made after it is undone before the
// oracle looks.
func (r *running) watch() {
	r.t.Helper()
	c := r.startCanary()
	fds, goroutines := openFiles(r.t), runtime.NumGoroutine()
	r.t.Cleanup(func() {
		c.finish(r.t)
		eventually(r.t, "no call in flight", func() bool {
			return r.value("mcploop_calls_in_flight") == 0
		})
		r.checkBalance()
		eventually(r.t, "descriptors are back", func() bool { return openFiles(r.t) <= fds })
		eventually(r.t, "goroutines are back", func() bool {
			return runtime.NumGoroutine() <= goroutines+goroutineSlack
		})
	})
	r.t.Cleanup(func() {
		if log := r.log.String(); strings.Contains(log, "callback panicked") ||
			strings.Contains(log, "BUG") {
			r.t.Errorf("the log says:\n%s", log)
		}
	})
}

// checkBalance: accepted = completed + cancelled + in flight (FAULTS: nothing lost).
func (r *running) checkBalance() {
	r.t.Helper()
	eventually(r.t, "accepted = completed + cancelled + in flight", func() bool {
		return r.value("mcploop_calls_accepted_total") == r.value("mcploop_calls_completed_total")+
			r.value("mcploop_calls_cancelled_total")+r.value("mcploop_calls_in_flight")
	})
}

// value adds a metric up over its labels and the servers beside, without a connection of its own.
func (r *running) value(name string) float64 {
	r.t.Helper()
	var page bytes.Buffer
	r.WriteMetrics(&page)
	total := 0.0
	for _, other := range r.beside {
		total += other.value(name)
	}
	for lines := bufio.NewScanner(&page); lines.Scan(); {
		at := strings.LastIndexByte(lines.Text(), ' ')
		full, _, _ := strings.Cut(lines.Text()[:max(at, 0)], "{")
		if full == name || at > 0 && lines.Text()[:at] == name {
			var v float64
			_, _ = fmt.Sscan(lines.Text()[at+1:], &v)
			total += v
		}
	}
	return total
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// canary calls a tool over and over on a connection of its own.
type canary struct {
	conn  net.Conn
	calls atomic.Int64
	stop  atomic.Bool
	done  chan error
}

func (r *running) startCanary() *canary {
	r.t.Helper()
	conn, err := net.Dial("unix", r.unix)
	if err != nil {
		r.t.Fatal(err)
	}
	c := &canary{conn: conn, done: make(chan error, 1)}
	go func() { c.done <- c.run() }()
	eventually(r.t, "the canary sings", func() bool { return c.calls.Load() > 0 })
	return c
}

func (c *canary) run() error {
	defer c.conn.Close()
	in := bufio.NewReader(c.conn)
	pause := time.NewTicker(2 * time.Millisecond)
	defer pause.Stop()
	for !c.stop.Load() {
		n := c.calls.Add(1)
		_ = c.conn.SetDeadline(time.Now().Add(patience))
		call := modernCall(fmt.Sprint(n), "echo", fmt.Sprintf(`{"message":"canary %d"}`, n))
		if _, err := fmt.Fprintln(c.conn, call); err != nil {
			return err
		}
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		own := strings.Contains(line, fmt.Sprintf(`"canary %d"`, n))
		if !own || replyID(line) != fmt.Sprint(n) {
			return fmt.Errorf("call %d was answered %s", n, line)
		}
		<-pause.C
	}
	return nil
}

func (c *canary) finish(t *testing.T) {
	t.Helper()
	before := c.calls.Load()
	eventually(t, "the canary still sings", func() bool {
		return c.calls.Load() > before+1 || len(c.done) > 0
	})
	c.stop.Store(true)
	if err := <-c.done; err != nil {
		t.Errorf("the canary died after %d calls: %v", c.calls.Load(), err)
	}
}

// replyID is the raw id of an answer, "" when it has none.
func replyID(line string) string {
	var m struct{ ID json.RawMessage }
	_ = json.Unmarshal([]byte(line), &m)
	return string(m.ID)
}

// cage is a tool's inside as the test sees it: calls stay in it until they are let go.
type cage struct {
	entered chan string // ids as the client gave them in arguments
	exit    chan struct{}
	once    sync.Once
	runs    atomic.Int64
	ended   chan error // why the context of a call ended before it was let go
}

// add offers "caged", which waits for release or for its context, and "stuck", which does not
// even look at its context.
func (k *cage) add(s *server.Server) {
	server.AddTool(s, mcp.Tool{Name: "caged", Description: "waits"},
		func(ctx context.Context, _ *mcp.Request, in echoInput) (string, error) {
			k.runs.Add(1)
			k.entered <- in.Message
			select {
			case <-k.exit:
				return in.Message, nil
			case <-ctx.Done():
				k.ended <- context.Cause(ctx)
				return "", context.Cause(ctx)
			}
		})
	server.AddTool(s, mcp.Tool{Name: "stuck", Description: "hangs"},
		func(_ context.Context, _ *mcp.Request, in echoInput) (string, error) {
			k.runs.Add(1)
			k.entered <- in.Message
			<-k.exit
			return in.Message, nil
		})
}

// release lets all calls go, now and in future.
func (k *cage) release() { k.once.Do(func() { close(k.exit) }) }

// startCaged is start with a cage that opens at the end of the test.
func startCaged(t *testing.T, change func(*server.Options)) (*running, *cage) {
	t.Helper()
	k := &cage{
		entered: make(chan string, 1<<15), ended: make(chan error, 1<<15),
		exit: make(chan struct{}),
	}
	r := start(t, change, k.add)
	t.Cleanup(k.release)
	return r, k
}

// manyWorkers: a call of each peer of the tables can wait at the same time.
func manyWorkers(o *server.Options) { o.Queue.Workers = 20 }

// wait returns the next value of a channel.
func wait[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("never: %s", what)
	}
	panic("unreachable")
}

// waitCause waits until a caged call's context has ended, and checks why.
func (k *cage) waitCause(t *testing.T, want error) {
	t.Helper()
	if got := wait(t, "the call's context ends", k.ended); !errors.Is(got, want) {
		t.Errorf("the call's context ended with %v; want %v", got, want)
	}
}
