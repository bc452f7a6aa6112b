package pool

import (
	"bytes"
	"sync"
)

// poisonByte fills a buffer that was put back, so that whoever still reads it
// sees nonsense instead of somebody else's message.
const poisonByte = 0xDB

// poisonKeepMax bounds the buffers that poison mode keeps.
const poisonKeepMax = 1024

// SetPoison turns the debug mode of tests on or off. While it is on, Put fills
// the buffer's whole capacity with 0xDB and panics when the buffer was put back
// before; Get panics when somebody wrote to the buffer after it was put back.
// Buffers that were idle before the switch are not checked.
func (p *Bytes) SetPoison(on bool) {
	if !on {
		p.poison.Store(nil)
		return
	}
	p.poison.CompareAndSwap(nil, &poison{idle: make(map[*Buffer]struct{})})
}

// poison keeps idle buffers itself, since a sync.Pool cannot be asked what it
// holds. It is slow and meant to be.
type poison struct {
	mu   sync.Mutex // guards list and idle
	list []*Buffer
	idle map[*Buffer]struct{} // the members of list
}

func (g *poison) get() *Buffer {
	g.mu.Lock()
	defer g.mu.Unlock()
	last := len(g.list) - 1
	if last < 0 {
		return &Buffer{}
	}
	b := g.list[last]
	g.list[last] = nil
	g.list = g.list[:last]
	delete(g.idle, b)
	whole := b.B[:cap(b.B)]
	if len(b.B) != 0 || bytes.Count(whole, []byte{poisonByte}) != len(whole) {
		panic("BUG: a buffer was written to after it was put back")
	}
	return b
}

func (g *poison) put(b *Buffer, maxBytes int, s *stripe) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, twice := g.idle[b]; twice {
		panic("BUG: a buffer was put back twice")
	}
	whole := b.B[:cap(b.B)]
	for i := range whole {
		whole[i] = poisonByte
	}
	if cap(b.B) > maxBytes {
		s.dropped.Add(1)
		b.B = nil
		return
	}
	b.B = b.B[:0]
	if len(g.list) < poisonKeepMax {
		g.list = append(g.list, b)
		g.idle[b] = struct{}{}
	}
}
