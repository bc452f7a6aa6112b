package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// child is a process of ours. stop ends it and waits for it.
type child struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has been waited for
}

// spawn starts cmd bound to core (-1: anywhere). The new process gets the binding of the
// thread that forks it, so it has it before its first instruction.
func spawn(cmd *exec.Cmd, core int) (*child, error) {
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
	c := &child{cmd: cmd, done: make(chan struct{})}
	go func() {
		// How a stopped server ends says nothing; what it did is in the counts.
		_ = cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// stop asks the process to end, makes it end after 3 s, and waits for it.
func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
		return
	case <-time.After(3 * time.Second):
	}
	_ = c.cmd.Process.Kill()
	<-c.done
}

// ended reports whether the process is gone.
func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// awaitListen waits until something accepts at addr.
func (c *child) awaitListen(ctx context.Context, addr string) error {
	t, err := parseTarget(addr)
	if err != nil {
		return err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		fd, err := t.dial(0, 1)
		if err == nil {
			unix.Close(fd)
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("server %q has ended: %s", c.cmd.Args, c.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("cannot reach server %q at %s: %w", c.cmd.Args, addr, err)
		case <-tick.C:
		}
	}
}

// pipes are the parent's ends of a child's stdin and stdout, non-blocking.
type pipes struct{ rfd, wfd int }

// spawnStdio starts command with pipes for stdin and stdout, as MCP clients do.
func spawnStdio(command []string, core int, stderr io.Writer) (*child, pipes, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = stderr
	in, out := [2]int{}, [2]int{}
	if err := unix.Pipe2(in[:], unix.O_CLOEXEC); err != nil {
		return nil, pipes{}, fmt.Errorf("cannot make a pipe: %w", err)
	}
	if err := unix.Pipe2(out[:], unix.O_CLOEXEC); err != nil {
		unix.Close(in[0])
		unix.Close(in[1])
		return nil, pipes{}, fmt.Errorf("cannot make a pipe: %w", err)
	}
	stdin, stdout := os.NewFile(uintptr(in[0]), "stdin"), os.NewFile(uintptr(out[1]), "stdout")
	cmd.Stdin, cmd.Stdout = stdin, stdout
	c, err := spawn(cmd, core)
	_ = stdin.Close()
	_ = stdout.Close()
	p := pipes{rfd: out[0], wfd: in[1]}
	if err == nil {
		err = errors.Join(unix.SetNonblock(p.rfd, true), unix.SetNonblock(p.wfd, true))
		if err != nil {
			c.stop()
		}
	}
	if err != nil {
		unix.Close(p.rfd)
		unix.Close(p.wfd)
		return nil, pipes{}, err
	}
	return c, p, nil
}
