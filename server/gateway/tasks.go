package gateway

import (
	"errors"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// Tasks of modern upstreams (SEP-2663). A client that can take a task may get one of the upstream;
// it asks for it under an id that the server has made of the upstream's, see Caller.ReplyTask, and
// the server comes back with the upstream's own.

// errTask comes with a result that is a task and no answer yet.
var errTask = errors.New("gateway: the upstream has made a task of the call")

// Task carries tasks/get, tasks/update or tasks/cancel about a task of the upstream, which it knows
// by the id own. req.Params are the client's: Arguments all of them, Name the id that it uses.
func (u *Upstream) Task(c Caller, req *mcp.Request, m mcp.Method, own string) {
	i := &Item{
		Kind: mcp.KindTool, Name: m.String(), up: u, own: own, use: u.tasks,
		twice: m == mcp.MethodTasksGet,
	}
	params := WithTaskID(req.Params.Arguments, own)
	i.begin(newForward(), taskCaller{c, req.Params.Name}, req, m, params)
}

// taskCaller is a client that asks for a task: it reads the id that it has asked by.
type taskCaller struct {
	Caller
	id string
}

// ReplyRaw implements Caller.
func (c taskCaller) ReplyRaw(result []byte) {
	if codec.Find(result, "taskId") != nil {
		result = WithTaskID(result, c.id)
	}
	c.Caller.ReplyRaw(result)
}

// WithTaskID returns a task, or params about one, with another id, less a _meta that speaks of a
// subscription. object is valid JSON.
func WithTaskID(object []byte, id string) []byte {
	out := append(make([]byte, 0, len(object)+len(id)+16), '{')
	add := func(m member) {
		out = append(append(append(append(out, m.key...), ':'), m.value...), ',')
	}
	_ = eachMember(object, func(m member) { // the scanner has passed it
		switch {
		case string(m.key) == `"taskId"`:
		case string(m.key) == `"_meta"` && codec.Find(m.value, mcp.MetaSubscriptionID) != nil:
		default:
			add(m)
		}
	})
	out = codec.AppendString(append(out, `"taskId":`...), id)
	return append(out, '}')
}

// withoutTasks returns capabilities of a client less that it can take a task. They are valid JSON.
func withoutTasks(capabilities []byte) []byte {
	return less(capabilities, func(m member) []byte {
		if string(m.key) != `"extensions"` {
			return m.value
		}
		return less(m.value, func(m member) []byte {
			if key, _ := codec.StringContent(m.key); string(key) == mcp.ExtensionTasks {
				return nil
			}
			return m.value
		})
	})
}

// less returns object with what keep makes of each member; nil: without it.
func less(object []byte, keep func(member) []byte) []byte {
	out := append(make([]byte, 0, len(object)), '{')
	_ = eachMember(object, func(m member) { // the scanner has passed it
		if value := keep(m); value != nil {
			out = append(append(append(append(out, m.key...), ':'), value...), ',')
		}
	})
	if last := len(out) - 1; out[last] == ',' {
		out = out[:last]
	}
	return append(out, '}')
}

// tasksAbility is what a request says of its client that speaks of tasks.
var tasksAbility = []byte(`{"extensions":{"` + mcp.ExtensionTasks + `":{}}}`)
