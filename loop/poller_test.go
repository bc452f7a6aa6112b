package loop

import (
	"errors"
	"os"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// The poller rests on netpoll internals (poller.go lists them). These tests
// probe each one, so that a moved pin fails here and not in production.

const netpollPin = "v0.7.2"

func TestNetpollPin(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`github.com/cloudwego/netpoll (v\S+)`).FindSubmatch(mod)
	if m == nil || string(m[1]) != netpollPin {
		t.Fatalf("go.mod pins netpoll %q, but loop/poller.go was written for %s.\n"+
			"It reaches netpoll.openPoll by linkname and relies on how the poller treats\n"+
			"operators. Read poll_default_linux.go and fd_operator*.go of the new version\n"+
			"against the four rules in poller.go, run the tests of this package with and\n"+
			"without -race, then change netpollPin here.", m, netpollPin)
	}
}

// Without the hook 10,000 busy conns cost 21 MB more: see boundEvents.
func TestPollerEventsAreBounded(t *testing.T) {
	np, err := openPoll()
	if err != nil {
		t.Fatal(err)
	}
	if !boundEvents(np) {
		t.Error("netpoll's poller has no field Reset any more; read Wait and find the new way")
	}
	ended := make(chan error, 1)
	go func() { ended <- np.Wait() }()
	if err := errors.Join(np.Close(), <-ended); err != nil {
		t.Error(err)
	}
}

// probe is a poller with its goroutine and a socket pair.
type probe struct {
	poller
	near, far int
	tell      int // eventfd; its callback runs what do was given
	todo      chan func()
	waits     atomic.Int64 // that brought something
	inside    bool         // its callbacks run
}

func (p *probe) before() { p.waits.Add(1); p.inside = true }
func (p *probe) after()  { p.inside = false }

