package process

import (
	"log/slog"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// zombie waits until the process has ended and nobody has waited for it.
func zombie(t *testing.T, pid int) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if s, ok := readStat(pid); ok && s.state == 'Z' {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("process %d is no zombie", pid)
		}
	}
}

// TestOrphansLeavePrograms: however late Wait comes, it learns how its program has ended; a zombie
// that is nobody's program is waited for.
func TestOrphansLeavePrograms(t *testing.T) {
	p, err := Start(Spec{
		Command: []string{"sh", "-c", "exit 7"}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	other := exec.Command("true")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	zombie(t, p.Pid())
	zombie(t, other.Process.Pid)
	o := &orphans{seen: map[int]uint64{}}
	o.look()
	o.look()
	if err := p.Wait(); err == nil || err.Error() != "exit status 7" {
		t.Errorf("it ended by %v, want exit status 7", err)
	}
	if err := syscall.Kill(other.Process.Pid, 0); err != syscall.ESRCH {
		t.Errorf("the other one is there: %v", err)
	}
	_ = other.Process.Release()
}
