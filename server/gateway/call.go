package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// Call carries a client's use of the item (Kind.Use) to the upstream. It returns at once; c is
// answered later, on a loop or, by a Provider, on a goroutine. req and what it points to are valid
// until c was answered.
func (i *Item) Call(c Caller, req *mcp.Request) {
	if i.up.opt.Provider != nil {
		i.up.provide(i, c, req)
		return
	}
	if retries(req) {
		i.carryOn(c, req)
		return
	}
	f := newForward()
	f.own = i.appendParams(f.own[:0], req)
	f.Sound, f.Name = metaOf(req) == nil, i.own
	if i.Kind.Use() == mcp.MethodResourcesRead {
		f.Name = req.Params.Name
	}
	i.begin(f, c, req, i.Kind.Use(), f.own)
}

// Read carries a client's resources/read of what the upstream may have without listing it, as Item
// does it. What a Provider has it lists.
func (u *Upstream) Read(c Caller, req *mcp.Request) {
	uri := req.Params.Name
	if u.opt.Provider != nil {
		c.Fail(mcp.ResourceNotFound(uri))
		return
	}
	i := &Item{
		Kind: mcp.KindResource, Name: uri, up: u, own: uri, short: uri, use: u.hidden, twice: true,
	}
	i.Call(c, req)
}

// Complete carries a client's completion/complete for a prompt or a template to the upstream.
// req.Params.Arguments are the client's params. Who cannot complete suggests nothing.
func (i *Item) Complete(c Caller, req *mcp.Request) {
	if !i.completes || i.up.opt.Provider != nil {
		c.ReplyRaw([]byte(`{"completion":{"values":[]}}`))
		return
	}
	i.begin(newForward(), c, req, mcp.MethodComplete, i.completion(req.Params.Arguments))
}

// begin sends a request about the item by f, which is empty, if there is a connection for it.
func (i *Item) begin(f *forward, c Caller, req *mcp.Request, m mcp.Method, params []byte) {
	w := waiting{i, c, req, m, params, nil}
	switch {
	case i.up.opt.Share == ShareCall:
		i.up.lease(w)
	case !i.up.await(w):
		i.send(f, &w)
	}
}

// send sends it by f.
func (i *Item) send(f *forward, w *waiting) {
	u, c, req, m, params := i.up, w.caller, w.req, w.method, w.params
	attempt, live := u.try(w)
	if live == nil {
		return
	}
	u.count.calls.Add(1)
	i.fill(f, c, live, m, params, req.Version, bytes.Clone(req.Params.Token))
	f.trial, f.lease = attempt, w.lease
	f.hearLogs(req.LogLevel)
	if f.capabilities = req.Capabilities; live.Version().Modern() {
		f.Capabilities = able(req.Capabilities, req.Version)
	} else {
		f.Party = c.Owner(true)
		f.asTask()
	}
	f.begin()
}

// appendParams appends those of the call at the upstream: arguments pass unread, and so does _meta,
// of which the client package leaves out what speaks for a connection.
func (i *Item) appendParams(b []byte, req *mcp.Request) []byte {
	arguments, meta, name := req.Params.Arguments, metaOf(req), i.own
	b = slices.Grow(b, len(name)+len(arguments)+len(meta)+48)
	if i.Kind.Use() == mcp.MethodResourcesRead {
		b = codec.AppendString(append(b, `{"uri":`...), req.Params.Name)
	} else {
		b = codec.AppendString(append(b, `{"name":`...), name)
	}
	if arguments != nil {
		b = append(append(b, `,"arguments":`...), arguments...)
	}
	if meta != nil {
		b = append(append(b, `,"_meta":`...), meta...)
	}
	return append(b, '}')
}

// completion are the client's params of completion/complete with the upstream's own name in ref.
func (i *Item) completion(params []byte) []byte {
	b := append(make([]byte, 0, len(params)+len(i.own)), '{')
	_ = eachMember(params, func(m member) { // the scanner has passed them
		if string(m.key) == `"ref"` && i.Kind == mcp.KindPrompt {
			m.value = withName(m.value, i.own)
		}
		b = append(append(append(append(b, m.key...), ':'), m.value...), ',')
	})
	if last := len(b) - 1; b[last] == ',' {
		b = b[:last]
	}
	return append(b, '}')
}

// progress passes progress on under the client's token.
func progress(c *client.Call, params []byte) {
	to := forwardOf(c).recipient()
	if to.caller != nil && to.token != nil {
		_ = to.caller.Notify(mcp.NotifyProgress, withToken(params, to.token)) // it may have gone
	}
}

// done passes the upstream's answer on.
func (f *forward) done(a client.Answer) {
	h := f.ends()
	if h == nil && f.follow(a) {
		return
	}
	if h == nil && f.stays(a) {
		return
	}
	f.leave(a.Err)
	if a.Err != nil {
		f.abandon()
	}
	if h != nil {
		f.judged(a, nil)
		h.done(a)
		return
	}
	u := f.item.up
	var own []byte
	var unusable error
	if a.Err == nil && a.Error == nil {
		own, unusable = splice(f.spliced[:0], a.Result, f.method, f.version)
		f.spliced = own
	}
	f.judged(a, unusable)
	if f.lease == nil && !f.caller.Ended() && f.goesOn(a) {
		return
	}
	defer f.end(f.endsWith(a))
	switch {
	case a.Err != nil && f.caller.Ended():
		u.count.cancelled.Add(1) // nobody waits any more
	case a.Err != nil:
		u.count.failed.Add(1)
		if errors.Is(a.Err, client.ErrUnreachable) || errors.Is(a.Err, client.ErrGone) ||
			wantsLogin(a.Err) {
			u.guard.lists.ask(u.doubt)
		}
		f.caller.Fail(u.fault(a.Err))
	case a.Error != nil:
		f.passError(f.recipient(), a.Error)
	default:
		u.answer(f.recipient(), a.Result, own, unusable)
	}
}

