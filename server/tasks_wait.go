package server

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/task"
)

// waiters are who waits for the end of a task of 2025-11-25 by tasks/result, and what its client
// is asked meanwhile. A waiting call holds neither goroutine nor worker. The zero value is ready;
// safe for concurrent use.
type waiters struct {
	mu    sync.Mutex // guards what follows
	calls []*Call    // the last one is told what there is to tell
	open  []question
	over  bool
}

// question is a request to the client that it has not answered.
type question struct {
	key     string
	id      string // raw, no other session has it
	message []byte // without spare room: several may send it at once
}

// join adds a waiter and returns what its client has not answered yet; false when the task is over.
// A client that calls again is asked again, by the same ids: the stream before may be lost.
func (a *waiters) join(c *Call) (open []question, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return nil, false
	}
	a.calls = append(a.calls, c)
	return slices.Clone(a.open), true
}

// leave takes a waiter out. When it was the one that is told what there is to tell it returns who
// is now, if anybody, and the open questions.
func (a *waiters) leave(c *Call) (heir *Call, open []question) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := slices.Index(a.calls, c)
	if at < 0 {
		return nil, nil
	}
	last := at == len(a.calls)-1
	if a.calls = slices.Delete(a.calls, at, at+1); !last {
		return nil, nil
	}
	return a.newest(), slices.Clone(a.open)
}

// last is the waiter that came last, or nil.
func (a *waiters) last() *Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.newest()
}

// newest is last; a.mu must be held.
func (a *waiters) newest() *Call {
	if len(a.calls) == 0 {
		return nil
	}
	return a.calls[len(a.calls)-1]
}

// all returns who waits.
func (a *waiters) all() []*Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// ask adds questions and returns who can be asked now.
func (a *waiters) ask(open []question) *Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open = append(a.open, open...)
	return a.newest()
}

// answered takes out a question; false when it is not open any more.
func (a *waiters) answered(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := slices.IndexFunc(a.open, func(q question) bool { return q.id == id })
	if at >= 0 {
		a.open = slices.Delete(a.open, at, at+1)
	}
	return at >= 0
}

// close lets nobody in any more and returns who is there.
func (a *waiters) close() []*Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := a.calls
	a.calls, a.open, a.over = nil, nil, true
	return all
}

// relay sends questions on the stream of a tasks/result that waits. It may be of another session
// with the task's credentials, which can answer them as well.
func (to *taskOrigin) relay(w *Call, open []question) {
	for _, q := range open {
		most := w.s.opt.Input.OpenMax
		if w.peer != to.call.peer && !w.peer.asks.adopt(q.id, ask{to.call, q.key}, most) {
			w.failWire(codec.ErrOverloaded.With("input.open is reached: %d", most), nil)
			return
		}
		w.forward(q.message)
	}
	if len(open) > 0 && w.peer != to.call.peer &&
		(w.state.Load() != callPending || to.call.state.Load() != callPending) {
		w.peer.asks.forget(to.call) // it ended meanwhile, and may have been here before
	}
}

// elsewhere returns the other sessions that may have been asked: those of who waits.
func (to *taskOrigin) elsewhere() (all []*peer) {
	for _, w := range to.waiting.all() {
		if w.peer != to.call.peer {
			all = append(all, w.peer)
		}
	}
	return all
}

// depart is the end of w's wait: the questions it was asked are no longer open in its session, if
// that is not the task's own and nobody else waits there. Another session that waits is asked then.
func (to *taskOrigin) depart(w *Call) {
	heir, open := to.waiting.leave(w)
	if heir != nil && heir.peer != w.peer {
		to.relay(heir, open)
	}
	if to.call != nil && w.peer != to.call.peer && !slices.Contains(to.elsewhere(), w.peer) {
		w.peer.asks.forget(to.call)
	}
}

// forward sends one message on the stream of a call that waits; false when it has ended.
func (c *Call) forward(message []byte) bool {
	c.telling.Lock()
	defer c.telling.Unlock()
	return c.state.Load() == callPending && c.origin.notify(c, message) == nil
}

// tell sends a message that belongs to the task: to who waits for it, else to the session.
func (to *taskOrigin) tell(message []byte) {
	if w := to.waiting.last(); w != nil && w.forward(message) {
		return
	}
	to.call.peer.tell(message)
}

