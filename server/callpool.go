package server

// Hot path: no allocation, no lock, no log, no time.Now.

// A call of a raw blocking tool, or of an upstream's item, is used again for another one, together
// with the copy of its arguments. Only who holds a part of Call.refs may touch such a call; who
// keeps one for longer, such as a timer or a task, calls keep.

// scratchMax bounds the bytes that a call holds while it is not in use.
const scratchMax = 4 << 10

// takeCall returns a zero call for w.
func (s *Server) takeCall(w *work) *Call {
	if w.reuse {
		if c, ok := s.spent.Get().(*Call); ok {
			return c
		}
	}
	return &Call{}
}

// giveCall takes back a call that nobody uses any more.
func (s *Server) giveCall(c *Call) {
	if c.buf != nil {
		s.buffers.Put(c.buf)
		return
	}
	if !c.work.reuse || c.kept.Load() {
		return
	}
	scratch := c.bytes[:0]
	if cap(scratch) > scratchMax {
		scratch = nil
	}
	*c = Call{bytes: scratch}
	s.spent.Put(c)
}

// keep makes the call one that is not used again. Called by who holds a part of refs.
func (c *Call) keep() { c.kept.Store(true) }
