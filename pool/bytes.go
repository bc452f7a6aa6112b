package pool

import (
	"sync/atomic"
	"unsafe"

	"github.com/valyala/bytebufferpool"
)

// Buffer is a growing byte buffer: append to its field B.
type Buffer = bytebufferpool.ByteBuffer

// DefaultBufferBytesMax is the capacity above which a buffer is not kept: 64 KiB.
const DefaultBufferBytesMax = 64 << 10

// stripeCount is a power of two. Buffers stay near the core that used them, so
// counting by a buffer's address keeps the cores off each other's counters.
const stripeCount = 16

// Bytes is a pool of byte buffers. Its methods are safe for concurrent use.
type Bytes struct {
	maxBytes int
	pool     bytebufferpool.Pool
	poison   atomic.Pointer[poison] // nil unless SetPoison(true)
	stripes  [stripeCount]stripe
}

// stripe counts what happened to some of the buffers; one cache line.
type stripe struct {
	gets, puts, dropped atomic.Uint64
	_                   [40]byte
}

// Stats are the counters of a pool since it was made.
type Stats struct {
	Gets    uint64 // buffers handed out
	Puts    uint64 // buffers given back, the dropped ones included
	Dropped uint64 // of those, too large to be kept
}

// NewBytes makes a pool that keeps buffers of up to maxBytes capacity;
// 0 or less means DefaultBufferBytesMax.
func NewBytes(maxBytes int) *Bytes {
	if maxBytes <= 0 {
		maxBytes = DefaultBufferBytesMax
	}
	return &Bytes{maxBytes: maxBytes}
}

// Get returns an empty buffer. It is the caller's until Put.
func (p *Bytes) Get() *Buffer {
	var b *Buffer
	if guard := p.poison.Load(); guard != nil {
		b = guard.get()
	} else {
		b = p.pool.Get()
	}
	p.stripe(b).gets.Add(1)
	return b
}

// Put takes b back. Neither b nor b.B, nor any view of it, may be touched
// afterwards. Buffers above the pool's limit are left to the garbage collector.
func (p *Bytes) Put(b *Buffer) {
	s := p.stripe(b)
	s.puts.Add(1)
	if guard := p.poison.Load(); guard != nil {
		guard.put(b, p.maxBytes, s)
		return
	}
	if cap(b.B) > p.maxBytes {
		s.dropped.Add(1)
		b.B = nil
		return
	}
	if len(b.B) == 0 {
		// bytebufferpool learns from lengths which sizes to keep. An emptied
		// buffer would teach it that nobody needs any.
		b.B = b.B[:cap(b.B)]
	}
	p.pool.Put(b)
}

// Stats adds up the counters: a snapshot, exact only while nobody uses the pool.
func (p *Bytes) Stats() Stats {
	var sum Stats
	for i := range p.stripes {
		s := &p.stripes[i]
		sum.Gets += s.gets.Load()
		sum.Puts += s.puts.Load()
		sum.Dropped += s.dropped.Load()
	}
	return sum
}

// MaxBytes returns the capacity above which a buffer is not kept.
func (p *Bytes) MaxBytes() int { return p.maxBytes }

func (p *Bytes) stripe(b *Buffer) *stripe {
	// Buffers are 24 bytes, so their addresses differ above the fifth bit; the
	// multiplication spreads them. The address is only counted by, never used.
	h := uint64(uintptr(unsafe.Pointer(b))) * 0x9e3779b97f4a7c15
	return &p.stripes[h>>60%stripeCount]
}
