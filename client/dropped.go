package client

import "sync/atomic"

// Dropped counts what servers have sent that nobody gets, of all clients whose Options name it,
// also of those that have ended or never came to be. It is safe for concurrent use.
type Dropped struct {
	Strays   atomic.Uint64 // answers with an unknown or repeated id
	Noise    atomic.Uint64 // frames that were no message
	TooLarge atomic.Uint64 // messages above MessageBytesMax
}

func (m *Mux) stray() {
	m.count.Strays.Add(1)
	if d := m.opt.Dropped; d != nil {
		d.Strays.Add(1)
	}
}

func (m *Mux) noise() {
	m.count.Noise.Add(1)
	if d := m.opt.Dropped; d != nil {
		d.Noise.Add(1)
	}
}

func (m *Mux) tooLarge() {
	m.count.TooLarge.Add(1)
	if d := m.opt.Dropped; d != nil {
		d.TooLarge.Add(1)
	}
}
