package gateway

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
)

// listening is one subscriptions/listen of a modern server (2026-07-28,
// basic/patterns/subscriptions).
type listening struct {
	client.Call
	feed  *feed
	uris  map[string]struct{}
	tasks []string // sorted
	began time.Time
}

// listen opens a stream for what is wanted, unless there is one. Both are open until the new one
// was acknowledged, so that nothing is missed between them.
func (f *feed) listen() {
	want, tasks := f.wanted(), f.wantedTasks()
	f.settleForNext()
	f.mu.Lock()
	if f.ended || f.next != nil || f.retry != nil || f.open != nil && f.open.same(want, tasks) {
		f.mu.Unlock()
		return
	}
	l := &listening{feed: f, uris: want, tasks: tasks, began: time.Now()}
	l.Call = client.Call{
		Method: mcp.MethodListen.String(), Params: listenParams(want, tasks), Aside: true,
		Notified: l.notified, Done: l.done,
	}
	if f.next = l; len(tasks) > 0 {
		l.Capabilities = tasksAbility
	}
	f.mu.Unlock()
	if err := f.c.Mux().Start(&l.Call); err != nil {
		l.done(&l.Call, client.Answer{Err: err})
	}
}

// settleForNext takes a stream for acknowledged that its server has not acknowledged in time.
func (f *feed) settleForNext() {
	var old *listening
	f.mu.Lock()
	if f.next != nil && time.Since(f.next.began) > f.u.opt.Timeout {
		old = f.takeOver(f.next)
	}
	f.mu.Unlock()
	if old != nil {
		f.c.Mux().Cancel(&old.Call, errReplaced)
	}
}

// same tells whether l listens to exactly that.
func (l *listening) same(uris map[string]struct{}, tasks []string) bool {
	return maps.Equal(l.uris, uris) && slices.Equal(l.tasks, tasks)
}

// wantedTasks are the tasks that clients listen to, sorted, as far as Options.Subscriptions allows.
func (f *feed) wantedTasks() []string {
	if f.u.host.WantedTasks == nil {
		return nil
	}
	all := f.u.host.WantedTasks()
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), f.u.opt.Subscriptions)]
}

// listenParams ask to be told of every list, of the resources and of the tasks (schema:
// SubscriptionFilter; SEP-2663).
func listenParams(uris map[string]struct{}, tasks []string) []byte {
	filter := map[string]any{
		"toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
	}
	if len(uris) > 0 {
		filter["resourceSubscriptions"] = slices.Sorted(maps.Keys(uris))
	}
	if len(tasks) > 0 {
		filter["taskIds"] = tasks
	}
	raw, err := json.Marshal(map[string]any{"notifications": filter})
	if err != nil {
		panic("BUG: cannot encode a filter: " + err.Error())
	}
	return raw
}

// notified is told of what comes on the stream, on a loop.
func (l *listening) notified(_ *client.Call, method string, params []byte) {
	f := l.feed
	if method != mcp.NotifyAcknowledged {
		f.u.notified(method, params)
		return
	}
	f.mu.Lock()
	var old *listening
	if f.next == l {
		old = f.takeOver(l)
	}
	f.mu.Unlock()
	if old != nil {
		f.c.Mux().Cancel(&old.Call, errReplaced)
	}
	f.u.Heed() // there may be something else to listen to by now
}

// takeOver puts next in the place of open, which is returned. f.mu is held.
func (f *feed) takeOver(next *listening) (old *listening) {
	old = f.open
	f.open, f.next, f.told = next, nil, maps.Clone(next.uris)
	if f.told == nil {
		f.told = map[string]struct{}{}
	}
	f.found(next.uris)
	return old
}

// done is told that the stream has ended. Unless it was replaced there will be another one, and the
// lists are looked at before.
func (l *listening) done(*client.Call, client.Answer) {
	f := l.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	switch l {
	case f.next:
		f.next = nil
	case f.open:
		f.open = nil
		for uri := range f.told {
			f.missed[uri] = struct{}{}
		}
		clear(f.told)
		if time.Since(l.began) > steadyAfter {
			f.wait = f.u.opt.BackoffMin
		}
	default:
		return
	}
	f.later()
}
