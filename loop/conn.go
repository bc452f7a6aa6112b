package loop

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcploop/mcploop/pool"
)

// Handler is told what happens to a conn. All calls for one conn come on its
// loop, one at a time, never inside another call. A Handler must not block.
// Every method may use the conn's own methods; they act after it returned.
type Handler interface {
	// Open is the first call: an accepted conn, or a dialed one that answered.
	Open(c *Conn)
	// Data gets what the handler has not taken yet (buf = carry + new bytes)
	// and returns how many bytes it took; the rest comes again in front of the
	// next bytes. It appends replies to out and returns it; they are written
	// once, after Data returned and so after what it gave to Send. It must
	// return out or what append made of it, never another slice. buf and out
	// are valid until Data returns. See Conn.Enough.
	Data(c *Conn, buf, out []byte) (n int, reply []byte)
	// EOF: the peer will send no more; all it sent was given to Data. c can
	// still write. The handler must Finish or Close c, now or later.
	EOF(c *Conn)
	// Expired: the deadline passed. What is appended to out is flushed, then c
	// is closed with ErrDeadline, unless SetDeadline was called again. out as in
	// Data.
	Expired(c *Conn, out []byte) (reply []byte)
	// Closed is the last call, exactly once for each conn that Open saw or
	// Dial returned. err is nil after Finish, else the reason. The fd is gone.
	Closed(c *Conn, err error)
}

// Drainer is a Handler that wants to know that the group drains. Drain is
// called once for each open conn, on its loop; the handler then calls Finish
// when the work in flight is answered. Without it an idle conn is finished.
type Drainer interface{ Drain(c *Conn) }

// Hanguper is a Handler that wants to know at once when the peer of a paused
// conn has ended its side: EOF waits for Resume. Hangup is called at most once
// for each conn, on its loop, and only while c is paused. What the peer sent
// beyond what is read ahead for a paused conn hides its end.
type Hanguper interface{ Hangup(c *Conn) }

// Panicker is a Handler that answers for a callback that panicked: what it
// appends to out is flushed before c is closed with ErrPanic. out as in Data.
type Panicker interface {
	Panicked(c *Conn, out []byte) (reply []byte)
}

// Conn is one stream socket. It belongs to one loop for its whole life.
//
// State of a conn lives in three places: own and the fields beside it belong to
// the loop; box, off and err are guarded by mu; state is atomic, and all its
// bits but stHeld and stPaused change only under mu.
type Conn struct {
	// State is the handler's. It belongs to c's loop.
	State any

	h     Handler
	loop  *Loop
	watch *watch  // nil before open and after a hang-up
	tls   *secure // nil without TLS
	carry []byte  // bytes the handler has not taken; lent by loop.carry

	next, prev *Conn // the wheel's slot

	attnNext *Conn // the loop's list of conns that want a turn
	attn     atomic.Uint32
	state    atomic.Uint32

	mu  sync.Mutex   // guards fd against a late Send, and the next three
	box *pool.Buffer // bytes the socket did not take; nil when there are none
	err error        // why the conn fails or finishes
	off int          // bytes of box that are sent

	id    uint64
	peer  peer
	fd    int32
	index int32  // place in loop.conns, -1 before
	due   uint32 // tick of the handler's deadline, 0 for none
	wdue  uint32 // tick at which the peer is a slow consumer, 0 for none
	at    uint32 // tick under which c hangs in the wheel, 0 for none
	own   uint16
}

// Bits of Conn.state.
const (
	stHeld     uint32 = 1 << iota // Pause
	stPaused                      // Pause was called since the loop looked last
	stPressed                     // outbox passed high and is not below low yet
	stBoxed                       // outbox is not empty, and waits for room in the socket
	stGathered                    // outbox is not empty, and waits for the loop: see SendSoon
	stDialing                     // connect is not answered
	stFinish                      // close after the outbox is flushed
	stFail                        // close now
	stClosed                      // fd is gone
	stUnsent                      // what was gathered went with it: see Unsent
)

// Bits of Conn.own.
const (
	ownOpen    uint16 = 1 << iota // Open was called
	ownReading                    // the watch is registered
	ownFresh                      // carry holds bytes that Data may take at once
	ownIdle                       // the last Data call took nothing
	ownHup                        // the poller let go of the fd: read by turns
	ownEOF                        // the peer's end was read
	ownTold                       // EOF was called
	ownGone                       // Hangup was called
	ownArmed                      // the write side watches the fd
	ownLinger                     // our end is shut, input is thrown away
	ownDrain                      // finish as soon as idle
	ownPatient                    // no write timeout (stdout)
	ownInbound                    // counts for ConnsMax
	ownBecame                     // the handler was exchanged in the Data call at hand
	ownDialed                     // ours to the peer: Quiesce leaves it alone
	ownMore                       // TLS may hold bytes that the socket knows nothing of any more
)

// Bits of Conn.attn.
const (
	attnQueued uint32 = 1 << iota
	attnHup
	attnSecured
)

// lingerTime is how long a finished conn waits for the peer's end, so that
// input it has not read does not turn the last reply into a reset.
const lingerTime = 2 * time.Second

func (l *Loop) newConn(fd int, p peer, h Handler) *Conn {
	return &Conn{
		h: h, loop: l, fd: int32(fd), peer: p, index: -1,
		id: l.group.lastID.Add(1),
	}
}

