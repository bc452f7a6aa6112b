package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// A legacy client is asked by requests of the server (2024-11-05 to 2025-11-25, client/…). The
// handler is the same one: while the client thinks, the call waits in the session's table and holds
// no goroutine and no worker; with the last answer it goes back to the queue.

// asks are the requests of a session that its client has not answered. The zero value is ready.
// Safe for concurrent use.
type asks struct {
	mu     sync.Mutex     // guards the rest
	open   map[string]ask // by raw id
	silent bool           // see silence
}

// ask is one open request.
type ask struct {
	call *Call
	key  string
}

// add registers a request and returns its raw id; false when most are open already.
func (a *asks) add(c *Call, key string, most int) (id []byte, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.open) >= most {
		return nil, false
	}
	if a.open == nil {
		a.open = map[string]ask{}
	}
	id = append(strconv.AppendUint([]byte(`"mcploop-`), c.s.asked.Add(1), 10), '"')
	a.open[string(id)] = ask{c, key}
	return id, true
}

// adopt registers a request of another session that this session's client is asked, too; false when
// most are open already.
func (a *asks) adopt(id string, one ask, most int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, twice := a.open[id]; !twice && len(a.open) >= most {
		return false
	}
	if a.open == nil {
		a.open = map[string]ask{}
	}
	a.open[id] = one
	return true
}

// take returns the request with that id, once.
func (a *asks) take(id []byte) (one ask, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if one, ok = a.open[string(id)]; ok {
		a.drop(string(id))
	}
	return one, ok
}

// drop forgets a request. a.mu must be held.
func (a *asks) drop(id string) {
	if delete(a.open, id); len(a.open) == 0 {
		a.open = nil // a quiet session owns no map
	}
}

