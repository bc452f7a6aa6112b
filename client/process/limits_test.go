package process_test

import (
	"bytes"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client/process"
)

// TestMemoryLimit: a program that takes more than it may ends, and the log says how it is bound.
func TestMemoryLimit(t *testing.T) {
	const limit = 64 << 20
	var log bytes.Buffer
	p, out := started(t, process.Spec{
		Command: []string{"sh", "-c", "x=x; while :; do x=$x$x; echo ${#x}; done"},
		Limits:  process.Limits{Memory: limit, CPU: 0.5, Pids: 100},
		Log:     slog.New(slog.NewTextHandler(&log, nil)),
	})
	text, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil {
		t.Error("it has ended well")
	}
	lines := strings.Fields(string(text))
	if len(lines) == 0 {
		t.Fatal("it got no memory at all")
	}
	got, err := strconv.Atoi(lines[len(lines)-1])
	if err != nil || got >= limit || got < 1<<20 {
		t.Errorf("it got %d bytes, %v, want less than %d", got, err, limit)
	}
	for _, want := range []string{"memory 67108864 bytes ", "cpu ", "pids "} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log says %q, want %q in it", log.String(), want)
		}
	}
}

// TestMemoryLimitOfChildren: what the program starts is bound too.
func TestMemoryLimitOfChildren(t *testing.T) {
	p, out := started(t, process.Spec{
		Command: []string{"sh", "-c", "sh -c 'ulimit -d; exit 0'; exit 0"},
		Limits:  process.Limits{Memory: 512 << 20},
		Log:     slog.New(slog.DiscardHandler),
	})
	text, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
	if got := strings.TrimSpace(string(text)); got != "524288" && !process.CgroupHas("memory") {
		t.Errorf("its child's limit is %s KiB, want 524288", got)
	}
}
