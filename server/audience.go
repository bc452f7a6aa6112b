package server

import (
	"slices"
	"sync"
)

// topic is what single listeners want to be told of: a resource of a view, or a task.
type topic struct {
	view *view // nil of a task
	task bool
	name string // URI or id
}

// audience finds a loop's listeners by topic, so that an update costs what its own listeners cost,
// however many others there are. It holds no more than they have asked for, which
// Limits.Subscriptions bounds, and nothing of listeners who asked for lists alone. Safe for
// concurrent use: a legacy session subscribes on any loop.
type audience struct {
	mu sync.Mutex // guards of
	of map[topic]map[*stream]struct{}

	interest *interest // is told of the first who wants a topic, and of the last
}

func (a *audience) join(st *stream, on topic) {
	if a.enter(st, on) {
		a.interest.change(on, 1)
	}
}

func (a *audience) leave(st *stream, on topic) {
	if a.exit(st, on) {
		a.interest.change(on, -1)
	}
}

// enter reports whether st is the first who wants the topic.
func (a *audience) enter(st *stream, on topic) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of == nil {
		a.of = map[topic]map[*stream]struct{}{}
	}
	all := a.of[on]
	if all == nil {
		all = make(map[*stream]struct{}, 1)
		a.of[on] = all
	}
	all[st] = struct{}{}
	return len(all) == 1
}

// exit reports whether st was the last one.
func (a *audience) exit(st *stream, on topic) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	all, there := a.of[on]
	if delete(all, st); len(all) == 0 {
		delete(a.of, on)
	}
	if len(a.of) == 0 {
		a.of = nil // maps do not shrink
	}
	return there && len(all) == 0
}

// appendTo appends who wants to be told of a topic.
func (a *audience) appendTo(list []*stream, on topic) []*stream {
	a.mu.Lock()
	defer a.mu.Unlock()
	list = slices.Grow(list, len(a.of[on]))
	for st := range a.of[on] {
		list = append(list, st)
	}
	return list
}

// topics calls do with everything that a listen asks to be told of.
func (f *filter) topics(v *view, do func(topic)) {
	for _, uri := range f.uris {
		do(topic{view: v, name: uri})
	}
	for _, id := range f.tasks {
		do(topic{task: true, name: id})
	}
}

// topics calls do with every resource of v that its session has subscribed to. u.mu must be held.
func (u *subscriptions) topics(v *view, do func(topic)) {
	for uri := range u.uris {
		do(topic{view: v, name: uri})
	}
}

// home is the loop that tells the stream.
func (st *stream) home() *loopState {
	switch {
	case st.get != nil:
		return st.get.ls
	case st.line != nil:
		return st.line.ls
	}
	return st.http.ls
}
