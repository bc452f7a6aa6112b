package server

import (
	"sync"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// getStream is the GET stream of a legacy session (2025-03-26 to 2025-11-25, basic/transports,
// "Listening for messages from the server"). It outlives the connection that carries it: what it
// is told while nobody does is kept, and comes when a GET with Last-Event-ID carries it on
// ("Resumability and redelivery"). It is told by one loop, its home, so that its events have one
// order whoever carries it. What it was told is in its loop's crowd, or else in own.
//
// Locks are taken in this order: the session's subscriptions.mu, getStream.mu, httpConn.mu.
type getStream struct {
	stream
	ls     *loopState // its home
	all    *crowd     // which its view's GET streams of that loop are
	number uint32     // of the session's GET streams

	mu    sync.Mutex  // guards what follows and http, which changes with subscriptions.mu held, too
	ended bool        // nothing is told or kept any more
	last  uint64      // number of the newest event; the priming event has 0
	crowd uint64      // number of the newest one that its loop told the whole crowd
	gone  uint64      // number of the newest of its own that is no longer kept
	left  int64       // since when nobody carries it, by Server.clock; 0: somebody does
	own   *keptEvents // what the crowd was not told; nil until there is some
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
	p.endGet()
	p.gets++
	gs := &getStream{
		stream: stream{view: p.view, legacy: p}, ls: hc.ls, all: hc.ls.crowds.join(p.view),
		number: p.gets,
	}
	gs.get = gs
	p.get = gs
	p.hear(&gs.stream)
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
	gs.mu.Lock()
	defer gs.mu.Unlock()
	missed, ok := gs.missed(id.number)
	if !ok {
		return errNotResumable
	}
	if fault := hc.takeStream(gs.http); fault != nil {
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
	return gs.http
}

// back is the end of a time without a carrier. gs.mu must be held.
func (gs *getStream) back() {
	if gs.left > 0 {
		gs.left = 0
		gs.ls.s.away.Add(-1)
	}
}

// begin opens hc's event stream. gs.mu must be held, but for a stream that nobody has seen.
func (gs *getStream) begin(hc *httpConn) {
	gs.back()
	hc.ls.count.streams.Add(1)
	gs.http = hc
	hc.beginListen(&gs.stream)
}

// tell tells the stream of n: it is kept, and sent to who carries the stream. Called on its home.
func (gs *getStream) tell(n *notice) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if gs.ended {
		return
	}
	gs.last++
	gs.ls.count.events.Add(1)
	if n.crowd > 0 {
		gs.crowd = n.crowd
	} else {
		own := gs.keeps()
		own.add(gs.ls, loggedEvent{number: gs.last, message: n.legacy})
		gs.ls.count.dropped.Add(uint64(own.shrink(gs.ls.s, gs.dropped)))
	}
	if gs.http != nil {
		gs.http.told(gs.ls.told[:0], gs.id(gs.last), n.data)
	}
}

// keeps returns own, which the ticker looks after from now on. gs.mu must be held.
func (gs *getStream) keeps() *keptEvents {
	if gs.own == nil {
		gs.own = &keptEvents{}
	}
	gs.own.enlist(gs.ls, gs)
	return gs.own
}

// dropped notes that an event has left own. gs.mu must be held.
func (gs *getStream) dropped(e *loggedEvent) { gs.gone = e.number }

// missed returns the events behind the one with that number; false when one of them is no longer
// kept, or when there was no such event. gs.mu must be held.
func (gs *getStream) missed(number uint64) ([]loggedEvent, bool) {
	c := gs.all
	c.mu.Lock()
	defer c.mu.Unlock()
	var own []loggedEvent
	if gs.own != nil {
		own = gs.own.list
	}
	if number > gs.last || number < gs.gone ||
		gs.last-number > uint64(len(own)+len(c.kept.list)) {
		return nil, false
	}
	list := make([]loggedEvent, gs.last-number)
	at := gs.crowd
	for i := len(list) - 1; i >= 0; i-- {
		n := number + uint64(i) + 1
		if k := len(own) - 1; k >= 0 && own[k].number == n {
			list[i], own = own[k], own[:k]
			continue
		}
		e, ok := c.at(at)
		if !ok {
			return nil, false
		}
		e.number = n
		list[i] = e
		at--
	}
	return list, true
}

// detach ends the HTTP answer of who carries the stream. gs.mu must be held.
func (gs *getStream) detach() {
	if gs.http == nil {
		return
	}
	gs.http.mu.Lock()
	gs.http.endStream()
	gs.http.mu.Unlock()
	gs.http = nil
}

// leave is the end of hc, if it carries the stream: a client that comes back can carry it on.
// graceful ends hc's answer, too. It runs on hc's loop.
func (gs *getStream) leave(hc *httpConn, graceful bool) {
	p, s := gs.legacy, hc.ls.s
	p.mu.Lock()
	defer p.mu.Unlock()
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if gs.http != hc {
		return
	}
	if graceful {
		gs.detach()
	} else {
		gs.http = nil
		hc.letGo()
	}
	if gs.last == 0 && p.version < mcp.V20251125 { // its client has no id to come back with
		p.drop(gs)
		return
	}
	gs.left = max(s.clock.Load(), 1)
	s.away.Add(1)
	gs.keeps()
}

// expire implements aged.
func (gs *getStream) expire(ls *loopState, before int64) bool {
	p := gs.legacy
	p.mu.Lock()
	defer p.mu.Unlock()
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if gs.left > 0 && gs.left <= before { // so it is p's
		p.drop(gs)
	}
	return gs.own.expire(ls, before, gs.dropped, gs.left > 0)
}

// endGet ends the session's GET stream, if there is one. p.mu must be held.
func (p *peer) endGet() {
	if gs := p.get; gs != nil {
		gs.mu.Lock()
		defer gs.mu.Unlock()
		p.drop(gs)
	}
}

// drop ends the session's GET stream; its home forgets it. p.mu and gs.mu must be held.
func (p *peer) drop(gs *getStream) {
	p.get = nil
	p.hear(nil)
	gs.back()
	gs.detach()
	gs.ended = true
	if gs.own != nil {
		gs.own.drop(gs.ls.s, nil, func(*loggedEvent) bool { return true })
	}
	_ = gs.ls.loop.Post(gs.forget) // a full ring leaves it to the next keep-alive
}

// forget takes an ended stream from its home's list. It runs there.
func (gs *getStream) forget() {
	if gs.index >= 0 {
		gs.ls.removeListener(&gs.stream)
		gs.ls.crowds.leave(gs.ls.s, gs.view)
	}
}

// comment keeps the stream of who carries it alive. Called on its home.
func (gs *getStream) comment() {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	switch {
	case gs.ended:
		gs.forget()
	case gs.http != nil:
		gs.http.comment()
	}
}
