package server_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/server"
)

// stuckWriter blocks every write.
type stuckWriter struct{}

func (stuckWriter) Write([]byte) (int, error) { select {} }

// withStuckLog lets two lines wait for a log that takes none.
func withStuckLog(o *server.Options) {
	o.Log, o.LogLines = slog.New(slog.NewTextHandler(stuckWriter{}, nil)), 2
}

// A log that hangs costs its lines, which are counted, and nothing else: also lines that would be
// written on the one loop.
func TestFaultLogThatHangs(t *testing.T) {
	r := start(t, func(o *server.Options) { oneLoop(o); withStuckLog(o) })
	e := r.peer("tcp", modern)
	for range 20 {
		for _, tool := range []string{"crash_inline", "crash"} {
			if got := e.answer(e.call("1", tool, "{}")); code(got) != -32603 {
				t.Fatalf("%s was answered %s", tool, got)
			}
		}
		e.alive()
	}
	// One line is being written, two wait.
	if n := r.value("mcploop_log_lines_dropped_total"); n != 37 {
		t.Errorf("%v lines were dropped; want 37", n)
	}
	if n := r.value("mcploop_log_lines"); n != 2 {
		t.Errorf("%v lines wait; want 2", n)
	}
}

// The last lines are written before a drain ends.
func TestLogIsWrittenBeforeADrainEnds(t *testing.T) {
	log := &syncBuffer{}
	r := start(t, func(o *server.Options) {
		o.Log = slog.New(slog.NewTextHandler(log, nil)).With("a", 1)
	})
	e := r.peer("tcp", modern)
	for range 100 {
		e.answer(e.call("1", "crash", "{}"))
	}
	e.conn.Close()
	r.drainBeside()()
	if n := strings.Count(log.String(), "handler panicked"); n != 100 {
		t.Errorf("%d lines were written; want 100", n)
	}
	if !strings.Contains(log.String(), " a=1") {
		t.Error("an attribute of the logger is missing")
	}
}
