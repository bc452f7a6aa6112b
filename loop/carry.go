package loop

import "math/bits"

// carries lends buffers for the bytes of partial frames. It belongs to one
// loop, so it needs no lock, and its buffers fit what they hold: 15,000 conns
// that each send half a line cost 512 bytes each, not a read buffer each.
type carries struct {
	free [carryClasses][][]byte
}

const (
	carryMin     = 512 // smallest class; each next one is twice as large
	carryClasses = 8   // 512 B .. 64 KiB
	// carryInline is the largest carry that is copied in front of the next
	// read instead of being read behind.
	carryInline = 4 * kib
)

// class returns the class whose buffers hold n bytes, or carryClasses.
func class(n int) int {
	if n <= carryMin {
		return 0
	}
	return min(bits.Len(uint(n-1)/carryMin), carryClasses)
}

// get returns an empty buffer for at least n bytes.
func (k *carries) get(n int) []byte {
	i := class(n)
	if i == carryClasses {
		return make([]byte, 0, 1<<bits.Len(uint(n-1)))
	}
	if free := k.free[i]; len(free) > 0 {
		b := free[len(free)-1]
		free[len(free)-1] = nil
		k.free[i] = free[:len(free)-1]
		return b
	}
	return make([]byte, 0, carryMin<<i)
}

// put takes back what get or append returned. nil is allowed.
func (k *carries) put(b []byte) {
	if cap(b) < carryMin || cap(b) > carryMin<<(carryClasses-1) {
		return
	}
	i, keepMax := class(cap(b)), 32
	if cap(b) > carryInline {
		keepMax = 8
	}
	if cap(b) == carryMin<<i && len(k.free[i]) < keepMax {
		k.free[i] = append(k.free[i], b[:0])
	}
}

// append appends b to old, which it takes over.
func (k *carries) append(old, b []byte) []byte {
	if need := len(old) + len(b); need > cap(old) {
		old = k.grow(old, need)
	}
	return append(old, b...)
}

// grow returns old's bytes with room for n bytes in all.
func (k *carries) grow(old []byte, n int) []byte {
	bigger := append(k.get(n), old...)
	k.put(old)
	return bigger
}

// carryMax bounds the bytes that c's handler has not taken.
func (c *Conn) carryMax() int {
	if c.own&ownDialed != 0 {
		return c.loop.opt.DialCarryMax
	}
	return c.loop.opt.CarryMax
}
