package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server"
)

// serveHasty serves standard input and output, and drains for a moment only.
func serveHasty() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGPIPE)
	s, err := server.New(server.Options{
		Name: "hasty", Stdio: true, DrainTimeout: 300 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	addTestTools(s)
	return s.Serve(ctx)
}

// runParent starts this binary as a server of standard input and output, has a call answered,
// says the server's process id, and waits to be killed.
func runParent() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVariable+"=noisy")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	fmt.Fprintln(in, modernCall("1", "echo", `{"message":"m"}`))
	answer, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return err
	}
	fmt.Fprintln(in, modernCall("2", "slow", `{"ms":600000}`))
	fmt.Fprintf(os.Stdout, "%d %s", cmd.Process.Pid, answer)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// A parent that is killed takes the server with it, also in the middle of a call: its input has
// ended and nobody reads its output.
func TestFaultStdioParentIsKilled(t *testing.T) {
	parent := startSelf(t, "parent")
	pid := 0
	line := parent.read()
	_, err := fmt.Sscan(line, &pid)
	if _, answer, _ := strings.Cut(line, " "); err != nil || replyID(answer) != "1" {
		t.Fatalf("the parent says %q", line)
	}
	if err := parent.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server has ended", func() bool { return ended(pid) })
}

// ended tells whether a process is no more, or waits for somebody to ask how it ended.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z")
}

// Half a line at the end of the input is no message; what came before it is answered, and the
// process exits with 0.
func TestFaultStdioHalfALineAtTheEnd(t *testing.T) {
	for _, half := range []string{
		`{"jsonrpc":"2.0","id":9,"meth`, "\xe2\x82", strings.Repeat(" ", 1<<20),
	} {
		c := startEverything(t)
		c.line(counting("1", 3))
		if _, err := c.in.WriteString(half); err != nil {
			t.Fatal(err)
		}
		c.in.Close()
		answers := c.rest()
		if len(answers) != 1 || code(answers["1"]) != 0 {
			t.Errorf("before %.20q: answered %q", half, answers)
		}
		c.waitExit(false)
	}
}

// SIGTERM ends a server whose parent does not read: what waits is given up with the drain.
func TestFaultStdioSIGTERMWhileTheParentDoesNotRead(t *testing.T) {
	c := startSelf(t, "hasty")
	message := `{"message":"` + strings.Repeat("m", 10_000) + `"}`
	var written atomic.Int64
	go func() {
		for {
			if _, err := c.in.WriteString(modernCall("1", "echo", message) + "\n"); err != nil {
				return
			}
			written.Add(1)
		}
	}()
	waitStalled(t, &written)
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.waitExit(true)
}

// Standard error that nobody reads, or that was closed, costs log lines and nothing else.
func TestFaultStdioStandardErrorBlockedOrClosed(t *testing.T) {
	for _, closed := range []bool{true, false} {
		errors, stderr, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		c := startSelfWith(t, "noisy", stderr)
		stderr.Close()
		if closed {
			errors.Close()
		} else {
			defer errors.Close()
		}
		for i := range 200 { // each one logs a stack
			for _, tool := range []string{"crash_inline", "crash"} {
				got := c.ask(modernCall(fmt.Sprint(i), tool, `{}`))
				if code(got) != -32603 || replyID(got) != fmt.Sprint(i) {
					t.Fatalf("closed %v: call %d was answered %s", closed, i, got)
				}
			}
		}
		c.in.Close()
		if rest := c.rest(); len(rest) != 0 {
			t.Errorf("closed %v: then came %q", closed, rest)
		}
		c.waitExit(false)
	}
}
