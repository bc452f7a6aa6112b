package server

import (
	"sync"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// subscriptions are the resources that a legacy session wants to be told of (2024-11-05 to
// 2025-11-25, server/resources, "Subscriptions"), and the GET stream that it is told on. The zero
// value is ready. Safe for concurrent use: over HTTP every request can come in on another loop.
type subscriptions struct {
	mu   sync.Mutex // guards what follows
	uris map[string]struct{}
	told *stream    // who tells the session's client; nil over HTTP without a GET stream
	get  *getStream // the same over HTTP
	gets uint32     // GET streams so far
	who  string     // the principal, once something was subscribed to
}

// knownAs notes whose session it is.
func (u *subscriptions) knownAs(principal string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.who = principal
}

// subscribed tells whether it wants to be told of the URI, and keeper, if there is one, allows it.
func (u *subscriptions) subscribed(uri string, keeper *gateway.Upstream) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, ok := u.uris[uri]
	return ok && (keeper == nil || keeper.Admits(u.who))
}

// add notes a URI; false when there are most already.
func (u *subscriptions) add(uri string, most int) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, ok := u.uris[uri]; ok {
		return true
	}
	if len(u.uris) >= most {
		return false
	}
	if u.uris == nil {
		u.uris = map[string]struct{}{}
	}
	u.uris[uri] = struct{}{}
	if u.told != nil {
		u.told.home().audience.join(u.told, topic{view: u.told.view, name: uri})
	}
	return true
}

func (u *subscriptions) remove(uri string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if delete(u.uris, uri); len(u.uris) == 0 {
		u.uris = nil
	}
	if u.told != nil {
		u.told.home().audience.leave(u.told, topic{view: u.told.view, name: uri})
	}
}

// hear makes st, nil for nobody, the one who is told of what the session has subscribed to. u.mu
// must be held.
func (u *subscriptions) hear(st *stream) {
	if old := u.told; old != nil {
		u.topics(old.view, func(on topic) { old.home().audience.leave(old, on) })
	}
	if u.told = st; st != nil {
		u.topics(st.view, func(on topic) { st.home().audience.join(st, on) })
	}
}

// deafen is the end of who told the session's client.
func (u *subscriptions) deafen() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.hear(nil)
}

// closeGet ends the session's GET stream, if there is one.
func (p *peer) closeGet() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endGet()
}

// subscribe is resources/subscribe and resources/unsubscribe.
func (s *Server) subscribe(in *inbound, out []byte) []byte {
	uri, fault := s.uriParam(in)
	if fault != nil {
		return in.fail(out, inBand(fault), nil)
	}
	if !in.view.hasResources() {
		return in.fail(out, codec.ErrMethodNotFound, nil)
	}
	if in.method == mcp.MethodUnsubscribe {
		in.peer.remove(string(uri))
		return codec.AppendResult(out, in.msg.ID, emptyObject)
	}
	if in.view.findResource(uri) == nil {
		fault, data := mcp.WireError(mcp.ResourceNotFound(string(uri)), in.version)
		return in.fail(out, fault, data)
	}
	who := in.principal()
	if up := in.view.keeper(uri); up != nil && !up.Admits(who) {
		fault, data := mcp.WireError(up.Turned(), in.version)
		return in.fail(out, fault, data)
	}
	in.peer.knownAs(who)
	if most := s.opt.Limits.Subscriptions; !in.peer.add(string(uri), most) {
		fault := codec.ErrInvalidParams.With("limits.subscriptions is reached: %d", most)
		return in.fail(out, inBand(fault), nil)
	}
	return codec.AppendResult(out, in.msg.ID, emptyObject)
}
