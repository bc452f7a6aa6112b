package server

import (
	"sync"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// batch is a JSON array of messages, which only 2025-03-26 has (basic/index, "Batching"): its
// answers travel together, once the last one is there.
type batch struct {
	parent origin
	mu     sync.Mutex // guards left and answers
	left   int        // calls without an answer, and the loop itself while it reads the batch
	answer []byte     // the array so far
}

var errNoBatches = codec.ErrInvalidRequest.With("only sessions of 2025-03-26 have batches")

// batch answers a frame that is an array.
func (s *Server) batch(
	ls *loopState, parent origin, p *peer, calls *inflight, frame, out []byte,
) []byte {
	legal := p != nil && p.version == mcp.V20250326
	b := &batch{parent: parent, left: 1}
	var elems [][]byte
	_, fault := ls.scanner.Batch(frame, func(raw []byte) { elems = append(elems, raw) })
	switch {
	case fault != nil: // no JSON (in every revision), empty, or more than limits.batch
		return s.refuse(ls, out, nil, fault)
	case !legal:
		return s.refuse(ls, out, nil, errNoBatches)
	}
	parent.expect(nil)
	for _, raw := range elems {
		b.add(s.element(ls, b, p, calls, raw))
	}
	ls.in.pending = true
	b.settle(nil)
	return out
}

// element answers one message of a batch, or nil when the answer comes later or never.
func (s *Server) element(ls *loopState, b *batch, p *peer, calls *inflight, raw []byte) []byte {
	in := &ls.in
	in.reset()
	in.see(p.view)
	in.origin, in.calls, in.peer, in.version = b, calls, p, p.version
	if fault := ls.scanner.Scan(raw, &in.msg); fault != nil {
		return s.refuseScanned(in, nil, fault)
	}
	if in.msg.Kind == codec.KindResult || in.msg.Kind == codec.KindError {
		p.answered(in)
		return nil
	}
	if fault := in.classify(); fault != nil {
		return in.failRequest(nil, fault, nil)
	}
	if in.modern() || in.method == mcp.MethodInitialize {
		fault := codec.ErrInvalidRequest.With("%s cannot be in a batch", in.method)
		return in.failRequest(nil, fault, nil)
	}
	in.version = p.version
	return s.dispatch(in, nil)
}

// add appends an answer to the array.
func (b *batch) add(message []byte) {
	if len(message) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.answer) == 0 {
		b.answer = append(b.answer, '[')
	} else {
		b.answer = append(b.answer, ',')
	}
	b.answer = append(b.answer, message...)
}

// settle counts one part as done; the last one sends the array. A batch of notifications has no
// answer at all.
func (b *batch) settle(c *Call) {
	b.mu.Lock()
	b.left--
	done := b.left == 0
	b.mu.Unlock()
	switch {
	case !done:
	case len(b.answer) == 0:
		b.parent.abandon(c)
	default:
		b.parent.deliver(c, append(b.answer, ']'), 200)
	}
}

func (b *batch) deliver(c *Call, message []byte, _ int) {
	b.add(message)
	b.settle(c)
}

func (b *batch) notify(c *Call, message []byte) error { return b.parent.notify(c, message) }
func (b *batch) abandon(c *Call)                      { b.settle(c) }
func (b *batch) refused(c *Call)                      { b.settle(c) }

func (b *batch) expect(*Call) {
	b.mu.Lock()
	b.left++
	b.mu.Unlock()
}
