package server

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// foreignTask is what the id of an upstream's task says to us. Clients get it sealed for the
// principal that made the task: nobody can guess another's, and nothing is kept here.
type foreignTask struct {
	Upstream string `json:"u"`
	ID       string `json:"i"`
}

// foreignTaskPrefix begins the ids of upstreams' tasks; those of our own have no point.
const foreignTaskPrefix = "up."

// foreignTaskTTL is how long an id is good for: a task may outlive what is said of it at first.
const foreignTaskTTL = 30 * 24 * time.Hour

// ReplyTask ends a tools/call with a task that an upstream has made of it. result is the raw
// CreateTaskResult.
func (c *Call) ReplyTask(upstream string, result []byte) {
	id, ok := codec.StringContent(codec.Find(result, "taskId"))
	if !ok || !c.request.Version.Modern() || !declaresTasks(c.request.Capabilities) {
		c.Fail(codec.ErrInternal.With("upstream %q made a task that cannot be used", upstream))
		return
	}
	plain, err := json.Marshal(foreignTask{upstream, string(id)})
	if err != nil {
		c.Fail(err)
		return
	}
	sealed := c.s.ring.Append([]byte(foreignTaskPrefix), plain, taskBinding(c.view, c.principal),
		time.Now().Add(foreignTaskTTL))
	c.reply(gateway.WithTaskID(result, string(sealed)), resultTask)
}

// taskBinding is what the id of an upstream's task is bound to: who made the task, and where.
func taskBinding(v *view, principal string) []byte {
	return binding(v, principal, mcp.MethodTasksGet, "", nil)
}

// openTask reads an id that ReplyTask gave out on the view to the principal; nil when it did not.
func (v *view) openTask(id, principal string) *foreignTask {
	sealed, ours := strings.CutPrefix(id, foreignTaskPrefix)
	if !ours {
		return nil
	}
	plain, err := v.s.ring.Open([]byte(sealed), taskBinding(v, principal), time.Now())
	var t foreignTask
	if err != nil || json.Unmarshal(plain, &t) != nil {
		return nil
	}
	return &t
}

// makeForeignTasks makes what the methods of tasks run for upstreams' tasks.
func (s *Server) makeForeignTasks() {
	s.foreignTasks = work{async: func(c *Call) {
		if !c.carryTask() {
			c.Fail(inBand(codec.ErrInvalidParams.With("unknown task %.64q", c.request.Params.Name)))
		}
	}}
}

// carryTask hands a request about a task to the upstream whose task it is; false when there is
// none.
func (c *Call) carryTask() bool {
	t := c.view.openTask(c.request.Params.Name, c.principal)
	if t == nil {
		return false
	}
	p := c.s.placeOf(t.Upstream)
	if p == nil {
		return false
	}
	return p.hand(c, func(g *guest) { g.up.Task(c, c.Request, c.method, t.ID) })
}

// taskInterest is which tasks of upstreams clients listen to, by the ids that they use.
type taskInterest struct {
	mu sync.Mutex // guards of
	of map[string]*heardTask
}

type heardTask struct {
	at    *place
	id    string // at the upstream
	count int    // who wants to know: audiences, and listens that are about to join one
}

// hold notes that a client is about to listen to a task. release takes it back.
func (n *taskInterest) hold(id string, at *place, own string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.of == nil {
		n.of = map[string]*heardTask{}
	}
	if n.of[id] == nil {
		n.of[id] = &heardTask{at: at, id: own}
	}
	n.of[id].count++
}

func (n *taskInterest) release(ids []string) {
	for _, id := range ids {
		n.change(id, -1)
	}
}

// change counts who wants to know of a task in or out, and has its upstream told.
func (n *taskInterest) change(id string, by int) {
	n.mu.Lock()
	t := n.of[id]
	if t == nil {
		n.mu.Unlock()
		return // a task of our own
	}
	if t.count += by; t.count <= 0 {
		delete(n.of, id)
	}
	n.mu.Unlock()
	t.at.heed()
}

// wanted are the upstream's ids of the tasks of p that clients listen to.
func (n *taskInterest) wanted(p *place) (own []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range n.of {
		if t.at == p {
			own = append(own, t.id)
		}
	}
	return own
}

// ids are those that clients use for a task of p.
func (n *taskInterest) ids(p *place, own []byte) (ids []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, t := range n.of {
		if t.at == p && t.id == string(own) {
			ids = append(ids, id)
		}
	}
	return ids
}

// foreignTasksOf keeps the ids of upstreams' tasks that are the principal's.
func (v *view) foreignTasksOf(ids []string, principal string) (own []string) {
	for _, id := range ids {
		if t := v.openTask(id, principal); t != nil && v.s.placeOf(t.Upstream) != nil {
			own = append(own, id)
		}
	}
	return own
}

// holdTasks holds the upstreams' tasks among those that a client is about to listen to.
func (v *view) holdTasks(ids []string, principal string) (held []string) {
	for _, id := range ids {
		t := v.openTask(id, principal)
		if t == nil {
			continue
		}
		if p := v.s.placeOf(t.Upstream); p != nil {
			v.s.interest.tasks.hold(id, p, t.ID)
			held = append(held, id)
		}
	}
	return held
}

// taskChanged tells whoever listens to a task of g what has become of it, on g's loop.
func (g *guest) taskChanged(params []byte) {
	s := g.at.s
	own, _ := codec.StringContent(codec.Find(params, "taskId"))
	for _, id := range s.interest.tasks.ids(g.at, bytes.Clone(own)) {
		s.tellTask(id, gateway.WithTaskID(params, id))
	}
}
