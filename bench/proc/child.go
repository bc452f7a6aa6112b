package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Child is a process of ours. Stop ends it and waits for it.
type Child struct {
	cmd  *exec.Cmd
	Done chan struct{} // closed when the process has been waited for
}

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
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %q: %w", cmd.Path, err)
	}
	c := &Child{cmd: cmd, Done: make(chan struct{})}
	go func() {
		// How a stopped server ends says nothing; what it did is in the counts.
		_ = cmd.Wait()
		close(c.Done)
	}()
	return c, nil
}

// PID returns its process id.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Stop asks the process to end, makes it end after 3 s, and waits for it.
func (c *Child) Stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.Done:
		return
	case <-time.After(3 * time.Second):
	}
	_ = c.cmd.Process.Kill()
	<-c.Done
}

// Kill ends the process at once.
func (c *Child) Kill() error { return c.cmd.Process.Kill() }

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
