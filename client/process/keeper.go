package process

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Keeper sees to it that nothing of the programs outlives this process, not even what they have
// started themselves, when it is killed and cannot do so itself. It is a small process that is told
// of each program and ends them all when this one's end of a pipe is closed. Beside that, this
// process becomes the parent of those descendants whose own parent has ended, and waits for them.
//
// A nil *Keeper keeps nothing. Its methods are safe for concurrent use.
type Keeper struct {
	command []string
	log     *slog.Logger

	mu       sync.Mutex // guards the rest
	process  *exec.Cmd  // nil while there is none
	pipe     *os.File
	families map[string]family
	orphans  *orphans // nil before the first program
	closed   bool
}

// NewKeeper makes command, a program that does nothing but Keep(os.Stdin), the keeper of this
// process. It is started with the first program that has it as its Spec.Keeper. There is one for a
// process: it decides on whose child the orphans are. log is told when it cannot be started.
func NewKeeper(command []string, log *slog.Logger) *Keeper {
	return &Keeper{command: command, log: log, families: map[string]family{}}
}

// Close ends the keeper. Programs that still run are killed.
func (k *Keeper) Close() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	if k.orphans != nil {
		k.orphans.stop()
		k.orphans = nil
	}
	k.leave()
}

// adopt makes this process the parent of orphans. mu is held.
func (k *Keeper) adopt() {
	if k.orphans != nil {
		return
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		k.log.Error("cannot become the parent of orphans", "reason", err)
	}
	k.orphans = reapOrphans()
}

// spawn starts the keeper's process and tells it everything. mu is held.
func (k *Keeper) spawn() error {
	far, near, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("cannot start the keeper of children: %w", err)
	}
	defer func() { _ = far.Close() }()
	cmd := exec.Command(k.command[0], k.command[1:]...)
	cmd.Stdin = far
	cmd.Env = PlainEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is not for it
	keepDescriptors()
	if err := cmd.Start(); err != nil {
		_ = near.Close()
		return fmt.Errorf("cannot start the keeper of children: %w", err)
	}
	k.process, k.pipe = cmd, near
	for _, f := range k.families {
		if err := k.write(addLine(f)); err != nil {
			return err
		}
	}
	return nil
}

// leave closes the pipe and waits for the keeper's end. mu is held.
func (k *Keeper) leave() {
	if k.process == nil {
		return
	}
	_ = k.pipe.Close()
	_ = k.process.Wait() // it has nothing to say
	k.process = nil
}

// tellWait bounds the wait for a keeper that does not read.
const tellWait = time.Second

func (k *Keeper) write(line string) error {
	if err := k.pipe.SetWriteDeadline(time.Now().Add(tellWait)); err != nil {
		return err
	}
	_, err := k.pipe.WriteString(line)
	return err
}

// add has the keeper know of f; again, when more is known of it.
func (k *Keeper) add(f family) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.families[f.token] = f
	k.tell(addLine(f))
}

func (k *Keeper) forget(f family) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.families, f.token)
	k.tell("- " + f.token + "\n")
}

// tell writes a line. A keeper that is not there yet, or no more, is started, and learns
// everything. mu is held.
func (k *Keeper) tell(line string) {
	switch {
	case k.closed:
		return
	case k.process == nil:
		k.adopt()
	case k.write(line) == nil:
		return
	default:
		_ = k.process.Process.Kill()
		k.leave()
	}
	if err := k.spawn(); err != nil {
		k.log.Error("children may outlive this process if it is killed", "reason", err)
	}
}

// addLine is how a keeper is told of a family: "+ TOKEN GROUP SINCE CGROUP".
func addLine(f family) string {
	dir := ""
	if f.cgroup != nil {
		dir = f.cgroup.dir
	}
	return fmt.Sprintf("+ %s %d %d %s\n", f.token, f.group, f.since, dir)
}

// Keep is the keeper: it takes note of what it reads and returns when the input has ended, which
// is when its owner has, and all that are left were killed.
func Keep(in io.Reader) {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	families := map[string]family{}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		kind, rest, _ := strings.Cut(lines.Text(), " ")
		if kind == "-" {
			delete(families, rest)
			continue
		}
		if f, ok := parseFamily(rest); ok && kind == "+" {
			families[f.token] = f
		}
	}
	for _, f := range families {
		f.kill() // all at once, then the slow part
	}
	for _, f := range families {
		f.end()
	}
}

func parseFamily(text string) (f family, ok bool) {
	fields := strings.SplitN(text, " ", 4)
	if len(fields) != 4 {
		return f, false
	}
	f.token = fields[0]
	f.group, _ = strconv.Atoi(fields[1])
	f.since, _ = strconv.ParseUint(fields[2], 10, 64)
	if fields[3] != "" {
		f.cgroup = &cgroup{dir: fields[3]}
	}
	return f, f.token != ""
}