func newProbe(t *testing.T) *probe {
	t.Helper()
	p := &probe{todo: make(chan func(), 16)}
	if err := p.open(p.before, p.after); err != nil {
		t.Fatal(err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.near, p.far = pair[0], pair[1]
	if p.tell, err = unix.Eventfd(0, unix.EFD_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	w, err := p.add(p.tell, p.onTell, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.fixed = append(p.fixed, w)
	ended := make(chan error, 1)
	go func() { ended <- p.wait() }()
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		closeAll([]int{p.near, p.far, p.tell})
	})
	return p
}

func (p *probe) onTell(poll) error {
	var b [8]byte
	_, _ = unix.Read(p.tell, b[:])
	for {
		select {
		case f := <-p.todo:
			f()
		default:
			return nil
		}
	}
}

// do runs f on the poller, in the callback of the eventfd, and waits.
func (p *probe) do(f func()) {
	var wg sync.WaitGroup
	wg.Add(1)
	p.todo <- func() { f(); wg.Done() }
	_, _ = unix.Write(p.tell, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	wg.Wait()
}

func (p *probe) write(s string) { _, _ = unix.Write(p.far, []byte(s)) }

// Without the hook each callback is a wake-up of its own: see hook.
func TestPollerTellsOfWaits(t *testing.T) {
	p := newProbe(t)
	if !p.hooked {
		t.Fatal("netpoll's poller has no field Handler any more; read Wait and find the new way")
	}
	var seen []int64
	onRead := func(poll) error {
		_, _ = unix.Read(p.near, make([]byte, 1))
		if !p.inside {
			t.Error("a callback runs outside of a wake-up")
		}
		seen = append(seen, p.waits.Load())
		return nil
	}
	var w *watch
	p.do(func() { w, _ = p.add(p.near, onRead, nil) })
	p.do(func() { p.write("1"); p.write("2"); p.waits.Store(100) })
	eventually(t, "two wake-ups", func() bool { return p.waits.Load() >= 102 })
	p.do(func() {
		if len(seen) != 2 || seen[0] != 101 || seen[1] != 102 {
			t.Errorf("callbacks ran in the wake-ups %d, want 101 and 102", seen)
		}
		p.drop(w)
	})
}

func TestPollerPauseAndResume(t *testing.T) {
	p := newProbe(t)
	var got atomic.Int64
	var w *watch
	onRead := func(poll) error {
		b := make([]byte, 1)
		n, _ := unix.Read(p.near, b)
		got.Add(int64(max(n, 0)))
		if b[0] == 'p' {
			p.detach(w) // pause inside the own callback
		}
		return nil
	}
	p.do(func() { w, _ = p.add(p.near, onRead, nil) })
	p.write("p23")
	eventually(t, "first byte", func() bool { return got.Load() == 1 })
	p.do(func() {}) // a full round of the poller
	if n := got.Load(); n != 1 {
		t.Fatalf("got %d bytes while paused, want 1", n)
	}
	p.do(func() { w, _ = p.resume(w) })
	eventually(t, "the rest", func() bool { return got.Load() == 3 })
	p.do(func() { p.reap(); p.drop(w) })
	p.write("4")
	p.do(func() { p.reap() })
	if n := got.Load(); n != 3 {
		t.Fatalf("got %d bytes after drop, want 3", n)
	}
}

// A fresh operator may be added inside the callback of the old one; the old
// one's own PollReadable would spin for ever there.
func TestPollerResumeInOwnCallback(t *testing.T) {
	p := newProbe(t)
	var got atomic.Int64
	var w *watch
	onRead := func(poll) error {
		b := make([]byte, 1)
		n, _ := unix.Read(p.near, b)
		p.detach(w)
		w, _ = p.resume(w)
		got.Add(int64(max(n, 0)))
		return nil
	}
	p.do(func() { w, _ = p.add(p.near, onRead, nil) })
	p.write("12345")
	eventually(t, "all bytes", func() bool { return got.Load() == 5 })
	p.do(func() { p.reap(); p.drop(w) })
}

// A hang-up is reported once, on another goroutine, after OnRead, and the
// operator is detached by then.
func TestPollerHangup(t *testing.T) {
	p := newProbe(t)
	var reads, hups atomic.Int64
	var w *watch
	p.do(func() {
		w, _ = p.add(p.near, func(poll) error { reads.Add(1); return nil },
			func(poll) error { hups.Add(1); return nil })
	})
	_ = unix.Shutdown(p.far, unix.SHUT_WR)
	eventually(t, "hang-up", func() bool { return hups.Load() == 1 })
	p.do(func() {})
	if n := reads.Load(); n != 1 {
		t.Fatalf("got %d OnRead calls with the hang-up, want 1", n)
	}
	p.do(func() { p.drop(w); p.reap() })
	if n := hups.Load(); n != 1 {
		t.Fatalf("got %d OnHup calls, want 1", n)
	}
}

// After our detach inside OnRead the poller's own detach must not touch the fd
// number, which may belong to another conn by then.
func TestPollerDetachThenHangup(t *testing.T) {
	p := newProbe(t)
	var w, second *watch
	var hups, reads atomic.Int64
	onHup := func(poll) error { hups.Add(1); return nil }
	p.do(func() {
		w, _ = p.add(p.near, func(poll) error {
			p.detach(w)
			// As if p.near were closed and its number given out again.
			second, _ = p.add(p.near, func(poll) error { reads.Add(1); return nil }, onHup)
			return nil
		}, nil)
	})
	_ = unix.Shutdown(p.far, unix.SHUT_WR)
	eventually(t, "hang-up of the second", func() bool { return hups.Load() == 1 })
	if reads.Load() != 1 {
		t.Fatalf("got %d reads of the second, want 1", reads.Load())
	}
	p.do(func() { p.drop(w); p.drop(second); p.reap() })
}

// Why writeside.go exists: after the peer's FIN the write side still reports
// room, which the poller itself does not.
func TestWriteSideAfterHalfClose(t *testing.T) {
	p := newProbe(t)
	_ = unix.Shutdown(p.far, unix.SHUT_WR)
	var s writeSide
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var room atomic.Int64
	c := &Conn{id: 1<<40 + 7, fd: int32(p.near)}
	var w *watch
	p.do(func() {
		w, _ = p.add(s.fd, func(poll) error {
			n, _ := unix.EpollWait(s.fd, s.events[:], 0)
			for range max(n, 0) {
				room.Add(1)
				s.disarm(c)
			}
			return nil
		}, nil)
		if err := s.arm(c); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "room", func() bool { return room.Load() == 1 })
	p.do(func() { p.drop(w); p.reap() })
}
