package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// Ask is a request that a legacy server makes of its client: elicitation/create,
// sampling/createMessage, roots/list. Answer, AnswerError or Refuse ends it, once, at any time and
// from any goroutine; until then it counts against Options.AsksMax.
type Ask struct {
	Method string
	Params []byte // raw JSON object, nil for none; valid for good
	// Call is the call in flight that the server asks on behalf of. Over Streamable HTTP it is the
	// one on whose stream the request came. Where all calls share a stream, and on the stream that
	// belongs to no call, it is the one that waits for the task that the request names; else the
	// only call in flight that may ask (tools/call, prompts/get, resources/read), unless one of
	// another Party was given up within the last minute, which the server may not have heard yet.
	// It may have ended meanwhile. Nil: there is none, or it is one of Among.
	Call *Call
	// Among are the calls in flight, as the request came, one of which it is for: all of them are
	// of one Party, and so are those that were given up. Nil: there is Call, or it cannot be told.
	Among []*Call

	m   *Mux
	id  []byte // raw JSON
	ctx context.Context
	end context.CancelCauseFunc
}

// Why the Context of an Ask ends.
var (
	// ErrAnswered: somebody has ended it.
	ErrAnswered = errors.New("client: the server's request has been answered")
	// ErrRetracted: the server wants no answer any more.
	ErrRetracted = errors.New("client: the server has cancelled its request")
	// ErrCallEnded: the call that it was made for has ended.
	ErrCallEnded = errors.New("client: the call that the server asked for has ended")
)

func newAsk(m *Mux, msg *codec.Message) *Ask {
	a := &Ask{
		Method: string(msg.Method), Params: bytes.Clone(msg.Params), m: m,
		id: bytes.Clone(msg.ID),
	}
	a.ctx, a.end = context.WithCancelCause(context.Background())
	return a
}

// Context ends when the request needs no answer any more, with ErrAnswered, ErrRetracted,
// ErrCallEnded, or why the connection ended.
func (a *Ask) Context() context.Context { return a.ctx }

// Answer sends result, a raw JSON object that is read until it returns. An error: the request has
// ended before, for the reason that Context tells, or the answer could not be sent.
func (a *Ask) Answer(result []byte) error {
	return a.settle(func(id []byte) []byte { return codec.AppendResult(nil, id, result) })
}

// AnswerError sends a raw JSON-RPC error object, as a client of ours gave it.
func (a *Ask) AnswerError(raw []byte) error {
	return a.settle(func(id []byte) []byte {
		out := append([]byte(`{"jsonrpc":"2.0","id":`), id...)
		return append(append(append(out, `,"error":`...), raw...), '}')
	})
}

// Refuse sends e.
func (a *Ask) Refuse(e *mcp.Error) error {
	raw, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("cannot refuse %q of the server: %w", a.Method, err)
	}
	return a.AnswerError(raw)
}

func (a *Ask) settle(encode func(id []byte) []byte) error {
	if !a.m.asks.remove(a) {
		return fmt.Errorf("cannot answer %q of the server: %w", a.Method, context.Cause(a.ctx))
	}
	a.end(ErrAnswered)
	return a.m.reply(encode(a.id))
}

// asks are the requests of the server that nobody has answered. Safe for concurrent use.
type asks struct {
	max  int
	open atomic.Int32 // len(list), for those who look only whether there are any
	mu   sync.Mutex   // guards the rest
	list map[string]*Ask
	why  error // of the connection's end; nil: it has not ended
}

// some tells whether there is any, without waiting for anybody.
func (t *asks) some() bool { return t.open.Load() > 0 }

func (t *asks) len() int { return int(t.open.Load()) }

// add registers a; otherwise the server is answered with the fault.
func (t *asks) add(a *Ask) *codec.Error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.why != nil:
		return codec.ErrInternal.With("the connection ends")
	case t.list[string(a.id)] != nil:
		return codec.ErrInvalidRequest.With("the id of a request that is not answered yet")
	case len(t.list) >= t.max:
		return codec.ErrOverloaded.With("%d requests wait for an answer", t.max)
	}
	if t.list == nil {
		t.list = map[string]*Ask{}
	}
	t.list[string(a.id)] = a
	t.open.Store(int32(len(t.list)))
	return nil
}

// remove takes a out; false when it was not there any more.
func (t *asks) remove(a *Ask) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.list[string(a.id)] != a {
		return false
	}
	delete(t.list, string(a.id))
	t.open.Store(int32(len(t.list)))
	return true
}

// retract ends the request with that id, which its server has cancelled.
func (t *asks) retract(id []byte) bool {
	t.mu.Lock()
	a := t.list[string(id)]
	t.mu.Unlock()
	if a == nil || !t.remove(a) {
		return false
	}
	a.end(ErrRetracted)
	return true
}

// endOf ends what was asked on behalf of c. The server is told, as each request has an answer.
func (t *asks) endOf(c *Call) {
	t.mu.Lock()
	var of []*Ask
	for _, a := range t.list {
		if a.Call == c {
			of = append(of, a)
		}
	}
	t.mu.Unlock()
	for _, a := range of {
		if t.remove(a) {
			a.end(ErrCallEnded)
			ended := codec.ErrInternal.With("the call that it was asked for has ended")
			_ = a.m.reply(codec.AppendError(nil, a.id, ended, nil)) // it is only a courtesy
		}
	}
}

// close ends all of them, and lets no more in.
func (t *asks) close(err error) {
	t.mu.Lock()
	left := t.list
	t.list, t.why = nil, err
	t.open.Store(0)
	t.mu.Unlock()
	for _, a := range left {
		a.end(err)
	}
}
