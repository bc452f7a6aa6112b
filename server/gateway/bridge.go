package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// The era bridge. What an upstream asks of a client's user, model or host reaches that client, of
// whatever revision either is. A modern upstream answers with input_required, and is called again
// with what the client says; nothing is kept here meanwhile. A legacy one asks in the middle of the
// call, which is held (held.go). Caller.RequireInput does the same for both eras of clients.

// bridged is what a client carries for us from being asked to its answer, sealed.
type bridged struct {
	State json.RawMessage `json:"s,omitempty"` // requestState of a modern upstream
	Held  string          `json:"h,omitempty"` // the call that a legacy one has not answered
	Again bool            `json:"a,omitempty"` // a legacy one is called again, see bridge_url.go
}

// retries tells whether a client has answered what was asked, or says so.
func retries(req *mcp.Request) bool {
	return req.InputState != nil || req.InputResponses != nil || req.InputRefusals != nil
}

// carryOn is Call for a client that has answered.
func (i *Item) carryOn(c Caller, req *mcp.Request) {
	var state bridged
	if _, err := req.State(&state); err != nil {
		c.Fail(err)
		return
	}
	switch {
	case state.Held != "":
		i.up.held.resume(i.up, state.Held, c, req)
		return
	case state.Again:
		i.callAgain(c, req)
		return
	}
	for key, raw := range req.InputRefusals { // which no modern upstream can be told
		c.Fail(fmt.Errorf("the client refused %q: %w", key, rpcError(raw)))
		return
	}
	params := withInput(i.appendParams(nil, req), req.InputResponses, state.State)
	i.begin(newForward(), c, req, i.Kind.Use(), params)
}

// withInput adds to a modern upstream's params what the client has answered, and the upstream's own
// state as it came; nil: it had none.
func withInput(params []byte, responses map[string]json.RawMessage, state []byte) []byte {
	out := append(params[:len(params)-1], `,"inputResponses":{`...) // behind a name or a URI
	for n, key := range slices.Sorted(maps.Keys(responses)) {
		if n > 0 {
			out = append(out, ',')
		}
		out = append(append(codec.AppendString(out, key), ':'), responses[key]...)
	}
	out = append(out, '}')
	if state != nil {
		out = append(append(out, `,"requestState":`...), state...)
	}
	return append(out, '}')
}

// need reads what a modern upstream asks for (2026-07-28 schema: InputRequiredResult).
func need(result []byte) (*mcp.InputRequired, error) {
	var wire struct {
		Requests map[string]struct {
			Method string          `json:"method"`
			Params json.RawMessage `json:"params"`
		} `json:"inputRequests"`
		State json.RawMessage `json:"requestState"`
	}
	if err := json.Unmarshal(result, &wire); err != nil {
		return nil, fmt.Errorf("%w: its inputRequests cannot be read", client.ErrAnswer)
	}
	all := &mcp.InputRequired{Relay: true, Requests: mcp.InputRequests{}}
	for key, r := range wire.Requests {
		one := &mcp.RawInput{Method: r.Method, Params: r.Params}
		if !one.Known() {
			return nil, fmt.Errorf("%w: it asks for %.64q", client.ErrAnswer, r.Method)
		}
		all.Requests[key] = one
	}
	if len(wire.Requests) == 0 && wire.State == nil {
		return nil, fmt.Errorf("%w: it asks for input and names none", client.ErrAnswer)
	}
	if wire.State != nil {
		all.State = bridged{State: wire.State}
	}
	return all, nil
}

// require asks the client for what the upstream needs before it answers.
func (u *Upstream) require(c Caller, result []byte) {
	asked, err := need(result)
	if err != nil {
		u.count.failed.Add(1)
		c.Fail(u.fault(err))
		return
	}
	u.count.asks.Add(uint64(len(asked.Requests)))
	c.RequireInput(asked)
}

// able are the capabilities that a modern upstream is told: those of the client whose call it is. A
// legacy client may say that it can take a task, as all its revisions are told, and has no way to.
func able(capabilities json.RawMessage, v mcp.Version) []byte {
	if len(capabilities) == 0 {
		return []byte("{}")
	}
	extensions := codec.Find(capabilities, "extensions")
	if !v.Modern() && codec.Find(extensions, mcp.ExtensionTasks) != nil {
		return withoutTasks(capabilities)
	}
	return capabilities
}

// legacyAble is what a legacy upstream is told in initialize, before anybody knows which clients
// will come: what theirs cannot is refused when it is asked for.
var legacyAble = json.RawMessage(
	`{"sampling":{"tools":{}},"elicitation":{"form":{},"url":{}},"roots":{}}`)

// asked takes a request that a legacy upstream makes in the middle of a call, on its loop.
func (u *Upstream) asked(a *client.Ask) {
	q := question{ask: a, raw: &mcp.RawInput{Method: a.Method, Params: withoutTask(a.Params)}}
	if !q.raw.Known() {
		u.refuseAsk(a, errMethodNotFound("method not found"))
		return
	}
	if a.Call == nil && len(a.Among) == 0 {
		u.refuseAsk(a, errMethodNotFound("cannot tell which client is asked: no call is under way "+
			"on this connection, or those of several clients; to keep them apart, set share: "+
			"session for this upstream, or share: call"))
		return
	}
	u.ask(q)
}

// ask hands a question to a call that it may be for. One of them may end at any moment; who ends it
// and who asks on its behalf settle by forward.held who came first. Safe for concurrent use.
func (u *Upstream) ask(q question) {
	fault := &mcp.Error{
		Code: codec.ErrInternal.Code, Message: "the call that it was asked for has ended",
	}
	for _, c := range append([]*client.Call{q.ask.Call}, q.ask.Among...) {
		f := forwardOf(c)
		if f == nil {
			continue
		}
		taken, why := f.hold(q)
		if taken {
			u.count.asks.Add(1)
			return
		}
		if why != nil {
			fault = why
		}
	}
	u.refuseAsk(q.ask, fault)
}

func (u *Upstream) refuseAsk(a *client.Ask, fault *mcp.Error) {
	u.count.asksRefused.Add(1)
	_ = a.Refuse(fault) // the connection may have ended, or the call
}

func errMethodNotFound(text string) *mcp.Error {
	return &mcp.Error{Code: codec.ErrMethodNotFound.Code, Message: text}
}

func forwardOf(c *client.Call) *forward {
	if c == nil {
		return nil
	}
	f, _ := c.Tag.(*forward)
	return f
}

// errNotAnswered: a held call's client has not come back.
var errNotAnswered = errors.New("gateway: the client has not answered in time")
