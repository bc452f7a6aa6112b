package gateway

import (
	"fmt"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// Tasks of legacy upstreams (2025-11-25, basic/utilities/tasks). A tool that can be called as a
// task only is called as one for every client: what the client waits for is tasks/result, on whose
// stream the upstream asks, too.

// mustTask tells whether a tool of a legacy upstream can be called as a task only.
func mustTask(c *client.Client, definition []byte) bool {
	return string(codec.Find(codec.Find(definition, "execution"), "taskSupport")) == `"required"` &&
		hasTasks(c)
}

// hasTasks tells whether calls of a legacy upstream's tools may become tasks.
func hasTasks(c *client.Client) bool {
	requests := codec.Find(codec.Find(c.ServerCapabilities(), "tasks"), "requests")
	return !c.Version().Modern() && codec.Find(codec.Find(requests, "tools"), "call") != nil
}

// asTask has the call made as a task, if the tool can be called in no other way. Its result is kept
// for as long as anybody may wait for it.
func (f *forward) asTask() {
	if f.method != mcp.MethodToolsCall || !mustTask(f.live, f.item.Raw) {
		return
	}
	ttl := f.item.up.opt.Timeout + f.item.up.opt.AskTimeout
	last := len(f.Params) - 1
	f.Params = fmt.Appendf(f.Params[:last], `,"task":{"ttl":%d}}`, ttl.Milliseconds())
	f.becomes = true
	f.caller.Keep() // its client may give up while the next request is sent
}

// named tells whether all that the call has begun can be named to end it. A call that asks has not
// become a task yet.
func (f *forward) named() bool {
	h := f.held.Load()
	return !f.becomes || h != nil && h != unheld
}

// follow waits for the result of the task that the call has become; false: it is none.
func (f *forward) follow(a client.Answer) bool {
	if !f.becomes {
		return false
	}
	id := codec.Find(codec.Find(a.Result, "task"), "taskId")
	name, ok := codec.StringContent(id)
	if !ok {
		return false
	}
	params := append(append([]byte(`{"taskId":`), id...), '}')
	next := newForward()
	f.item.fill(next, f.caller, f.live, f.method, params, f.version, f.token)
	next.Method, next.Headers, next.task = mcp.MethodTasksResult.String(), nil, params
	left := f.left()
	next.trial, next.Timeout = f.trial, max(left, time.Millisecond)
	next.spent = f.item.up.opt.Timeout - left
	next.FirstByte, next.BetweenBytes = 0, 0 // there is nothing to say before it has ended
	next.again = true                        // the task runs, nothing is to be sent again
	next.lease = f.lease
	next.Task = string(name)
	next.Party, next.capabilities = f.Party, f.capabilities
	next.hearLogs(f.level)
	next.begin()
	return true
}

// abandon ends the task whose result is no longer waited for, if there is one.
func (f *forward) abandon() {
	if f.task == nil {
		return
	}
	_ = f.live.Mux().Start(&client.Call{ // a server that has gone has ended it
		Method: mcp.MethodTasksCancel.String(), Params: f.task, Timeout: f.item.up.opt.Timeout,
		Done: func(*client.Call, client.Answer) {},
	})
}

// withoutTask returns params of an upstream's request less what says which of its tasks it is of:
// the client knows of none. params are valid JSON.
func withoutTask(params []byte) []byte {
	if codec.Find(codec.Find(params, "_meta"), mcp.MetaRelatedTask) == nil {
		return params
	}
	return less(params, func(m member) []byte {
		if string(m.key) != `"_meta"` {
			return m.value
		}
		rest, _ := withoutOurs(nil, m.value) // the scanner has passed it
		return rest
	})
}