// ID is unique in the group. Safe for concurrent use.
func (c *Conn) ID() uint64 { return c.id }

// Loop returns the loop that c belongs to. Safe for concurrent use.
func (c *Conn) Loop() *Loop { return c.loop }

// AddrPort is the peer's address, invalid for unix sockets and stdio. Safe for
// concurrent use, also after Closed.
func (c *Conn) AddrPort() netip.AddrPort { return c.peer.addrPort() }

// RemoteAddr is the peer's address; a *net.UnixAddr without a name for unix
// sockets and stdio. It allocates. Safe for concurrent use, also after Closed.
func (c *Conn) RemoteAddr() net.Addr {
	if ap := c.AddrPort(); ap.IsValid() {
		return net.TCPAddrFromAddrPort(ap)
	}
	return &net.UnixAddr{Net: "unix"}
}

// Peer is the peer's address as text for logs: "192.0.2.1:4711" or "local".
// It allocates. Safe for concurrent use, also after Closed.
func (c *Conn) Peer() string {
	if ap := c.AddrPort(); ap.IsValid() {
		return ap.String()
	}
	return "local"
}

// Become exchanges c's handler, which keeps State: for a protocol that begins as another one. What
// the current Data call does not take goes to the new handler at once; Open is not called again.
// Called only on c's loop, inside Data.
func (c *Conn) Become(h Handler) {
	c.h = h
	c.own |= ownBecame
}

// Close ends c at once and drops what is not sent. Closed gets err, which may
// be nil. Safe for concurrent use; only the first Close counts.
func (c *Conn) Close(err error) { c.fail(err) }

// Finish closes c after the outbox is flushed: our end first, and when the
// peer has not ended yet, input is thrown away until it does (2 s at most), so
// that it can read the last reply. Send fails from now on; what the current
// Data appended is still written. Safe for concurrent use.
func (c *Conn) Finish() { c.finish(nil) }

func (c *Conn) finish(err error) {
	c.mu.Lock()
	first := c.state.Load()&(stFinish|stFail|stClosed) == 0
	if first {
		c.err = err
		c.state.Or(stFinish)
	}
	c.mu.Unlock()
	if first {
		c.nudge(0)
	}
}

// Pause stops Data calls until Resume; a call that is running is not affected.
// Meanwhile at most Options.ReadBytes are read ahead, then the socket waits.
// EOF waits too. Safe for concurrent use; call it before handing out the work
// that will call Resume. A Data call that takes nothing should pause only when a
// Resume will come with something new, else the two go round and round.
func (c *Conn) Pause() { c.state.Or(stHeld | stPaused) }

// Resume undoes Pause: Data gets what waits. Safe for concurrent use.
func (c *Conn) Resume() {
	if c.state.And(^stHeld)&stHeld != 0 {
		c.nudge(0)
	}
}

// Paused reports whether c is held by Pause. Safe for concurrent use.
func (c *Conn) Paused() bool { return c.state.Load()&stHeld != 0 }

// SetDeadline makes Expired come d from when the loop woke up: up to two ticks
// late, and early only by what the callbacks of this wake-up took so far. 0
// clears. It costs a few ns, so it can be set for each message. Called only on
// c's loop.
func (c *Conn) SetDeadline(d time.Duration) {
	if c.own&ownLinger != 0 {
		return
	}
	if d <= 0 {
		c.due = 0 // the wheel forgets c when its slot comes by
		return
	}
	c.due = c.loop.wheel.tickAt(c.loop.now + int64(d))
	c.schedule()
}

// SetAckTimeout bounds the time in which a TCP peer acknowledges what it is
// sent (TCP_USER_TIMEOUT, to the millisecond): one that vanished without FIN or
// RST is found that soon after a write, and not by the kernel's own quarter of
// an hour; 0 undoes it. It also ends a peer that is there and reads nothing for
// so long: not for conns whose peer may pause. Safe for concurrent use.
func (c *Conn) SetAckTimeout(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd >= 0 && c.peer.family != unix.AF_UNIX {
		_ = unix.SetsockoptInt(int(c.fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT,
			int(d.Milliseconds()))
	}
}

// vanishedAfter is how often a segment was sent again, each time after twice as
// long a wait: 6 s altogether to a peer that is near.
const vanishedAfter = 5

// Vanished reports whether a TCP peer, to its very kernel, has been silent
// since it was last sent something, which was repeated and repeated. One that
// is there and reads nothing has not vanished. Safe for concurrent use.
func (c *Conn) Vanished() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 || c.peer.family == unix.AF_UNIX {
		return false
	}
	info, err := unix.GetsockoptTCPInfo(int(c.fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	return err == nil && info.Unacked > 0 && info.Retransmits >= vanishedAfter
}

// Enough reports whether a Data call that appended this out should return,
// though frames are left: they come again when the peer took the replies. It
// keeps a peer from turning a few bytes of requests into endless replies.
func (c *Conn) Enough(out []byte) bool { return len(out) >= c.loop.opt.OutboxLow }

// nudge asks the loop to give c a turn. Safe for concurrent use.
func (c *Conn) nudge(bits uint32) {
	if c.attn.Or(bits|attnQueued)&attnQueued != 0 {
		return
	}
	l := c.loop
	for {
		head := l.attn.Load()
		c.attnNext = head
		if l.attn.CompareAndSwap(head, c) {
			break
		}
	}
	if l.state.Load() == asleep {
		l.signal()
	}
}
