package loop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// One conn more than ConnsMax is reset at once, the others are served, and a
// place that gets free is given away.
func TestConnsMax(t *testing.T) {
	g := start(t, Options{Loops: 2, ConnsMax: 10})
	h := new(hooks)
	addr := serve(t, g, h)
	conns := make([]*net.TCPConn, 10)
	for i := range conns {
		conns[i] = connect(t, addr)
		mustWrite(t, conns[i], []byte("x"))
		mustRead(t, conns[i], 1)
	}
	for n := range uint64(20) {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_, err = io.ReadAll(c)
			_ = c.Close()
		}
		if !errors.Is(err, unix.ECONNRESET) {
			t.Fatalf("got %v, want %v", err, unix.ECONNRESET)
		}
		if got := g.Stats().Refused; got != n+1 {
			t.Errorf("got %d refused, want %d", got, n+1)
		}
	}
	for _, c := range conns {
		mustWrite(t, c, []byte("still here"))
		mustRead(t, c, 10)
	}
	_ = conns[0].Close()
	_ = h.reason(t, 1)
	c := connect(t, addr)
	mustWrite(t, c, []byte("x"))
	mustRead(t, c, 1)
}

// Conns that say nothing cost no buffer and end by the deadline that Open set.
func TestSilentConns(t *testing.T) {
	g := start(t, Options{Loops: 2, Tick: 10 * time.Millisecond})
	h := &hooks{
		open:    func(c *Conn) { c.SetDeadline(300 * time.Millisecond) },
		expired: func(_ *Conn, out []byte) []byte { return append(out, "too late"...) },
	}
	addr := serve(t, g, h)
	const n = 500
	begin := time.Now()
	for range n {
		c := connect(t, addr)
		defer func() {
			if got := wantEOF(t, c); string(got) != "too late" {
				t.Errorf("got %q", got)
			}
			if took := time.Since(begin); took < 300*time.Millisecond {
				t.Errorf("closed after %s, before the deadline", took)
			}
			_ = c.Close()
		}()
	}
	eventually(t, "expiry of all", func() bool { return g.Stats().Expired == n })
	for _, l := range g.Loops() {
		if err := l.do(func() {
			for _, c := range l.conns {
				if c.carry != nil || c.Queued() != 0 {
					t.Error("a silent conn owns a buffer")
				}
			}
		}); err != nil {
			t.Error(err)
		}
	}
}

// emfileChild is set in the child process of TestEMFILE.
const emfileChild = "MCPLOOP_TEST_EMFILE_CHILD"

// Without fds the server keeps serving what it has, does not spin, and accepts
// again when fds are free. The limit is the process's, so a child runs it.
func TestEMFILE(t *testing.T) {
	if addr := os.Getenv(emfileChild); addr != "" {
		emfileServer(t, addr)
		return
	}
	addr := t.TempDir() + "/sock"
	cmd := exec.Command(os.Args[0], "-test.run=^TestEMFILE$", "-test.v")
	cmd.Env = append(os.Environ(), emfileChild+"="+addr)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dial := func() net.Conn {
		var c net.Conn
		eventually(t, "server", func() bool {
			c, err = net.Dial("unix", addr)
			return err == nil
		})
		_ = c.SetDeadline(time.Now().Add(patience))
		return c
	}
	ping := func(c net.Conn) {
		t.Helper()
		mustWrite(t, c, []byte("ping"))
		mustRead(t, c, 4)
	}
	first := dial()
	ping(first)
	var many []net.Conn
	for range 100 { // the child may open 60 files
		many = append(many, dial())
	}
	ping(first)
	mustNotSpin(t, cmd.Process.Pid, func() { ping(first) })
	last := many[len(many)-1]
	for _, c := range many[:90] {
		_ = c.Close()
	}
	ping(last)
	ping(first)
	for _, c := range many[90:] {
		_ = c.Close()
	}
	_ = first.Close()
	_ = stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("child: %v\n%s", err, out.String())
	}
}

// mustNotSpin looks at a process for a second, while work is done now and then.
func mustNotSpin(t *testing.T, pid int, work func()) {
	t.Helper()
	cpu, end := cpuTime(t, pid), time.Now().Add(time.Second)
	eventually(t, "passing of a second", func() bool { work(); return time.Now().After(end) })
	// eventually works every millisecond: some 10 % of a core. A spin takes all.
	if used := cpuTime(t, pid) - cpu; used > 500*time.Millisecond {
		t.Errorf("used %s of CPU in one second without fds", used)
	}
}

// emfileServer serves addr until stdin ends.
func emfileServer(t *testing.T, addr string) {
	limit := unix.Rlimit{Cur: 60, Max: 60}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	g := start(t, Options{Loops: 1})
	ln, err := g.Listen("unix", addr, new(hooks))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	if g.Stats().Emfile == 0 {
		t.Error("accept never ran out of fds: the test tests nothing")
	}
	ln.Close()
}

// cpuTime is what the process used so far.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+2:])
	var user, system int64
	_, _ = fmt.Sscan(string(fields[11]), &user)
	_, _ = fmt.Sscan(string(fields[12]), &system)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// TestInherited shows that accepted conns have the options of the listener.
func TestInherited(t *testing.T) {
	g := start(t, Options{Loops: 1})
	h := new(hooks)
	addr := serve(t, g, h)
	_ = connect(t, addr)
	c := h.opened(t)
	f := func(name string, level, opt, want int) {
		t.Helper()
		if got, err := unix.GetsockoptInt(int(c.fd), level, opt); err != nil || got != want {
			t.Errorf("%s: got %d, %v; want %d", name, got, err, want)
		}
	}
	if err := c.loop.do(func() {
		f("TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		f("SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
		f("TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 60)
		flags, err := unix.FcntlInt(uintptr(c.fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("got fd flags %#x, %v; want FD_CLOEXEC", flags, err)
		}
		flags, err = unix.FcntlInt(uintptr(c.fd), unix.F_GETFL, 0)
		if err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("got file flags %#x, %v; want O_NONBLOCK", flags, err)
		}
	}); err != nil {
		t.Error(err)
	}
}
