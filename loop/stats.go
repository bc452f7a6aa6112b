package loop

import "sync/atomic"

// Stats is a snapshot of one loop's counters, or the sum over a Group.
type Stats struct {
	Accepted      uint64 // conns accepted and served
	Dialed        uint64 // conns begun by Dial and Std
	Closed        uint64 // conns ended
	Open          uint64 // conns now: begun and not ended
	Refused       uint64 // conns reset at accept because of ConnsMax
	Emfile        uint64 // times accepting stopped for want of fds or memory
	BytesIn       uint64
	BytesOut      uint64
	Reads         uint64 // read calls that returned bytes
	Writes        uint64 // send calls that took bytes
	Wakeups       uint64 // conns woken by the poller
	Posts         uint64 // functions run from the ring
	Signals       uint64 // times a sleeping loop was woken by another goroutine
	Panics        uint64 // panics recovered
	SlowConsumers uint64 // conns ended because the peer did not read
	Expired       uint64 // conns ended by their own deadline
	OutboxBytes   uint64 // bytes that wait in outboxes now
}

// counters are written mostly by their loop; Send adds to a few from other
// goroutines. The padding keeps two loops' counters on different cache lines.
type counters struct {
	_                                           [64]byte
	accepted, dialed, closed, refused, emfile   atomic.Uint64
	bytesIn, bytesOut, reads, writes, wakeups   atomic.Uint64
	posts, signals, panics, slowConsumers, late atomic.Uint64
	outboxBytes                                 atomic.Int64
	_                                           [64]byte
}

// Stats returns l's counters. Safe for concurrent use.
func (l *Loop) Stats() Stats {
	n := &l.stats
	s := Stats{
		Closed:        n.closed.Load(), // before what began, so that Open is never negative
		Accepted:      n.accepted.Load(),
		Dialed:        n.dialed.Load(),
		Refused:       n.refused.Load(),
		Emfile:        n.emfile.Load(),
		BytesIn:       n.bytesIn.Load(),
		BytesOut:      n.bytesOut.Load(),
		Reads:         n.reads.Load(),
		Writes:        n.writes.Load(),
		Wakeups:       n.wakeups.Load(),
		Posts:         n.posts.Load(),
		Signals:       n.signals.Load(),
		Panics:        n.panics.Load(),
		SlowConsumers: n.slowConsumers.Load(),
		Expired:       n.late.Load(),
		OutboxBytes:   uint64(max(n.outboxBytes.Load(), 0)),
	}
	s.Open = s.Accepted + s.Dialed - s.Closed
	return s
}

// Stats returns the sum over all loops. Safe for concurrent use.
func (g *Group) Stats() Stats {
	var sum Stats
	for _, l := range g.loops {
		s := l.Stats()
		sum.Accepted += s.Accepted
		sum.Dialed += s.Dialed
		sum.Closed += s.Closed
		sum.Open += s.Open
		sum.Refused += s.Refused
		sum.Emfile += s.Emfile
		sum.BytesIn += s.BytesIn
		sum.BytesOut += s.BytesOut
		sum.Reads += s.Reads
		sum.Writes += s.Writes
		sum.Wakeups += s.Wakeups
		sum.Posts += s.Posts
		sum.Signals += s.Signals
		sum.Panics += s.Panics
		sum.SlowConsumers += s.SlowConsumers
		sum.Expired += s.Expired
		sum.OutboxBytes += s.OutboxBytes
	}
	return sum
}
