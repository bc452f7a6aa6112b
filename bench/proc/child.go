package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Child is a process of ours, which leads a group with what it starts itself. Stop ends all of it
// and waits for it.
type Child struct {
	cmd      *exec.Cmd
	Done     chan struct{} // closed when the process has been waited for
	patience time.Duration // how long after SIGTERM the group may live
	orphans  bool          // after Done: it has left others of its group behind
}

// stopTime is how long a group may take to end by itself when it is asked to.
const stopTime = 3 * time.Second

// Spawn starts cmd bound to core (-1: anywhere). The new process gets the binding of the
// thread that forks it, so it has it before its first instruction.
func Spawn(cmd *exec.Cmd, core int) (*Child, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if core >= 0 {
		var before unix.CPUSet
		if err := unix.SchedGetaffinity(0, &before); err != nil {
			return nil, fmt.Errorf("cannot read the cores of this thread: %w", err)
		}
		var one unix.CPUSet
		one.Set(core)
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			return nil, fmt.Errorf("cannot use core %d: %w", core, err)
		}
		// The mask that is set back was in force a moment ago.
		defer func() { _ = unix.SchedSetaffinity(0, &before) }()
	}
	// A server must not outlive us. The signal is tied to this thread, which the runtime keeps.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// What it leaves behind may hold its standard error open for ever.
	cmd.WaitDelay = stopTime
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %q: %w", cmd.Path, err)
	}
	c := &Child{cmd: cmd, Done: make(chan struct{}), patience: stopTime}
	go func() {
		// How a stopped server ends says nothing; what it did is in the counts.
		_ = cmd.Wait()
		c.orphans = unix.Kill(-c.PID(), 0) == nil
		close(c.Done)
	}()
	return c, nil
}

// PID returns its process id.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Stop asks the group to end, makes it end after 3 s, and waits for it.
func (c *Child) Stop() {
	_ = c.signal(unix.SIGTERM) // of one that is gone nothing is left to do
	deadline := time.NewTimer(c.patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	// Processes that lost their parent are waited for by init: no event tells of their end.
	for done := c.Done; c.lives(); {
		select {
		case <-done:
			done = nil
		case <-tick.C:
		case <-deadline.C:
			_ = c.Kill()
			<-c.Done
			return
		}
	}
	<-c.Done
}

// Kill ends the group at once.
func (c *Child) Kill() error { return c.signal(unix.SIGKILL) }

// lives reports whether anybody of the group is left. An orphan that has ended is there until init
// has waited for it, which may be seconds later; it counts as gone.
func (c *Child) lives() bool {
	if err := c.signal(0); err != nil || !c.Ended() {
		return err == nil
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err == nil && runsIn(b, c.PID()) {
			return true
		}
	}
	return false
}

// runsIn reports whether a line of /proc/PID/stat is of a process of the group that has not ended.
func runsIn(stat []byte, group int) bool {
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const state, pgrp = 0, 2 // man 5 proc counts from 1, the state is field 3
	return len(f) > pgrp && f[pgrp] == strconv.Itoa(group) && f[state] != "Z" && f[state] != "X"
}

// signal sends s to the group. The number of a group is given to no other as long as one of its
// processes is there, be it one that has not been waited for.
func (c *Child) signal(s syscall.Signal) error {
	if c.Ended() && !c.orphans {
		return unix.ESRCH
	}
	return unix.Kill(-c.PID(), s)
}

// State tells how the process has ended; it is for after Done.
func (c *Child) State() string { return c.cmd.ProcessState.String() }

// Ended reports whether the process is gone.
func (c *Child) Ended() bool {
	select {
	case <-c.Done:
		return true
	default:
		return false
	}
}

// AwaitListen waits until something accepts at addr.
func (c *Child) AwaitListen(ctx context.Context, addr string) error {
	network := "tcp"
	if strings.Contains(addr, "/") {
		network = "unix"
	}
	var dialer net.Dialer
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := dialer.DialContext(ctx, network, addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-c.Done:
			return fmt.Errorf("server %q has ended: %s", c.cmd.Args, c.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("cannot reach server %q at %s: %w", c.cmd.Args, addr, err)
		case <-tick.C:
		}
	}
}

// Pipes are the parent's ends of a child's stdin and stdout, non-blocking.
type Pipes struct{ Read, Write int }

// SpawnStdio starts command with pipes for stdin and stdout, as MCP clients do.
func SpawnStdio(command []string, core int, stderr io.Writer) (*Child, Pipes, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = stderr
	in, out := [2]int{}, [2]int{}
	if err := unix.Pipe2(in[:], unix.O_CLOEXEC); err != nil {
		return nil, Pipes{}, fmt.Errorf("cannot make a pipe: %w", err)
	}
	if err := unix.Pipe2(out[:], unix.O_CLOEXEC); err != nil {
		unix.Close(in[0])
		unix.Close(in[1])
		return nil, Pipes{}, fmt.Errorf("cannot make a pipe: %w", err)
	}
	stdin, stdout := os.NewFile(uintptr(in[0]), "stdin"), os.NewFile(uintptr(out[1]), "stdout")
	cmd.Stdin, cmd.Stdout = stdin, stdout
	c, err := Spawn(cmd, core)
	_ = stdin.Close()
	_ = stdout.Close()
	p := Pipes{Read: out[0], Write: in[1]}
	if err == nil {
		err = errors.Join(unix.SetNonblock(p.Read, true), unix.SetNonblock(p.Write, true))
		if err != nil {
			c.Stop()
		}
	}
	if err != nil {
		unix.Close(p.Read)
		unix.Close(p.Write)
		return nil, Pipes{}, err
	}
	return c, p, nil
}
