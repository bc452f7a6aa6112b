package process

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Spec says what to run.
type Spec struct {
	Command []string  // the program and its arguments, verbatim
	Dir     string    // its working directory; default: ours
	Env     []string  // its environment as "K=V"; default: PlainEnv()
	Stdin   *os.File  // default: /dev/null
	Stdout  *os.File  // default: /dev/null
	Stderr  io.Writer // what it writes there; a write must not block for long. Default: /dev/null.
	// It may be an Ender.

	Limits Limits       // of the program and all that it starts
	Keeper *Keeper      // ends it when we are killed; default: it alone dies, not what it started
	Log    *slog.Logger // of what Limits are in force or were met; default: slog.Default()
}

// Ender is a Spec.Stderr that wants to know when nothing more comes. End is called once, where
// Write was.
type Ender interface{ End() }

// Process is a program that runs, in a process group of its own.
type Process struct {
	cmd     *exec.Cmd
	family  family
	keeper  *Keeper
	log     *slog.Logger
	stderr  *os.File      // our end; nil when nobody listens
	drained chan struct{} // closed when stderr has ended
}

// drainWait bounds the wait for the end of standard error when everybody is gone who wrote there.
const drainWait = time.Second

// Start runs a program. When this process ends, however it ends, the program is killed.
func Start(s Spec) (*Process, error) {
	if s.Log == nil {
		s.Log = slog.Default()
	}
	p := &Process{keeper: s.Keeper, log: s.Log, family: family{token: rand.Text()}}
	far, err := p.pipeStderr(s.Stderr)
	if err != nil {
		return nil, err
	}
	err = p.start(&s, far)
	if far != nil {
		_ = far.Close() // the program has its own
	}
	if err != nil {
		p.family.cgroup.remove()
		if p.stderr != nil {
			<-p.drained
			_ = p.stderr.Close()
		}
		return nil, err
	}
	return p, nil
}

// command is what is run, in a process group of its own.
func (p *Process) command(s *Spec, stderr *os.File) *exec.Cmd {
	cmd := exec.Command(s.Command[0], s.Command[1:]...)
	cmd.Dir, cmd.Env = s.Dir, s.Env
	if cmd.Env == nil {
		cmd.Env = PlainEnv()
	}
	cmd.Env = append(cmd.Env[:len(cmd.Env):len(cmd.Env)], tokenName+"="+p.family.token)
	if s.Stdin != nil { // a nil *os.File is no nil io.Reader
		cmd.Stdin = s.Stdin
	}
	if s.Stdout != nil {
		cmd.Stdout = s.Stdout
	}
	if stderr != nil {
		cmd.Stderr = stderr
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// start runs the program within its limits, and has the keeper know of it before it runs.
func (p *Process) start(s *Spec, stderr *os.File) error {
	p.family.cgroup = ownCgroup().add(p.family.token, s.Limits)
	p.keeper.add(p.family)
	keepDescriptors()
	err := p.run(s, stderr)
	if p.family.cgroup.dir != "" && cannotEnter(err) {
		p.family.cgroup.giveUp(err)
		err = p.run(s, stderr)
	}
	if err != nil {
		p.keeper.forget(p.family)
		return err
	}
	p.family.group = p.cmd.Process.Pid
	p.family.since = startOf(p.family.group)
	p.keeper.add(p.family)
	if s.Limits != (Limits{}) {
		said, all := p.family.inForce(s.Limits)
		level := slog.LevelInfo
		if !all {
			level = slog.LevelWarn
		}
		p.log.Log(context.Background(), level, "limits of a child", "pid", p.family.group,
			"command", s.Command[0], "limits", said)
	}
	return nil
}

// run starts the program in its cgroup, if it has one.
func (p *Process) run(s *Spec, stderr *os.File) error {
	p.cmd = p.command(s, stderr)
	if f := p.family.cgroup.file(); f != nil {
		p.cmd.SysProcAttr.UseCgroupFD, p.cmd.SysProcAttr.CgroupFD = true, int(f.Fd())
		defer func() { _ = f.Close() }()
	}
	limits := s.Limits.beyond(p.family.cgroup)
	// Traced, it stands still until it is bound.
	p.cmd.SysProcAttr.Ptrace = limits != nil
	return onStartThread(func() error {
		err := p.cmd.Start()
		if err == nil {
			programs.Store(p.cmd.Process.Pid, nil)
		}
		if err == nil && limits != nil {
			p.family.bound = bind(p.cmd.Process.Pid, limits)
		}
		return err
	})
}

// pipeStderr has a goroutine bring what the program writes on standard error to w. The program
// gets far.
func (p *Process) pipeStderr(w io.Writer) (far *os.File, err error) {
	if w == nil {
		return nil, nil
	}
	p.stderr, far, err = os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make a pipe: %w", err)
	}
	if err := syscall.SetNonblock(int(far.Fd()), false); err != nil { // as programs expect
		_, _ = p.stderr.Close(), far.Close()
		return nil, fmt.Errorf("cannot make a pipe: %w", err)
	}
	p.drained = make(chan struct{})
	go func() {
		defer close(p.drained)
		drain(w, p.stderr)
		if w, ok := w.(Ender); ok {
			w.End()
		}
	}()
	return far, nil
}

// drain reads to the end, also when w takes nothing: the program must not be held.
func drain(w io.Writer, r io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		_, _ = w.Write(buf[:n])
		if err != nil {
			return
		}
	}
}

// startThread runs functions on one thread that lives as long as this process. The kernel sends the
// parent-death signal when the *thread* ends that made the child (prctl(2), PR_SET_PDEATHSIG),
// and Go ends threads as it likes.
var startThread = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go runStarts(work)
	return work
})

func runStarts(work <-chan func()) {
	runtime.LockOSThread() // for good
	for f := range work {
		f()
	}
}

func onStartThread(f func() error) error {
	result := make(chan error, 1)
	startThread() <- func() { result <- f() }
	return <-result
}

// keepDescriptors closes what this process has inherited for every program that it starts: what Go
// opens is closed for them anyway. Kernels before 5.11 refuse, and pass it on.
func keepDescriptors() {
	_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
}

// Pid is the number of the process and of its group.
func (p *Process) Pid() int { return p.family.group }

// Signal sends to the whole group, and to the program if that has left it; when both have gone it
// is none of our business.
func (p *Process) Signal(s syscall.Signal) {
	_ = syscall.Kill(-p.family.group, s)
	if group, err := syscall.Getpgid(p.family.group); err == nil && group != p.family.group {
		_ = p.cmd.Process.Signal(s)
	}
}

// Wait returns how the program ended, as exec.Cmd.Wait does, and which of its limits it has met,
// when it has ended and everything that it has started was killed. It is called once.
func (p *Process) Wait() error {
	err := p.cmd.Wait()
	programs.Delete(p.family.group)
	err = p.family.cgroup.explain(err, p.family.group, p.log)
	p.family.end()
	p.keeper.forget(p.family)
	if p.stderr == nil {
		return err
	}
	select {
	case <-p.drained:
	case <-time.After(drainWait): // somebody else holds it, or the writer hangs
	}
	_ = p.stderr.Close()
	return err
}

// PlainEnv is the environment of a program that was given none: of this process's, what programs
// need to run and what holds no secret (PATH, HOME, LANG, LC_*, TMPDIR and the like).
func PlainEnv() []string {
	var env []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		switch name {
		case "HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER":
			env = append(env, entry)
		default:
			if strings.HasPrefix(name, "LC_") {
				env = append(env, entry)
			}
		}
	}
	return env
}
