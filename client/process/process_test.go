package process_test

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client/process"
)

// TestNothingOutlivesUs kills the parent of a program by SIGKILL: what the program has started ends
// too, in its group and out of it.
func TestNothingOutlivesUs(t *testing.T) {
	owner := exec.Command(playing("owner")[0], playing("owner")[1:]...)
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	owner.Stderr = os.Stderr
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	family := numbers(t, out)
	if len(family) != 4 {
		t.Fatalf("got processes %v, want a parent, two children and a grandchild", family)
	}
	for _, pid := range family {
		if !alive(pid) {
			t.Errorf("process %d does not run", pid)
		}
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait() // it was killed
	for _, pid := range family {
		eventually(t, "the process is gone", func() bool { return !alive(pid) })
	}
}

// TestNothingOutlivesTheProgram: when a program has ended, whatever it has started has too.
func TestNothingOutlivesTheProgram(t *testing.T) {
	for _, role := range []string{"parent", "quits"} {
		t.Run(role, func(t *testing.T) {
			p, out := started(t, process.Spec{Command: playing(role)})
			family := append(numbers(t, out), p.Pid())
			if role == "parent" {
				p.Signal(syscall.SIGKILL)
			}
			if err := p.Wait(); (err == nil) != (role == "quits") {
				t.Errorf("Wait: %v", err)
			}
			for _, pid := range family {
				if alive(pid) {
					t.Errorf("process %d of %v runs", pid, family)
				}
			}
		})
	}
}

// TestProgramLeavesItsGroup: it can be killed all the same, and nothing is left.
func TestProgramLeavesItsGroup(t *testing.T) {
	p, out := started(t, process.Spec{Command: playing("regroups")})
	family := append(numbers(t, out), p.Pid())
	ended := make(chan error, 1)
	go func() { ended <- p.Wait() }()
	p.Signal(syscall.SIGKILL)
	select {
	case err := <-ended:
		if err == nil || err.Error() != "signal: killed" {
			t.Errorf("it ended by %v", err)
		}
	case <-time.After(patience):
		t.Fatal("it was not killed")
	}
	for _, pid := range family {
		if alive(pid) {
			t.Errorf("process %d of %v runs", pid, family)
		}
	}
}

// TestNobodyHoldsStandardError: a descendant that has it open does not hold Wait, and all that was
// written there has come before.
func TestNobodyHoldsStandardError(t *testing.T) {
	var text bytes.Buffer
	p, err := process.Start(process.Spec{
		Command: []string{"sh", "-c", "sleep 1000 & echo ends >&2; exit 3"}, Stderr: &text,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil || err.Error() != "exit status 3" {
		t.Errorf("got %v, want exit status 3", err)
	}
	if text.String() != "ends\n" {
		t.Errorf("heard %q", text.String())
	}
}

// TestStandardErrorBlocks: the program's own end of it is one that programs expect.
func TestStandardErrorBlocks(t *testing.T) {
	var text bytes.Buffer
	p, err := process.Start(process.Spec{
		Command: []string{"sh", "-c", "cat /proc/self/fdinfo/2 >&2"}, Stderr: &text,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(text.String(), "flags:\t01\n") {
		t.Errorf("got %q, want one that is open for writing alone", text.String())
	}
}

// TestStartFails leaves nothing open.
func TestStartFails(t *testing.T) {
	before := descriptors(t)
	for range 10 {
		_, err := process.Start(process.Spec{Command: []string{"/no/such"}, Stderr: io.Discard})
		if err == nil {
			t.Fatal("a program that is not there was started")
		}
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestOrphansAreReaped: a descendant in a session of its own that ends when its parent has is no
// zombie for long. A program that somebody else waits for keeps its exit status.
func TestOrphansAreReaped(t *testing.T) {
	k := process.NewKeeper(playing("keeper"), slog.Default())
	defer k.Close()
	p, out := started(t, process.Spec{Command: playing("parent"), Keeper: k})
	family := numbers(t, out)
	daemon, below := family[2], family[3]
	if err := syscall.Kill(daemon, syscall.SIGKILL); err != nil { // its child is ours now
		t.Fatal(err)
	}
	if err := syscall.Kill(below, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	other := exec.Command("sh", "-c", "exit 7")
	if err := other.Run(); err == nil || err.Error() != "exit status 7" {
		t.Errorf("got %v, want exit status 7", err)
	}
	eventually(t, "it is waited for", func() bool {
		return syscall.Kill(below, 0) == syscall.ESRCH
	})
	p.Signal(syscall.SIGKILL)
	if err := p.Wait(); err == nil {
		t.Error("a killed program has ended well")
	}
	eventually(t, "the other one, whose parent had not waited, too", func() bool {
		return syscall.Kill(daemon, 0) == syscall.ESRCH
	})
}

// TestKeeperIsReplaced: one that was killed is started again, and knows what the first one knew.
func TestKeeperIsReplaced(t *testing.T) {
	k := process.NewKeeper(playing("keeper"), slog.Default())
	first, out := started(t, process.Spec{Command: playing("parent"), Keeper: k})
	family := numbers(t, out)
	if err := syscall.Kill(k.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is replaced", func() bool {
		was := k.Pid()
		p, _ := started(t, process.Spec{Command: []string{"true"}, Keeper: k})
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
		return k.Pid() != was
	})
	k.Close()
	for _, pid := range family {
		if alive(pid) {
			t.Errorf("process %d of %v runs", pid, family)
		}
	}
	if err := first.Wait(); err == nil {
		t.Error("a killed program has ended well")
	}
}

// slowWriter counts, and never returns from the first write that comes when it is told to.
type slowWriter struct {
	bytes atomic.Int64
	hang  chan struct{}
}

func (w *slowWriter) Write(b []byte) (int, error) {
	w.bytes.Add(int64(len(b)))
	<-w.hang
	return len(b), nil
}

// TestWriterOfStandardErrorHangs: Wait returns all the same.
func TestWriterOfStandardErrorHangs(t *testing.T) {
	w := &slowWriter{hang: make(chan struct{})}
	p, err := process.Start(process.Spec{
		Command: []string{"sh", "-c", "echo x >&2"}, Stderr: w,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
	close(w.hang)
}
