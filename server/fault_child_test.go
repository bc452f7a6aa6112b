package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client/process"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// childVariable names the part that this binary plays when a test has started it again.
const childVariable = "MCPLOOP_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childVariable) {
	case "":
		code := m.Run()
		_ = os.RemoveAll(built.dir)
		os.Exit(code)
	case "noisy":
		end(serveNoisy())
	case "hasty":
		end(serveHasty())
	case "parent":
		end(runParent())
	case "keeper":
		process.Keep(os.Stdin)
		end(nil)
	case "few descriptors":
		end(serveWithFewDescriptors())
	}
	if how, ok := strings.CutPrefix(os.Getenv(childVariable), upstreamRole); ok {
		end(misbehave(how))
	}
	os.Exit(2)
}

func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serveNoisy serves standard input and output with tools that write wherever they can.
func serveNoisy() error {
	signal.Ignore(syscall.SIGPIPE)
	s, err := server.New(server.Options{
		Name: "noisy", Stdio: true, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	addTestTools(s)
	addCrashes(s)
	server.AddTool(s, mcp.Tool{Name: "print", Description: "prints"},
		func(context.Context, *mcp.Request, struct{}) (string, error) {
			fmt.Fprintln(os.Stdout, "DEBUG to standard output")
			log.Print("to the standard logger")
			slog.Error("to the structured logger")
			println("to the runtime")
			return "printed", nil
		})
	return s.Serve(context.Background())
}

// fewDescriptors is the limit of open files of the child that must run out of them.
const fewDescriptors = 64

// serveWithFewDescriptors serves a TCP port, says which, and answers each line of standard input
// with the number of accepts that failed.
func serveWithFewDescriptors() error {
	s, err := server.New(server.Options{
		Name: "few", TCP: []string{"127.0.0.1:0"}, Loops: server.Loops{Count: 1},
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	addTestTools(s)
	if err := s.Start(); err != nil {
		return err
	}
	few := syscall.Rlimit{Cur: fewDescriptors, Max: fewDescriptors}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, s.Addrs()[0].Addr)
	r := &running{Server: s, t: &testing.T{}}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Fprintln(os.Stdout, r.value("mcploop_loop_accept_failures_total"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.Drain(ctx)
}

// child is a process that speaks MCP on its standard input and output.
type child struct {
	*pipes
	cmd    *exec.Cmd
	stderr *syncBuffer
	exit   chan error // what Wait returned
}

// pipes are the parent's side of a child's standard input and output.
type pipes struct {
	t   *testing.T
	in  *os.File
	out *os.File
	r   *bufio.Reader
}

// startChild starts a command with pipes. It is killed at the end of the test at the latest.
func startChild(t *testing.T, cmd *exec.Cmd) *child {
	t.Helper()
	stderr := &syncBuffer{}
	if cmd.Stderr == nil {
		cmd.Stderr = stderr
	}
	stdin, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: cmd, stderr: stderr, exit: make(chan error, 1)}
	c.pipes = &pipes{t: t, in: in, out: out, r: bufio.NewReaderSize(out, 1<<20)}
	cmd.Stdin, cmd.Stdout = stdin, stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stdin.Close()
	stdout.Close()
	go func() { c.exit <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		in.Close()
		out.Close()
	})
	return c
}

// startSelf starts this test binary in another part.
func startSelf(t *testing.T, part string) *child { t.Helper(); return startSelfWith(t, part, nil) }

// startSelfWith gives it a standard error of the caller's, unless that is nil.
func startSelfWith(t *testing.T, part string, stderr *os.File) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVariable+"="+part)
	if stderr != nil {
		cmd.Stderr = stderr
	}
	return startChild(t, cmd)
}

// built is the example that the tests of standard input and output run, built once.
var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// everything is the path of the real binary.
func everything(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "everything"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "everything")
		build := exec.Command("go", "build", "-o", built.path, "../examples/everything")
		text, err := build.CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("cannot build the example: %w\n%s", err, text)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// startEverything starts the real binary on standard input and output.
func startEverything(t *testing.T) *child {
	t.Helper()
	return startChild(t, exec.Command(everything(t), "-stdio"))
}

func (c *pipes) line(text string) {
	c.t.Helper()
	_ = c.in.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.in.WriteString(text + "\n"); err != nil {
		c.t.Fatalf("cannot write: %v", err)
	}
}

func (c *pipes) read() string {
	c.t.Helper()
	_ = c.out.SetReadDeadline(time.Now().Add(patience))
	text, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("cannot read: %v (got %q)", err, text)
	}
	return strings.TrimSuffix(text, "\n")
}

func (c *pipes) ask(text string) string { c.t.Helper(); c.line(text); return c.read() }

// waitExit waits for the process to end by itself; it must end well unless that is asked for.
func (c *child) waitExit(anyhow bool) {
	c.t.Helper()
	err := wait(c.t, "the child exits", c.exit)
	var status *exec.ExitError
	if err != nil && (!anyhow || !errors.As(err, &status)) {
		c.t.Errorf("the child ended with %v; it said:\n%s", err, c.stderr)
	}
}

// Without descriptors the server stops accepting for a while instead of spinning; who is served
// stays served, and who waits is served as soon as descriptors are free.
func TestFaultOutOfDescriptors(t *testing.T) {
	few := startSelf(t, "few descriptors")
	r := &running{t: t, tcp: few.read()}
	first := r.dialTCP()
	first.ask(modernCall("1", "echo", `{"message":"m"}`))
	type served struct {
		conn *peerConn
		err  error
	}
	const conns = 2 * fewDescriptors
	answers := make(chan served, conns)
	for range conns {
		c := r.dialTCP()
		c.line(modernCall("1", "echo", `{"message":"m"}`))
		go func() {
			_, err := c.r.ReadString('\n')
			answers <- served{c, err}
		}()
	}
	eventually(t, "the server is out of descriptors", func() bool {
		return strings.Contains(few.stderr.String(), "cannot accept")
	})
	for range 100 {
		if got := first.ask(modernCall("2", "echo", `{"message":"m"}`)); replyID(got) != "2" {
			t.Fatalf("the served connection got %s", got)
		}
	}
	for range conns { // each one that is served makes room for one that waits
		s := wait(t, "the next connection is served", answers)
		if s.err != nil {
			t.Fatalf("a waiting connection was not served: %v", s.err)
		}
		s.conn.Close()
	}
	var failures int
	_, _ = fmt.Sscan(few.ask("how many?"), &failures)
	if failures == 0 || failures > 1000 {
		t.Errorf("%d accepts failed; want some, but no spinning", failures)
	}
	first.Close()
	few.in.Close()
	few.waitExit(false)
}
