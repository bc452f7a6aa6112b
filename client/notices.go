package client

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/loop"
)

// notices bounds what a server may say beside the answers to calls: what comes faster than
// Options.NoticesPerSecond waits in its socket, and what comes behind it. A connection that has
// said too much is not read until it is its turn again, after all others that wait, so that a loop
// spends no more than a moment at a time on it. Nothing is lost.
type notices struct {
	rate  int64        // units a second; negative: no bound
	burst int64        // units that may come at once
	held  func()       // as Options.OnNoticesHeld
	born  time.Time    // what its times count from
	left  atomic.Int64 // units that may come now; below 0 they came already

	mu      sync.Mutex    // guards the rest
	filled  time.Duration // when left was right; below now by less than one unit
	waiting []*loop.Conn
	turn    *time.Timer // nil until somebody has waited
}

// A message that is no answer costs a unit, and one more for each noticeBytes of it. An answer is
// worth noticesEarned, so that who has much to do may say much of it. What may come at once is a
// tenth of a second's; a turn is the least that a connection waits for.
const (
	noticeBytes   = 1 << 10
	noticeBlanks  = 64 // empty lines
	noticesEarned = 16
	noticeBursts  = 10
	noticeTurn    = 64
)

func (n *notices) init(opt *Options, born time.Time) {
	n.rate, n.held, n.born = int64(opt.NoticesPerSecond), opt.OnNoticesHeld, born
	n.burst = max(noticeTurn, n.rate/noticeBursts)
	n.left.Store(n.burst)
}

// earn adds what an answer is worth. Safe for concurrent use.
func (n *notices) earn() {
	if n.left.Load() < n.burst { // Slow path.
		n.left.Add(noticesEarned)
	}
}

// spend takes so many units. Safe for concurrent use.
func (n *notices) spend(units int) { n.left.Add(-int64(units)) }

// spent tells whether there are none left. Safe for concurrent use.
func (n *notices) spent() bool {
	if n.rate < 0 || n.left.Load() > 0 { // Fast path.
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.fill() <= 0
}

// fill adds what the time since the last fill is worth, and returns what there is. mu is held.
func (n *notices) fill() int64 {
	now := time.Since(n.born)
	gained := int64((now - n.filled).Seconds() * float64(n.rate))
	left := n.left.Add(gained)
	if over := left - n.burst; over >= 0 {
		n.filled = now
		return n.left.Add(-over)
	}
	n.filled += time.Duration(gained) * time.Second / time.Duration(n.rate)
	return left
}

// hold has c wait for its turn. Called on c's loop, inside Data.
func (n *notices) hold(c *loop.Conn) {
	c.Pause()
	n.mu.Lock()
	n.waiting = append(n.waiting, c)
	if len(n.waiting) == 1 {
		n.await()
	}
	n.mu.Unlock()
	if n.held != nil {
		n.held()
	}
}

// leave forgets c, which has ended. Called on c's loop.
func (n *notices) leave(c *loop.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if i := slices.Index(n.waiting, c); i >= 0 {
		n.waiting = slices.Delete(n.waiting, i, i+1)
	}
}

// await sets the timer to the next turn. mu is held.
func (n *notices) await() {
	missing := max(1, noticeTurn-n.left.Load())
	wait := time.Duration(missing) * time.Second / time.Duration(n.rate)
	if n.turn == nil {
		n.turn = time.AfterFunc(wait, n.next)
	} else {
		n.turn.Reset(wait)
	}
}

// next lets one connection go on. It runs when the timer fires.
func (n *notices) next() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fill() >= noticeTurn/2 && len(n.waiting) > 0 {
		n.waiting[0].Resume()
		n.waiting[0] = nil
		n.waiting = n.waiting[1:]
	}
	if len(n.waiting) > 0 {
		n.await()
	}
}

// begin begins a Data call.
func (r *reader) begin() { r.answered, r.aside, r.full = false, 0, false }

// noticed charges a message of size bytes that was no answer.
func (r *reader) noticed(size int) { r.charge(1 + size/noticeBytes) }

func (r *reader) charge(units int) {
	if units == 0 {
		return
	}
	r.aside += units
	r.m.notices.spend(units)
}

// enough tells that the Data call has brought notices, and that there were too many of late. It
// stays so: what the call leaves comes again only if pace holds its connection.
func (r *reader) enough() bool {
	r.full = r.full || r.aside > 0 && r.m.notices.spent()
	return r.full
}

// pace ends a Data call that takes no more. One that brought neither an answer nor anything else
// has cost as much as a notice.
func (r *reader) pace(c *loop.Conn) {
	if !r.answered && r.aside == 0 {
		r.charge(1)
	}
	if r.enough() {
		r.m.notices.hold(c)
	}
}

// eventsPiece is how much of a stream is read between two looks at whether its server says too
// much.
const eventsPiece = 8 << 10

// idled charges what a stream has that is no event with data.
func (r *reader) idled(events *codec.EventReader) {
	if events.Idle >= noticeBytes {
		r.charge(events.Idle / noticeBytes)
		events.Idle %= noticeBytes
	}
}

// leftOf drops the first used bytes of data.
func leftOf(data []byte, used int) []byte {
	if used == 0 { // of a large event there is no more than it had
		return data
	}
	return data[:copy(data, data[used:])]
}
