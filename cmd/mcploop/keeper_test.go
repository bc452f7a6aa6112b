package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client/process"
)

// asMain makes this binary mcploop.
const asMain = "MCPLOOP_TEST_AS_MAIN"

// TestMain is the keeper when serve starts this binary as one, and mcploop when a test does.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == keeperUse:
		process.Keep(os.Stdin)
	case os.Getenv(asMain) != "":
		main()
	default:
		os.Exit(m.Run())
	}
}

// TestServeIsKilled: when serve is killed, children of upstreams end, and so does what they have
// started, in their process group and out of it.
func TestServeIsKilled(t *testing.T) {
	dir := t.TempDir()
	pids, file := filepath.Join(dir, "pids"), filepath.Join(dir, "mcp.json")
	text := fmt.Sprintf(`{"mcpServers": {"up": {"command": "sh", "args": ["-c",
		"sleep 900 & a=$!; setsid sleep 900 & echo $$ $a $! >%s.new; mv %s.new %s; sleep 900"]}}}`,
		pids, pids, pids)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := exec.Command(os.Args[0], "serve", "-c", file, "--unix", filepath.Join(dir, "s"))
	serve.Env = append(os.Environ(), asMain+"=1")
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	var family []int
	soon(t, "the child has started its own", func() bool {
		text, err := os.ReadFile(pids)
		for _, field := range strings.Fields(string(text)) {
			pid, _ := strconv.Atoi(field)
			family = append(family, pid)
		}
		return err == nil
	})
	for _, pid := range family {
		if !runs(pid) {
			t.Errorf("process %d of %v does not run", pid, family)
		}
	}
	if err := serve.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = serve.Wait() // it was killed
	for _, pid := range family {
		soon(t, fmt.Sprintf("process %d of %v is gone", pid, family), func() bool {
			return !runs(pid)
		})
	}
}

// runs tells whether a process does; a zombie does not.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited for nothing: %s", what)
		}
	}
}
