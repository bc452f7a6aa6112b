package server

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/task"
)

// ask makes the task wait for its client's answers, which tasks/update brings.
func (to *taskOrigin) ask(need *mcp.InputRequired) {
	c := to.call
	if err := c.prepareAsking(need); err != nil {
		c.Fail(err)
		return
	}
	if len(need.Requests) == 0 {
		c.resume()
		return
	}
	raw, err := mcp.AppendInputRequests(nil, need.Requests, c.request.Version)
	if err != nil {
		c.Fail(err)
		return
	}
	c.ls.count.inputAsked.Add(uint64(len(need.Requests)))
	err = to.update(func(t *task.Task) { t.Status, t.Inputs = task.InputRequired, raw })
	if err == nil && c.peer != nil { // not before: an answer must find the task waiting
		err = to.question(need.Requests)
	}
	if err != nil { // nobody would ever be asked
		c.Fail(err)
	}
}

// question asks a legacy client by requests of the server: on the stream of tasks/result, now or
// when the client opens one (2025-11-25, basic/utilities/tasks, "Input Required Status").
func (to *taskOrigin) question(requests mcp.InputRequests) error {
	c := to.call
	var open []question
	for key, r := range requests {
		params, err := mcp.AppendInputRequest(nil, r, c.request.Version)
		if err != nil {
			return err
		}
		id, ok := c.peer.asks.add(c, key, c.s.opt.Input.OpenMax)
		if !ok {
			return codec.ErrOverloaded.With("input.open is reached: %d", c.s.opt.Input.OpenMax)
		}
		params = withRelated(params, to.id)
		message := codec.AppendRequest(nil, id, r.InputMethod(), params)
		open = append(open, question{key, string(id), slices.Clip(message)})
	}
	if c.state.Load() != callPending { // it ended meanwhile, and has taken back what was asked
		c.peer.asks.forget(c)
		return nil
	}
	if w := to.waiting.ask(open); w != nil {
		to.relay(w, open)
	}
	return nil
}

// answered takes a legacy client's answer to one question, in.msg. It runs on the loop, where the
// store must not be waited for.
func (to *taskOrigin) answered(key string, in *inbound) {
	id := string(in.msg.ID)
	if !to.waiting.answered(id) { // in another session
		in.ls.count.strayReplies.Add(1)
		return
	}
	for _, p := range append(to.elsewhere(), to.call.peer) {
		p.asks.take([]byte(id))
	}
	raw := bytes.Clone(bytes.TrimSpace(in.msg.Result))
	var err error
	switch {
	case in.msg.Kind == codec.KindError:
		err = clientRefused(key, in.msg.Error)
	case len(raw) == 0 || raw[0] != '{':
		err = clientMistook(key)
	}
	to.s.tasks.offLoop(func() {
		if err == nil {
			err = to.answer(map[string]json.RawMessage{key: raw})
		}
		if err != nil {
			to.call.Fail(err)
		}
	})
}

// answer takes answers to what was asked for; those to other keys are ignored. An error says that
// none was taken: they may come again.
func (to *taskOrigin) answer(responses map[string]json.RawMessage) error {
	done, err := to.take(responses)
	if done {
		to.call.resume()
	}
	return err
}

// take is answer without going on; done tells that the last answer is there.
func (to *taskOrigin) take(responses map[string]json.RawMessage) (done bool, err error) {
	to.mu.Lock()
	defer to.mu.Unlock()
	open := map[string]json.RawMessage{}
	if to.record.Status != task.InputRequired || json.Unmarshal(to.record.Inputs, &open) != nil {
		return false, nil
	}
	fresh := map[string]json.RawMessage{}
	for key, raw := range responses {
		if _, asked := open[key]; asked {
			fresh[key] = raw
			delete(open, key)
		}
	}
	if len(fresh) == 0 {
		return false, nil
	}
	err = to.change(func(t *task.Task) { t.Status, t.Inputs = stillAsking(open) })
	if err != nil {
		return false, err
	}
	a := &to.call.asking
	a.mu.Lock()
	maps.Copy(a.answers, fresh)
	a.mu.Unlock()
	return len(open) == 0, nil
}

// stillAsking is where a task stands that waits for answers to open.
func stillAsking(open map[string]json.RawMessage) (task.Status, json.RawMessage) {
	if len(open) == 0 {
		return task.Working, nil
	}
	left, err := json.Marshal(open)
	if err != nil {
		panic("BUG: cannot encode what was decoded: " + err.Error())
	}
	return task.InputRequired, left
}
