package gateway

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
)

// forward is a call on its way to the upstream and back.
type forward struct {
	client.Call
	trial
	item    *Item
	lease   *instance  // that it has to itself; nil: it shares one
	method  mcp.Method // what is asked of the item
	live    *client.Client
	caller  Caller
	version mcp.Version
	token   []byte // of the client, raw, a copy; nil: it wants no progress
	level   int    // from which on the client wants log messages; 0: none

	capabilities []byte // of the client, raw; valid as long as caller
	held         atomic.Pointer[held]
	stage        atomic.Uint32
	becomes      bool   // the answer is a task
	task         []byte // params that name the task whose result this waits for, raw; or nil

	own, spliced []byte // what params and the client's result are written to
}

// Bits of forward.stage.
const (
	forwardSent  = 1 << iota // Start has returned
	forwardEnded             // the client has given up
	forwardSpent             // it is used again, once it was sent
)

// forwards are those that are used again. One is where nobody can have it any more: it was answered
// by its connection, before its client gave up, and nothing but its answer belongs to it.
var forwards sync.Pool

// forwardBytesMax bounds what one keeps in each of its buffers while it is not in use.
const forwardBytesMax = 4 << 10

func newForward() *forward {
	if f, ok := forwards.Get().(*forward); ok {
		return f
	}
	return &forward{}
}

// endsWith tells whether f may be used again after that answer, and from then on nobody tells it
// that its client has given up. What a modern upstream answers comes on the one loop that has the
// call, so that nothing else of the upstream is about it any more.
func (f *forward) endsWith(a client.Answer) bool {
	return a.Err == nil && f.lease == nil && f.token == nil && f.level == 0 &&
		f.live.Version().Modern() && !f.Asked() && f.caller.OnEnd(nil)
}

// end releases the caller, who was answered, and f if it is spent.
func (f *forward) end(spent bool) {
	f.caller.Release()
	if spent && f.stage.Or(forwardSpent)&forwardSent != 0 {
		f.giveBack()
	}
}

func (f *forward) giveBack() {
	own, spliced := f.own, f.spliced
	if cap(own) > forwardBytesMax {
		own = nil
	}
	if cap(spliced) > forwardBytesMax {
		spliced = nil
	}
	*f = forward{own: own, spliced: spliced}
	forwards.Put(f)
}

// fill makes f the call at the upstream. params are kept until it was answered.
func (i *Item) fill(
	f *forward, c Caller, live *client.Client, m mcp.Method, params []byte, v mcp.Version,
	token []byte,
) {
	f.item, f.method, f.live, f.caller, f.version, f.token = i, m, live, c, v, token
	f.Method, f.Params, f.Tag = m.String(), params, f
	if m == mcp.MethodToolsCall {
		f.Headers = live.MirrorHeaders(i.own, params)
	}
	f.Near = c.Loop()
	f.Timeout, f.Done = i.up.opt.Timeout, answered
	f.FirstByte, f.BetweenBytes = max(0, i.up.opt.FirstByte), max(0, i.up.opt.BetweenBytes)
	if token != nil {
		c.Keep() // progress may still come while the client cancels
		f.Progress = progress
	}
}

// answered is client.Call.Done.
func answered(c *client.Call, a client.Answer) { forwardOf(c).done(a) }

// start sends it, unless the client has given up. Once it is sent the caller belongs to done.
func (f *forward) start() {
	if !f.caller.OnEnd(f) {
		f.item.up.guard.settle(f.passes, verdictNone, f.live)
		f.abandon()
		f.giveUp(errEnded)
		return
	}
	if err := f.identify(); err != nil {
		f.refuse(err)
		return
	}
	if err := f.live.Mux().Start(&f.Call); err != nil {
		f.unsent(err)
		return
	}
	// It may be answered by now, and then the caller is somebody else's, and f may soon be.
	switch stage := f.stage.Or(forwardSent); {
	case stage&forwardSpent != 0:
		f.giveBack()
	case stage&forwardEnded != 0:
		f.cancel(errEnded)
	}
}

// errEnded is why a call is cancelled whose client gave up while it was sent.
var errEnded = errors.New("the client waits no more")

// CallEnded implements EndWatcher: the client has given up.
func (f *forward) CallEnded(cause error) {
	if f.stage.Or(forwardEnded)&forwardSent != 0 {
		f.cancel(cause)
	}
}

// cancel ends it at the upstream.
func (f *forward) cancel(cause error) {
	if !f.named() { // its answer names the task that is to be cancelled
		return
	}
	f.live.Mux().Cancel(&f.Call, cause)
}