// reply answers with an upstream's result, or asks for what it needs before there is one.
func (u *Upstream) reply(m mcp.Method, to recipient, result []byte) {
	own, err := splice(nil, result, m, to.version)
	u.answer(to, result, own, err)
}

// answer is reply for a result that was spliced.
func (u *Upstream) answer(to recipient, result, own []byte, err error) {
	switch {
	case errors.Is(err, client.ErrInputRequired):
		u.require(to.caller, result)
	case errors.Is(err, errTask):
		to.caller.ReplyTask(u.opt.Name, own)
	case err != nil:
		u.count.failed.Add(1)
		to.caller.Fail(u.fault(err))
	default:
		to.caller.ReplyRaw(own)
	}
}

// errorOf is an upstream's JSON-RPC error as it came, but for what the eras say differently. Of a
// resource that does not exist modern servers say -32602 with its URI, legacy ones -32002
// (SEP-2164). That a client cannot do something has a code in the modern era alone.
func (f *forward) errorOf(e *mcp.Error, v mcp.Version) error {
	data, _ := e.Data.(json.RawMessage)
	switch {
	case f.method == mcp.MethodResourcesRead && e.Code == codec.ErrInvalidParams.Code &&
		codec.Find(data, "uri") != nil:
		e.Code = codec.ErrResourceNotFound.Code // the server says it as the client's era does
	case e.Code == codec.ErrMissingCapability.Code && !v.Modern():
		return fmt.Errorf("%s: %s", e.Message, codec.Find(data, "requiredCapabilities"))
	}
	return e
}

// rpcError reads a raw JSON-RPC error object.
func rpcError(raw []byte) *mcp.Error {
	var e struct {
		Code    int             `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return &mcp.Error{Code: codec.ErrInternal.Code, Message: "an error that cannot be read"}
	}
	out := &mcp.Error{Code: e.Code, Message: e.Message}
	if e.Data != nil {
		out.Data = e.Data
	}
	return out
}

// upstreamData tells a program, or a model, whether to try again.
type upstreamData struct {
	Upstream   string `json:"upstream"`
	State      string `json:"state"`
	Reason     string `json:"reason,omitempty"`
	Item       string `json:"item,omitempty"` // whose breaker it is, if not the upstream's
	RetryAfter int64  `json:"retryAfterMs,omitempty"`
}

// unavailable is the answer to a call while there is no connection.
func (u *Upstream) unavailable() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.notThere(u.state, u.retry, u.reason)
}

// notThere says that there is no connection, and in StateWaiting when it is tried again and why it
// was lost.
func (u *Upstream) notThere(state State, retry time.Time, reason error) error {
	if wantsLogin(reason) {
		state = StateLogin
	}
	data := upstreamData{Upstream: u.opt.Name, State: state.String()}
	text := fmt.Sprintf("upstream %q is %s", u.opt.Name, state)
	switch state {
	case StateLogin:
		data.Reason = reasonOf(reason)
		text = fmt.Sprintf("upstream %q wants a login: %v", u.opt.Name, reason)
	case StateWaiting:
		left := max(time.Millisecond, time.Until(retry)).Round(time.Millisecond)
		data.RetryAfter, data.Reason = left.Milliseconds(), reasonOf(reason)
		text = fmt.Sprintf("upstream %q is not there, it is tried again in %v: %v",
			u.opt.Name, left, reason)
	}
	return &mcp.Error{Code: codec.ErrUpstream.Code, Message: text, Data: data}
}

// fault is the answer to a call that brought no answer.
func (u *Upstream) fault(err error) error {
	err = u.withCure(err)
	code, text := codec.ErrUpstream.Code, "did not answer"
	switch {
	case errors.Is(err, client.ErrTimeout):
		code, text = codec.ErrTimeout.Code, fmt.Sprintf("did not answer within %v", u.opt.Timeout)
		if errors.Unwrap(err) != nil { // not that of the whole call, which says nothing more
			text = "did not answer in time"
		}
	case errors.Is(err, client.ErrOverloaded):
		code, text = codec.ErrOverloaded.Code, "has too many calls to answer"
	}
	u.mu.Lock()
	state := u.state
	u.past.call, u.past.callAt = err, time.Now()
	u.mu.Unlock()
	data := upstreamData{Upstream: u.opt.Name, State: state.String(), Reason: reasonOf(err)}
	var refusal *client.HTTPError
	if errors.As(err, &refusal) {
		data.RetryAfter = refusal.RetryAfter.Milliseconds()
	}
	return &mcp.Error{
		Code: code, Message: fmt.Sprintf("upstream %q %s: %v", u.opt.Name, text, err), Data: data,
	}
}
