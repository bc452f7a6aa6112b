package shard

// Hot path: no allocation, no lock, no log, no time.Now.

import (
	"fmt"
	"math/bits"
	"sync/atomic"
)

// slotsMax is the largest ring: 2^24 slots.
const slotsMax = 1 << 24

// Ring is a bounded lock-free queue for any number of producers and consumers
// (Vyukov's array queue). It serves as the MPSC ring of posts to a loop and as
// the MPMC queue of blocking calls.
//
// Memory ordering: a position is claimed by a CAS on tail (to push) or on head
// (to pop); lap = position / slots. A slot belongs to the producer that claimed
// its position while turn == 2*lap, and to the consumer that claimed it while
// turn == 2*lap+1. turn.Store is the release that publishes item; turn.Load is
// the acquire that makes it visible. Go's atomics are sequentially consistent;
// the slots rely only on release/acquire. An item is zeroed before its slot is
// handed back, so the ring never keeps a request alive.
//
// The stronger order is needed once, by sleepers: a producer that publishes an
// item and then loads "sleeping", and a consumer that stores "sleeping" and then
// tries to pop, cannot both miss each other. A consumer may sleep when TryPop or
// PopBatch found nothing; Len is no proof, since a position may be claimed and
// not published yet. The producer that owns it looks at "sleeping" afterwards.
//
// All methods are safe for concurrent use.
type Ring[T any] struct {
	slots  []slot[T]
	mask   uint64
	shift  uint // log2(slots)
	warn   int  // length at which Level becomes LevelWarn
	reject int  // length at which Level becomes LevelReject

	_    [72]byte
	tail padded // next position to push; written by producers
	head padded // next position to pop; written by consumers
}

type slot[T any] struct {
	turn atomic.Uint64
	item T
}

// padded is an atomic counter alone on its cache line: it is written by several
// cores, and its neighbours must not pay for that.
type padded struct {
	atomic.Uint64
	_ [56]byte
}

// NewRing makes a ring of the given number of slots: a power of two from 1 to
// 2^24. It allocates all of them at once and never grows.
func NewRing[T any](slots int) (*Ring[T], error) {
	if slots < 1 || slots > slotsMax || slots&(slots-1) != 0 {
		return nil, fmt.Errorf("cannot make a ring of %d slots; use a power of two from 1 to %d",
			slots, slotsMax)
	}
	return &Ring[T]{
		slots:  make([]slot[T], slots),
		mask:   uint64(slots - 1),
		shift:  uint(bits.TrailingZeros(uint(slots))),
		warn:   percentOf(slots, 75),
		reject: percentOf(slots, 95),
	}, nil
}

// TryPush appends v. It returns false when the ring is full: v was not kept.
// When it returned true the item is visible to every later TryPop.
func (r *Ring[T]) TryPush(v T) bool {
	for {
		pos := r.tail.Load()
		s := &r.slots[pos&r.mask]
		free := pos >> r.shift * 2
		turn := s.turn.Load()
		if turn == free {
			if r.tail.CompareAndSwap(pos, pos+1) {
				s.item = v
				s.turn.Store(free + 1)
				return true
			}
			continue
		}
		// The slot still holds the item of the lap before, or tail has moved on
		// since it was loaded; only the first means full.
		if turn < free && r.tail.Load() == pos {
			return false
		}
	}
}

// TryPop takes the oldest item. It returns false when nothing is published at
// the head: the ring is empty, or the oldest push is not finished yet.
func (r *Ring[T]) TryPop() (T, bool) {
	var zero T
	for {
		pos := r.head.Load()
		s := &r.slots[pos&r.mask]
		full := pos>>r.shift*2 + 1
		turn := s.turn.Load()
		if turn == full {
			if r.head.CompareAndSwap(pos, pos+1) {
				v := s.item
				s.item = zero
				s.turn.Store(full + 1)
				return v, true
			}
			continue
		}
		if turn < full && r.head.Load() == pos {
			return zero, false
		}
	}
}

// PopBatch takes up to len(dst) of the oldest items into dst, in order, with one
// claim for all of them, and returns how many. The caller owns dst and clears it
// when it is done, or the items live as long as dst does.
func (r *Ring[T]) PopBatch(dst []T) int {
	if len(dst) == 0 {
		return 0
	}
	for {
		pos := r.head.Load()
		n := r.published(pos, len(dst))
		if n == 0 {
			if r.head.Load() == pos {
				return 0
			}
			continue
		}
		// A published slot is emptied only by the owner of its position, so as
		// long as head is still pos the n slots behind it are still full.
		if r.head.CompareAndSwap(pos, pos+uint64(n)) {
			r.take(pos, dst[:n])
			return n
		}
	}
}

// published counts the slots from pos on that are ready to pop, at most limit.
func (r *Ring[T]) published(pos uint64, limit int) int {
	limit = min(limit, len(r.slots))
	for n := range limit {
		at := pos + uint64(n)
		if r.slots[at&r.mask].turn.Load() != at>>r.shift*2+1 {
			return n
		}
	}
	return limit
}

// take empties the slots from pos on, which the caller has claimed.
func (r *Ring[T]) take(pos uint64, dst []T) {
	var zero T
	for i := range dst {
		at := pos + uint64(i)
		s := &r.slots[at&r.mask]
		dst[i] = s.item
		s.item = zero
		s.turn.Store(at>>r.shift*2 + 2)
	}
}

// Len returns how many positions are taken: a snapshot, exact only while nobody
// pushes or pops.
func (r *Ring[T]) Len() int {
	// head first: tail never lies behind a head that was loaded before it.
	head := r.head.Load()
	return int(min(r.tail.Load()-head, uint64(len(r.slots))))
}

// Cap returns the number of slots.
func (r *Ring[T]) Cap() int { return len(r.slots) }

// Level tells how full the ring is, by its watermarks.
func (r *Ring[T]) Level() Level { return levelOf(r.Len(), r.warn, r.reject) }
