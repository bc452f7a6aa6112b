package server

import (
	"crypto/rand"
	"sync"
	"sync/atomic"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/mcp"
	"github.com/valyala/fastjson"
)

// loopState is a loop's share of the server: what its messages are decoded with, its open
// streams, its counters. Everything but the counters belongs to the loop.
type loopState struct {
	s    *Server
	loop *loop.Loop

	scanner  codec.Scanner
	in       inbound
	requests [requestPlaces]codec.Request // the HTTP request at hand, see requestOf
	inline   mcp.Request                  // what an inline handler is given
	parser   fastjson.Parser

	inflater codec.WSInflater // of the WebSockets that compress
	body     []byte           // the answer at hand, before its HTTP head
	wire     []byte           // answers of this wake-up that are not written yet

	listeners []*stream // who is told of changes, of this loop's connections
	audience  audience  // those of them who want to be told of single resources and tasks
	news      news      // what they are not told yet
	tells     []*tell   // rounds of telling, the first one going on
	rounds    uint32
	told      [512]byte // where a notification is put together
	crowds    crowds    // of GET streams among listeners: what all were told
	aged      agedList

	spare *replyStream // the origin of the next legacy message over HTTP

	recent mcp.Recent[*tool]
	expiry expiry // of the calls that are answered later

	sampled uint32 // inline calls since the last timed one
	tally   tally
	count   counters
}

// tally is what the wake-up at hand has counted. It goes to the counters, which other goroutines
// read, once at its end.
type tally struct {
	methods [mcp.MethodCount]uint32
	inline  uint32

	accepted uint32
}

// flush ends a wake-up.
func (ls *loopState) flush() {
	t := &ls.tally
	for m, n := range t.methods {
		if n > 0 {
			ls.count.methods[m].Add(uint64(n))
		}
	}
	if t.inline > 0 {
		ls.count.inline.Add(uint64(t.inline))
	}
	if t.accepted > 0 {
		ls.count.accepted.Add(uint64(t.accepted))
	}
	*t = tally{}
}

// inbound is one message on its way through the loop; every loop has one and re-uses it.
type inbound struct {
	ls      *loopState
	view    *view
	msg     codec.Message
	env     mcp.Envelope
	method  mcp.Method
	version mcp.Version
	origin  origin
	calls   *inflight // where calls of this peer wait
	peer    *peer     // the legacy session, nil in the modern era

	listed []codec.Member // of a tool's arguments, for its handler
	input  input          // what a modern retry brings
	auth   []byte         // the credentials, over HTTP a view into the request

	status  int  // HTTP status of the answer that was appended
	pending bool // the answer comes later
}

// peer is what the legacy handshake said; it lives with the connection or the HTTP session.
type peer struct {
	view         *view // nil: of everything
	version      mcp.Version
	logLevel     atomic.Int32 // severity 1..8; 0: everything up to the server
	sessionID    string       // HTTP only
	capabilities []byte       // raw JSON
	clientInfo   []byte       // raw JSON
	calls        inflight
	logging      sync.Mutex // guards events and closed
	closed       bool       // the session has ended
	events       *eventLog  // HTTP only; nil until an event needs it
	asks         asks
	line         *lineConn              // how it is reached on a line door
	owner        atomic.Pointer[string] // of its tasks when it has no credentials; see owned
	subscriptions
}

func (in *inbound) reset() {
	in.origin, in.calls, in.peer, in.auth, in.listed = nil, nil, nil, nil, nil
	in.view = &in.ls.s.view
	if in.input.responses != nil || in.input.state != nil {
		in.input = input{}
	}
	in.status, in.pending = 200, false
	in.method, in.version = mcp.MethodUnknown, mcp.NoVersion
}

// see makes v the view of the message; nil is that of everything.
func (in *inbound) see(v *view) {
	if v != nil {
		in.view = v
	}
}

func (in *inbound) capabilities() []byte {
	if in.peer != nil {
		return in.peer.capabilities
	}
	return in.env.Capabilities
}

func (in *inbound) clientInfo() []byte {
	if in.peer != nil {
		return in.peer.clientInfo
	}
	return in.env.ClientInfo
}

// foreignMeta is the request's _meta when it has members that are not the protocol's own.
func (in *inbound) foreignMeta() []byte {
	if !in.env.Foreign {
		return nil // Fast path.
	}
	return in.msg.Meta
}

// requestPlaces is how many heads of requests a loop remembers. A power of two.
const requestPlaces = 64

// requestOf is where the request of a connection is parsed. Connections share places, so that what
// one has said before is likely to be there and costs an idle one nothing.
func (ls *loopState) requestOf(c *loop.Conn) *codec.Request {
	return &ls.requests[c.ID()%requestPlaces]
}

// principal names who a request belongs to, by its credentials.
func (in *inbound) principal() string { return principalText(in.auth) }

// owner names who the tasks of a request belong to: a legacy session without credentials is alone
// with its own.
func (in *inbound) owner() string {
	if in.auth != nil || in.peer == nil {
		return in.principal()
	}
	return in.peer.owned()
}

// ownedPrefix begins the names of sessions; no principal begins so.
const ownedPrefix = "session:"

// owned is a name that nobody else has, made when it is first needed.
func (p *peer) owned() string {
	if name := p.owner.Load(); name != nil {
		return *name
	}
	name := ownedPrefix + rand.Text()
	p.owner.CompareAndSwap(nil, &name)
	return *p.owner.Load()
}

func (in *inbound) sessionID() string {
	if in.peer != nil {
		return in.peer.sessionID
	}
	return ""
}

func (in *inbound) logLevel() int {
	if in.peer != nil {
		return int(in.peer.logLevel.Load())
	}
	return mcp.LevelOf(in.env.LogLevel)
}

// fail appends an error answer.
func (in *inbound) fail(out []byte, e *codec.Error, data []byte) []byte {
	in.status = e.Status
	in.ls.count.fault(e)
	return codec.AppendError(out, in.msg.ID, e, data)
}
