package exec_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server/gateway/exec"
)

// TestTooMuchOutput ends a program that writes for ever.
func TestTooMuchOutput(t *testing.T) {
	p := provide(t, exec.ToolOptions{Command: []string{"yes"}}, func(o *exec.Options) {
		o.OutputBytesMax = 1001
	})
	r := must(t, p, `{}`)
	if !r.IsError || !strings.HasPrefix(r.text(), "it was ended: its output has more than 1001 ") ||
		!strings.Contains(r.text(), "\ny\ny\n") {
		t.Errorf("got %+v", r)
	}
}

// TestEndTakesDescendants: when a call is given up, nothing that it has started is left: not in its
// group, and not in one of its own.
func TestEndTakesDescendants(t *testing.T) {
	for name, script := range map[string]string{
		"group":   `sleep 1000 & `,
		"session": `setsid sleep 1000 & `,
		"deaf":    `trap '' TERM INT; sleep 1000 & `,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			script += `echo $! >"$0/child"; echo $$ >"$0/self"; sleep 1000`
			p := provide(t, exec.ToolOptions{Command: []string{"sh", "-c", script, dir}}, nil)
			ctx, stop := context.WithCancelCause(t.Context())
			ended := make(chan error, 1)
			go func() {
				_, err := call(ctx, t, p, `{}`)
				ended <- err
			}()
			child, self := waitPID(t, dir, "child"), waitPID(t, dir, "self")
			gone := errors.New("nobody waits")
			stop(gone)
			if err := <-ended; !errors.Is(err, gone) {
				t.Errorf("got %v", err)
			}
			waitGone(t, child)
			waitGone(t, self)
		})
	}
}

// TestNothingIsLeftBehind: a program that ends leaves none behind that holds its output.
func TestNothingIsLeftBehind(t *testing.T) {
	dir := t.TempDir()
	p := provide(t, exec.ToolOptions{Command: []string{
		"sh", "-c", `sleep 1000 & echo $! >"$0/child"; echo done`, dir,
	}}, nil)
	if r := must(t, p, `{}`); r.IsError || r.text() != "done\n" {
		t.Errorf("got %+v", r)
	}
	waitGone(t, waitPID(t, dir, "child"))
}

// TestProcessesAreBounded: one more than may run waits for its turn, or gives up.
func TestProcessesAreBounded(t *testing.T) {
	dir := t.TempDir()
	p := provide(t, exec.ToolOptions{Command: []string{
		"sh", "-c", `mkfifo "$0/$1" && echo $$ >"$0/pid$1" && cat "$0/$1"`, dir, "{n}",
	}}, func(o *exec.Options) { o.ProcessesMax = 1 })
	ended := make(chan result, 1)
	go func() {
		r, _ := call(t.Context(), t, p, `{"n":"1"}`)
		ended <- r
	}()
	waitPID(t, dir, "pid1")
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer stop()
	if r, err := call(ctx, t, p, `{"n":"2"}`); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %+v, %v", r, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "2")); err == nil {
		t.Error("the second one ran")
	}
	if err := os.WriteFile(filepath.Join(dir, "1"), []byte("read"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := <-ended; r.text() != "read" {
		t.Errorf("got %+v", r)
	}
}

// TestLimits: a program that wants more memory than it may have ends, and its tool says so.
func TestLimits(t *testing.T) {
	hungry := exec.ToolOptions{Command: []string{
		"sh", "-c", `x=$(head -c 200000000 /dev/zero | tr '\0' x); echo "${#x}"`,
	}}
	p := provide(t, hungry, func(o *exec.Options) { o.Limits.Memory = 32 << 20 })
	if r := must(t, p, `{}`); !r.IsError && r.text() == "200000000\n" {
		t.Errorf("got %+v", r)
	}
}

// TestEqual: a provider of the same options is the same one.
func TestEqual(t *testing.T) {
	o := exec.ToolOptions{Command: []string{"true"}}
	p := provide(t, o, nil)
	if !p.Equal(provide(t, o, nil)) {
		t.Error("it is not like one of the same options")
	}
	o.Title = "x"
	if p.Equal(provide(t, o, nil)) || p.Equal(nil) {
		t.Error("it is like one of other options")
	}
}

// waitPID waits until a program has written its number.
func waitPID(t *testing.T, dir, name string) int {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		text, err := os.ReadFile(filepath.Join(dir, name))
		pid, faulty := strconv.Atoi(strings.TrimSpace(string(text)))
		if err == nil && faulty == nil {
			return pid
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("no %s came", name)
	return 0
}

// waitGone waits until there is no such process, or only what its parent has not reaped.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("process %d is still there", pid)
}