// forget drops every request of c and returns their ids.
func (a *asks) forget(c *Call) (ids []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, one := range a.open {
		if one.call == c {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		a.drop(id)
	}
	return ids
}

// asking is what a call that waits for its client has got so far.
type asking struct {
	mu       sync.Mutex // guards left, answers and refusals
	left     int
	answers  map[string]json.RawMessage
	refusals map[string]json.RawMessage // of a round with relay
	relay    bool                       // see mcp.InputRequired; as of its last round
	rounds   atomic.Int32
}

// roundsMax is how often one call may ask, unless each round is the client's own doing.
const roundsMax = 8

// ask sends the requests of need to the client. The call goes on with the last answer.
func (c *Call) ask(need *mcp.InputRequired) {
	if err := c.prepareAsking(need); err != nil {
		c.Fail(err)
		return
	}
	if len(need.Requests) == 0 { // state alone: call again at once
		c.resume()
		return
	}
	c.wait(c.s.adjusted.Load().input)
	for key, r := range need.Requests {
		if err := c.askOne(key, r); err != nil {
			c.Fail(err)
			return
		}
	}
}

// prepareAsking keeps the handler's state for its next run and makes room for the answers.
func (c *Call) prepareAsking(need *mcp.InputRequired) error {
	c.keep()
	if c.asking.rounds.Add(1) > roundsMax && (!need.Relay || len(need.Requests) == 0) {
		return codec.ErrInternal.With("the handler asked more than %d times", roundsMax)
	}
	if need.State != nil {
		state, err := json.Marshal(need.State)
		if err != nil {
			return fmt.Errorf("cannot encode the state of the request: %w", err)
		}
		c.request.InputState = state
	}
	c.asking.mu.Lock()
	defer c.asking.mu.Unlock()
	c.asking.left, c.asking.answers = len(need.Requests), map[string]json.RawMessage{}
	c.asking.relay, c.asking.refusals = need.Relay, nil
	return nil
}

func (c *Call) askOne(key string, r mcp.InputRequest) error {
	params, err := mcp.AppendInputRequest(nil, r, c.request.Version)
	if err != nil {
		return err
	}
	id, ok := c.peer.asks.add(c, key, c.s.opt.Input.OpenMax)
	if !ok {
		return codec.ErrOverloaded.With("input.open is reached: %d", c.s.opt.Input.OpenMax)
	}
	if c.peer.asks.isSilent() {
		c.peer.asks.take(id)
		return errSilent()
	}
	c.telling.Lock()
	defer c.telling.Unlock()
	if c.state.Load() != callPending {
		c.peer.asks.take(id) // the call's end, which forgets what it asked, was before add
		return ErrEnded
	}
	c.catchUp()
	c.ls.count.inputAsked.Add(1)
	return c.origin.notify(c, codec.AppendRequest(nil, id, r.InputMethod(), params))
}

// wait sets how long the call may take from now on.
func (c *Call) wait(d time.Duration) {
	c.telling.Lock()
	defer c.telling.Unlock()
	c.keep()
	c.ls.expiry.remove(c)
	switch {
	case c.state.Load() != callPending:
	case c.timer != nil && d > 0:
		c.timer.Reset(d)
	case c.timer != nil:
		c.timer.Stop()
	case d > 0:
		c.timer = time.AfterFunc(d, c.expire)
	}
}

// answered takes a client's answer to a request of the server: in.msg is a result or an error. An
// answer that nobody waits for in this session is counted and dropped.
func (p *peer) answered(in *inbound) {
	one, ok := p.asks.take(in.msg.ID)
	if !ok {
		in.ls.count.strayReplies.Add(1)
		return
	}
	in.ls.count.inputAnswered.Add(1)
	c := one.call
	if to := c.task(); to != nil {
		to.answered(one.key, in)
		return
	}
	done, err := c.asking.take(one.key, in)
	switch {
	case err != nil:
		c.Fail(err)
	case done:
		c.resume()
	}
}

// take keeps the client's answer to key, and tells whether it was the last one. An error: the call
// cannot go on.
func (a *asking) take(key string, in *inbound) (done bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch raw := bytes.TrimSpace(in.msg.Result); {
	case in.msg.Kind != codec.KindError && (len(raw) == 0 || raw[0] != '{'):
		return false, clientMistook(key)
	case in.msg.Kind != codec.KindError:
		a.answers[key] = bytes.Clone(raw)
	case !a.relay:
		return false, clientRefused(key, in.msg.Error)
	default:
		if a.refusals == nil {
			a.refusals = map[string]json.RawMessage{}
		}
		a.refusals[key] = bytes.Clone(in.msg.Error)
	}
	a.left--
	return a.left == 0, nil
}

// clientRefused and clientMistook are what a tool says whose client gave no answer to key.
func clientRefused(key string, raw []byte) error {
	return fmt.Errorf("the client refused %q: %s", key, refusal(raw))
}

func clientMistook(key string) error {
	return fmt.Errorf("the client answered %q with something that is no object", key)
}

// refusal is the text of a client's error.
func refusal(raw []byte) string {
	var wire struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &wire) != nil {
		return "an error that cannot be read"
	}
	return fmt.Sprintf("%.256s (code %d)", wire.Message, wire.Code)
}

// resume puts the call back into the queue with the answers so far.
func (c *Call) resume() {
	c.telling.Lock()
	if c.state.Load() != callPending {
		c.telling.Unlock()
		return
	}
	c.refs.Add(1) // the next run's; whoever ends the call comes after this lock
	c.telling.Unlock()
	if c.task() == nil { // whose time goes on
		c.wait(c.s.adjusted.Load().call)
	}
	c.gather()
	if c.s.workers.Submit(c.ls.loop.Index(), c) != nil {
		c.failWire(codec.ErrOverloaded, nil)
		c.release()
	}
}

// gather gives the handler's next run what the client has answered.
func (c *Call) gather() {
	answers, before := c.asking.answers, c.request.InputResponses
	if c.asking.relay {
		before = nil
	}
	all := make(map[string]json.RawMessage, len(before)+len(answers))
	maps.Copy(all, before)
	maps.Copy(all, answers)
	c.request.InputResponses, c.request.InputRefusals = all, c.asking.refusals
}

// unask takes back what the client has not answered when the call ends: it need not think further.
func (c *Call) unask() {
	if c.peer == nil || c.asking.rounds.Load() == 0 {
		return
	}
	if to, isTask := c.origin.(*taskOrigin); isTask {
		for _, p := range to.elsewhere() {
			p.asks.forget(c)
		}
	}
	for _, id := range c.peer.asks.forget(c) {
		params := append(append([]byte(`{"requestId":`), id...), '}')
		message := codec.AppendNotification(nil, mcp.MethodCancelled.String(), params)
		if to, isTask := c.origin.(*taskOrigin); isTask {
			to.retract(message)
			continue
		}
		_ = c.origin.notify(c, message)
	}
}
