package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mcploop/mcploop/client/process"
)

// outcome is how a run has ended.
type outcome struct {
	err     error // how the process ended, nil for exit status 0
	stdout  []byte
	stderr  []byte // the last of it
	tooMuch bool   // it was ended because of all that it wrote; stdout is the beginning
}

// drainWait is how long the output is read after the process and all that it has started have
// gone: somebody else may hold it open.
const drainWait = 100 * time.Millisecond

// start runs a program until it ends, ctx ends or it has written too much. The error is that of a
// program that could not be started.
func start(ctx context.Context, opt *Options, r run) (outcome, error) {
	path, err := find(r.line[0], opt)
	if err != nil {
		return outcome{}, err
	}
	in, err := openInput(r.stdin)
	if err != nil {
		return outcome{}, fmt.Errorf("cannot start %q: %w", path, err)
	}
	defer in.close()
	defer in.closeTheirs()
	ours, theirs, err := os.Pipe()
	if err != nil {
		return outcome{}, fmt.Errorf("cannot start %q: %w", path, err)
	}
	defer func() { _ = ours.Close() }() // it was read as far as is wanted
	errs := tail{max: stderrBytesMax}
	p, err := process.Start(process.Spec{
		Command: append([]string{path}, r.line[1:]...), Dir: opt.Dir, Env: opt.Env,
		Stdin: in.theirs, Stdout: theirs, Stderr: &errs,
		Limits: opt.Limits, Keeper: opt.Keeper, Log: opt.quiet,
	})
	in.closeTheirs()
	_ = theirs.Close() // the program has its own
	if err != nil {
		return outcome{}, fmt.Errorf("cannot start %q: %w", path, err)
	}
	end := func() { p.Signal(syscall.SIGKILL) } // the group; Wait ends the others
	out := limited{max: opt.OutputBytesMax, full: end}
	var pumps sync.WaitGroup
	pumps.Go(func() { _, _ = io.Copy(&out, ours) })
	pumps.Go(func() { in.write(r.stdin) })
	stop := context.AfterFunc(ctx, end)
	ended := p.Wait()
	stop()
	in.close()                                          // nobody reads it any more
	_ = ours.SetReadDeadline(time.Now().Add(drainWait)) // a pipe has deadlines
	pumps.Wait()
	return outcome{
		err: ended, stdout: out.data, stderr: errs.bytes(), tooMuch: out.over,
	}, nil
}

// input is standard input: nothing, or a pipe.
type input struct {
	ours, theirs *os.File // nil for nothing
	once         sync.Once
}

func openInput(text string) (*input, error) {
	if text == "" {
		return &input{}, nil
	}
	theirs, ours, err := os.Pipe()
	return &input{ours: ours, theirs: theirs}, err
}

func (in *input) closeTheirs() {
	if in.theirs != nil {
		_ = in.theirs.Close()
	}
}

// write writes the text; a program may not want all of it.
func (in *input) write(text string) {
	if in.ours != nil {
		_, _ = io.WriteString(in.ours, text)
		in.close()
	}
}

func (in *input) close() {
	in.once.Do(func() {
		if in.ours != nil {
			_ = in.ours.Close()
		}
	})
}

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