// retract takes back a question: who does not wait was not asked.
func (to *taskOrigin) retract(message []byte) {
	if w := to.waiting.last(); w != nil {
		w.forward(relatedNotification(message, to.id))
	}
}

// tell sends a message to a legacy peer outside of any request: over HTTP on its GET stream, if it
// has one. message is kept. Safe for concurrent use.
func (p *peer) tell(message []byte) {
	if p.line != nil {
		_ = p.line.notify(nil, message)
		return
	}
	p.mu.Lock()
	gs := p.get
	p.mu.Unlock()
	if gs != nil { // a full ring loses it: nobody may rely on these
		n := &notice{legacy: message, data: codec.AppendEvent(nil, "", "", message)}
		_ = gs.ls.loop.Post(func() { gs.tell(n) })
	}
}

// dismiss answers everybody who waits for a task that is over.
func (to *taskOrigin) dismiss(t *task.Task) {
	for _, w := range to.waiting.close() {
		to.s.tasks.told(t.ID)
		w.endAs(t)
	}
}

// lookAgain lets those who wait for tasks of other processes look into the store once more; the
// ticker does that.
func (t *tasks) lookAgain() {
	for _, c := range t.abroad.waiting.all() {
		c.again()
	}
}

// again puts a call that waits back into the queue, unless it is full or the call has ended.
func (c *Call) again() {
	c.telling.Lock()
	pending := c.state.Load() == callPending
	if pending {
		c.refs.Add(1) // the next run's; whoever ends the call comes after this lock
	}
	c.telling.Unlock()
	if pending && c.s.workers.Submit(c.ls.loop.Index(), c) != nil {
		c.release()
	}
}

// unwait takes a call that has ended out of the waiters it was among.
func (c *Call) unwait() {
	if to := c.awaits.Swap(nil); to != nil {
		to.depart(c)
		c.s.streams.Add(-1)
	}
}

// endAs answers tasks/result with what the request of the task came to, exactly (2025-11-25,
// basic/utilities/tasks, "Result Retrieval").
func (c *Call) endAs(t *task.Task) {
	switch t.Status {
	case task.Completed:
		c.reply(withRelated(t.Result, t.ID), resultComplete)
	case task.Failed:
		var wire struct {
			Code    int             `json:"code"`
			Message string          `json:"message"`
			Data    json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(t.Error, &wire); err != nil {
			c.failWire(codec.ErrInternal.With("the error of the task cannot be read"), nil)
			return
		}
		fault := &codec.Error{Code: wire.Code, Message: wire.Message, Status: 200}
		c.failWire(fault, wire.Data)
	default:
		c.failWire(codec.ErrInternal.With("the task was cancelled and has no result"), nil)
	}
}

// relatedNotification is a notification of a task's handler, tied to the task.
func relatedNotification(message []byte, id string) []byte {
	method, _ := codec.StringContent(codec.Find(message, "method"))
	params := codec.Find(message, "params")
	if params == nil {
		params = emptyObject
	}
	return codec.AppendNotification(nil, string(method), withRelated(params, id))
}

// withRelated is object, the raw params or result of a message, with the task it belongs to in its
// _meta (2025-11-25, basic/utilities/tasks, "Related Task Metadata").
func withRelated(object []byte, id string) []byte {
	related := append([]byte(`"`+mcp.MetaRelatedTask+`":{"taskId":"`+id), `"}`...)
	own := codec.Find(object, "_meta")
	if !isObject(own) {
		meta := append(append([]byte(`"_meta":{`), related...), '}')
		return withMember(object, meta)
	}
	if codec.Find(own, mcp.MetaRelatedTask) != nil {
		return bytes.Clone(object)
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return bytes.Clone(object)
	}
	members["_meta"] = withMember(own, related)
	raw, err := json.Marshal(members)
	if err != nil {
		panic("BUG: cannot encode what was decoded: " + err.Error())
	}
	return raw
}

// withMember is a raw object with one raw member more.
func withMember(object, member []byte) []byte {
	last := bytes.LastIndexByte(object, '}')
	out := bytes.TrimRight(bytes.Clone(object[:last]), " \t\r\n")
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	return append(append(out, member...), '}')
}
