package pool

import (
	"bytes"
	"sync"
	"testing"
	"unsafe"
)

func TestBytesGetPut(t *testing.T) {
	p := NewBytes(0)
	if p.MaxBytes() != 64<<10 {
		t.Fatalf("default limit: got %d, want 64 KiB", p.MaxBytes())
	}
	b := p.Get()
	if len(b.B) != 0 {
		t.Fatalf("a fresh buffer has %d bytes", len(b.B))
	}
	b.B = append(b.B, "hello"...)
	p.Put(b)
	if c := p.Get(); len(c.B) != 0 {
		t.Fatalf("a used buffer came back with %d bytes", len(c.B))
	}
	if got, want := p.Stats(), (Stats{Gets: 2, Puts: 1}); got != want {
		t.Fatalf("got %+v want %+v", got, want)
	}
}

func TestBytesDropsOversize(t *testing.T) {
	f := func(poison bool, capacity int, wantDropped uint64) {
		t.Helper()
		p := NewBytes(1024)
		p.SetPoison(poison)
		b := p.Get()
		b.B = make([]byte, 10, capacity)
		p.Put(b)
		if got := p.Stats().Dropped; got != wantDropped {
			t.Fatalf("cap %d: dropped %d, want %d", capacity, got, wantDropped)
		}
		if wantDropped > 0 && b.B != nil {
			t.Fatalf("cap %d: the dropped buffer still holds its bytes", capacity)
		}
	}
	f(false, 1024, 0)
	f(false, 1025, 1)
	f(true, 1024, 0)
	f(true, 1025, 1)
}

// TestBytesEmptyPutsDoNotTeach: a buffer may be emptied before it is put back
// (a carry is). The pool under us would learn that buffers are of no use.
func TestBytesEmptyPutsDoNotTeach(t *testing.T) {
	p := NewBytes(0)
	for range 100_000 { // above its calibration threshold
		b := p.Get()
		b.B = append(b.B, make([]byte, 2000)...)[:0]
		p.Put(b)
	}
	if b := p.Get(); cap(b.B) < 2000 {
		t.Fatalf("got a buffer of %d bytes, want one that was used before", cap(b.B))
	}
}

func TestPoisonFills(t *testing.T) {
	p := NewBytes(0)
	p.SetPoison(true)
	b := p.Get()
	b.B = append(b.B, "a message"...)
	view := b.B[:cap(b.B)]
	p.Put(b)
	if want := bytes.Repeat([]byte{0xDB}, len(view)); !bytes.Equal(view, want) {
		t.Fatalf("after Put the buffer reads % x", view)
	}
	if p.Get() != b {
		t.Fatal("poison mode did not hand the buffer out again")
	}
}

func TestPoisonCatches(t *testing.T) {
	f := func(want string, misuse func(p *Bytes, b *Buffer)) {
		t.Helper()
		defer func() {
			t.Helper()
			if got := recover(); got != want {
				t.Fatalf("got panic %v, want %q", got, want)
			}
		}()
		p := NewBytes(0)
		p.SetPoison(true)
		b := p.Get()
		b.B = append(b.B, "a message"...)
		p.Put(b)
		misuse(p, b)
	}
	f("BUG: a buffer was put back twice", func(p *Bytes, b *Buffer) { p.Put(b) })
	f("BUG: a buffer was written to after it was put back", func(p *Bytes, b *Buffer) {
		b.B = append(b.B, 'x')
		p.Get()
	})
	f("BUG: a buffer was written to after it was put back", func(p *Bytes, b *Buffer) {
		b.B[:cap(b.B)][3] = 'x'
		p.Get()
	})
}

func TestPoisonOff(t *testing.T) {
	p := NewBytes(0)
	p.SetPoison(true)
	b := p.Get()
	p.SetPoison(false)
	b.B = append(b.B, "text"...)
	view := b.B
	p.Put(b)
	if string(view) != "text" {
		t.Fatalf("poisoned after it was switched off: %q", view)
	}
}

func TestPoisonKeepsABoundedNumber(t *testing.T) {
	p := NewBytes(0)
	p.SetPoison(true)
	for range poisonKeepMax + 10 {
		p.Put(&Buffer{})
	}
	guard := p.poison.Load()
	if len(guard.list) != poisonKeepMax || len(guard.idle) != poisonKeepMax {
		t.Fatalf("keeps %d and %d buffers, want %d", len(guard.list), len(guard.idle),
			poisonKeepMax)
	}
}

func fillOften(t *testing.T, p *Bytes, mine byte) {
	for i := range 5000 {
		b := p.Get()
		for range i % 64 {
			b.B = append(b.B, mine)
		}
		if bytes.Count(b.B, []byte{mine}) != i%64 {
			t.Error("a buffer is shared")
		}
		p.Put(b)
	}
}

func TestBytesConcurrent(t *testing.T) {
	f := func(poison bool) {
		t.Helper()
		p := NewBytes(4096)
		p.SetPoison(poison)
		var wg sync.WaitGroup
		for g := range byte(4) {
			wg.Go(func() { fillOften(t, p, g) })
		}
		wg.Wait()
		if got, want := p.Stats(), (Stats{Gets: 20_000, Puts: 20_000}); got != want {
			t.Fatalf("got %+v want %+v", got, want)
		}
	}
	f(false)
	f(true)
}

func TestStripeSize(t *testing.T) {
	if size := unsafe.Sizeof(stripe{}); size%64 != 0 {
		t.Fatalf("stripe has %d bytes, want a multiple of 64", size)
	}
}
