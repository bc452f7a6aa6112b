package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// outcome is how a run has ended.
type outcome struct {
	err     error // how the process ended, nil for exit status 0
	stdout  []byte
	stderr  []byte // the last of it
	tooMuch bool   // it was ended because of all that it wrote; stdout is the beginning
}

// process is one run.
type process struct {
	cmd    *exec.Cmd
	kill   sync.Once
	output limited
	errors tail
}

// drainWait is how long the output is read after the process and its group have gone: something
// that left the group may hold it open.
const drainWait = 100 * time.Millisecond

// start runs the program until it ends, ctx ends or it has written too much. The error is that of a
// program that could not be started, or the context's.
//
// The thread is the goroutine's own for as long, since the kernel takes the end of the thread that
// started a process for that of its parent.
func start(ctx context.Context, opt *Options, r run) (outcome, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p := &process{cmd: exec.Command(r.line[0], r.line[1:]...)}
	p.cmd.Args[0] = r.line[0]
	path, err := find(r.line[0], opt)
	if err != nil {
		return outcome{}, err
	}
	p.cmd.Path, p.cmd.Err = path, nil
	p.cmd.Dir, p.cmd.Env = opt.Dir, opt.Env
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.output = limited{max: opt.OutputBytesMax, full: p.end}
	p.errors = tail{max: stderrBytesMax}
	pipes, err := p.pipes(r.stdin)
	if err != nil {
		return outcome{}, fmt.Errorf("cannot start %q: %w", r.line[0], err)
	}
	_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) // of what we have inherited
	err = p.cmd.Start()
	pipes.closeTheirs()
	if err != nil {
		pipes.closeOurs()
		return outcome{}, fmt.Errorf("cannot start %q: %w", r.line[0], err)
	}
	pipes.pump(p, r.stdin)
	stop := context.AfterFunc(ctx, p.end)
	p.wait()
	stop()
	pipes.drain()
	out := outcome{stdout: p.output.data, stderr: p.errors.bytes(), tooMuch: p.output.over}
	if out.err = p.cmd.Wait(); ctx.Err() != nil {
		return out, context.Cause(ctx)
	}
	return out, nil
}

// wait returns when the process has ended, and its group with it. It is not reaped before that, so
// that its number stays its own.
func (p *process) wait() {
	pid := p.cmd.Process.Pid
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL) // what it has left behind
}

// end kills the process, its group, and those of its descendants that have left the group.
func (p *process) end() {
	p.kill.Do(func() {
		pid := p.cmd.Process.Pid
		others := descendants(pid)
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		for _, other := range others {
			_ = syscall.Kill(other, syscall.SIGKILL)
		}
	})
}

// descendants are the processes below pid.
func descendants(pid int) []int {
	var found []int
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is good
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for field := range strings.FieldsSeq(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil || len(found) > descendantsMax {
				continue
			}
			found = append(append(found, child), descendants(child)...)
		}
	}
	return found
}

// descendantsMax bounds a walk among processes that start others.
const descendantsMax = 10_000

// find looks the program up as its own PATH says.
func find(program string, opt *Options) (string, error) {
	if strings.ContainsRune(program, '/') {
		if !filepath.IsAbs(program) {
			program = filepath.Join(opt.Dir, program)
		}
		return program, executable(program)
	}
	for dir := range strings.SplitSeq(lookup(opt.Env, "PATH"), ":") {
		path := filepath.Join(dir, program)
		if filepath.IsAbs(dir) && executable(path) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("cannot find the program %q in PATH; write its whole path", program)
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err == nil && (info.IsDir() || info.Mode()&0o111 == 0) {
		err = errors.New("it is not executable")
	}
	if err != nil {
		return fmt.Errorf("cannot run %q: %w", path, err)
	}
	return nil
}

// lookup is the last value of a variable.
func lookup(env []string, name string) (value string) {
	for _, entry := range env {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}

// pipes are the ends of standard input, output and error.
type pipes struct {
	in, out, err    *os.File // ours
	theirs          []*os.File
	readers, writer sync.WaitGroup
}

func (p *process) pipes(stdin string) (*pipes, error) {
	ps := &pipes{}
	open := func(reading bool) (ours, theirs *os.File, err error) {
		r, w, err := os.Pipe()
		if reading {
			return r, w, err
		}
		return w, r, err
	}
	var err error
	var in, out, errs *os.File
	if ps.out, out, err = open(true); err != nil {
		return nil, err
	}
	ps.theirs = append(ps.theirs, out)
	if ps.err, errs, err = open(true); err == nil {
		ps.theirs = append(ps.theirs, errs)
		if stdin == "" {
			in, err = os.Open(os.DevNull)
		} else {
			ps.in, in, err = open(false)
		}
	}
	if err != nil {
		ps.closeTheirs()
		ps.closeOurs()
		return nil, err
	}
	ps.theirs = append(ps.theirs, in)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = in, out, errs
	return ps, nil
}

func (ps *pipes) closeTheirs() {
	for _, f := range ps.theirs {
		_ = f.Close()
	}
}

func (ps *pipes) closeOurs() {
	for _, f := range []*os.File{ps.in, ps.out, ps.err} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// pump moves the bytes until the ends are closed.
func (ps *pipes) pump(p *process, stdin string) {
	ps.readers.Go(func() { _, _ = io.Copy(&p.output, ps.out) })
	ps.readers.Go(func() { _, _ = io.Copy(&p.errors, ps.err) })
	if ps.in != nil {
		ps.writer.Go(func() {
			_, _ = io.WriteString(ps.in, stdin) // it may not want all of it
			_ = ps.in.Close()
		})
	}
}

// drain reads what is left, and closes our ends.
func (ps *pipes) drain() {
	soon := time.Now().Add(drainWait)
	for _, f := range []*os.File{ps.out, ps.err} {
		_ = f.SetReadDeadline(soon) // a pipe has deadlines
	}
	ps.readers.Wait()
	ps.closeOurs()
	ps.writer.Wait()
}
