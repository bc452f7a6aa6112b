package server

import (
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// getStream is the GET stream of a legacy session (2025-03-26 to 2025-11-25, basic/transports,
// "Listening for messages from the server"). It outlives the connection that carries it: what it
// is told while nobody does is kept, and comes when a GET with Last-Event-ID carries it on
// ("Resumability and redelivery"). It is told by one loop, its home, so that its events have one
// order whoever carries it. The log is made by the first event: a quiet stream costs none.
//
// Locks are taken in this order: subscriptions.mu, then eventLog.mu or httpConn.mu.
type getStream struct {
	stream
	home *loopState

	// The session's subscriptions.mu guards what follows.

	number  uint32    // of the session's GET streams
	ended   bool      // nothing is told or kept any more
	last    uint64    // number of the newest event; the priming event has 0
	carrier *httpConn // nil: nobody
	left    int64     // since when nobody carries it, by Server.clock; 0: somebody does
}

// openGet begins the session's GET stream, carried by hc, on whose loop it is called. The one
// before it ends.
func (p *peer) openGet(hc *httpConn) *codec.Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.get
	if fault := hc.takeStream(old.carriedBy()); fault != nil {
		return fault
	}
	p.endGet(hc.ls.s)
	p.gets++
	gs := &getStream{stream: stream{legacy: p}, home: hc.ls, number: p.gets}
	gs.get = gs
	p.get = gs
	hc.ls.addListener(&gs.stream)
	gs.begin(hc)
	if p.version >= mcp.V20251125 { // older clients choke on the empty data
		hc.frames(false, func(dst []byte) []byte {
			return codec.AppendEvent(dst, gs.id(0).append(nil), nil, nil)
		})
	}
	return nil
}

// resumeGet lets hc carry the session's GET stream on, from behind the event with this id; who
// carried it before is ended. It runs on hc's loop.
func (p *peer) resumeGet(hc *httpConn, id eventID) *codec.Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	gs := p.get
	if gs == nil || uint64(gs.number) != id.stream {
		return errNotResumable
	}
	missed, fault := p.eventLog(hc.ls.s).toldAfter(id.number, gs.last)
	if fault != nil {
		return fault
	}
	if fault = hc.takeStream(gs.carrier); fault != nil {
		return fault
	}
	gs.detach()
	gs.begin(hc)
	hc.ls.count.replayed.Add(uint64(len(missed)))
	hc.frames(true, func(dst []byte) []byte {
		for _, e := range missed {
			dst = appendLogged(dst, gs.id(e.number), e.message)
		}
		return dst
	})
	return nil
}

func (gs *getStream) id(number uint64) eventID {
	return eventID{get: true, stream: uint64(gs.number), number: number}
}

// carriedBy is who carries the stream; nil when nobody does, or there is none.
func (gs *getStream) carriedBy() *httpConn {
	if gs == nil {
		return nil
	}
	return gs.carrier
}

// back is the end of a time without a carrier. The session's subscriptions.mu must be held.
func (gs *getStream) back(s *Server) {
	if gs.left > 0 {
		gs.left = 0
		s.away.Add(-1)
	}
}

// begin opens hc's event stream. The session's subscriptions.mu must be held.
func (gs *getStream) begin(hc *httpConn) {
	gs.back(hc.ls.s)
	hc.ls.count.streams.Add(1)
	gs.carrier = hc
	hc.beginListen(&gs.stream)
}

// tell tells the stream of n: it is kept, and sent to who carries the stream. Called on its home.
func (gs *getStream) tell(n *notice) {
	p := gs.legacy
	p.mu.Lock()
	defer p.mu.Unlock()
	if gs.ended {
		return
	}
	gs.last++
	p.eventLog(gs.home.s).tell(gs.home, uint64(gs.number), gs.last, n.legacy)
	if gs.carrier != nil {
		gs.carrier.frames(false, func(dst []byte) []byte {
			return appendLogged(dst, gs.id(gs.last), n.legacy)
		})
	}
}

// detach ends the HTTP answer of who carries the stream. The session's subscriptions.mu must be
// held.
func (gs *getStream) detach() {
	if gs.carrier == nil {
		return
	}
	gs.carrier.mu.Lock()
	gs.carrier.endStream()
	gs.carrier.mu.Unlock()
	gs.carrier = nil
}

// leave is the end of hc, if it carries the stream: a client that comes back can carry it on.
// graceful ends hc's answer, too. It runs on hc's loop.
func (gs *getStream) leave(hc *httpConn, graceful bool) {
	p, s := gs.legacy, hc.ls.s
	p.mu.Lock()
	defer p.mu.Unlock()
	if gs.carrier != hc {
		return
	}
	if graceful {
		gs.detach()
	} else {
		gs.carrier = nil
		hc.letGo()
	}
	if gs.last == 0 && p.version < mcp.V20251125 { // its client has no id to come back with
		p.endGet(s)
		return
	}
	gs.left = max(s.clock.Load(), 1)
	s.away.Add(1)
	p.eventLog(s).await(hc.ls)
}

// endGet ends the session's GET stream, if there is one; its home forgets it. p.mu
// must be held.
func (p *peer) endGet(s *Server) {
	gs := p.get
	if gs == nil {
		return
	}
	gs.back(s)
	gs.detach()
	p.get, gs.ended = nil, true
	p.untell()
	_ = gs.home.loop.Post(gs.forget) // a full ring leaves it to the next keep-alive
}

// forget takes an ended stream from its home's list. It runs there.
func (gs *getStream) forget() {
	if gs.index >= 0 {
		gs.home.removeListener(&gs.stream)
	}
}

// over tells whether the stream has ended, and who carries it if it has not.
func (gs *getStream) over() (ended bool, carrier *httpConn) {
	p := gs.legacy
	p.mu.Lock()
	defer p.mu.Unlock()
	return gs.ended, gs.carrier
}
