package server

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// stream is somebody who is told of changes: an open subscriptions/listen (2026-07-28,
// basic/patterns/subscriptions), the GET stream of a legacy session, or a legacy peer on a line
// door. It belongs to its connection's loop.
type stream struct {
	view   *view  // whose changes it is told of
	asked  *asked // by a listen
	legacy *peer  // instead: told of every list, and of what it subscribed to
	get    *getStream
	http   *httpConn // who carries it; of a GET stream sometimes nobody
	line   *lineConn // instead of http
	index  int32     // in loopState.listeners, -1: not there
	since  uint32    // the last round that began before it listened
	round  uint32    // the last round it was told of lists in
}

// asked is what opened a subscriptions/listen.
type asked struct {
	id     []byte // raw JSON of the request's id: the subscription's id
	filter filter
	who    string // the principal, if it asked for single resources
}

// filter is what a listen asked for and the server honours (schema: SubscriptionFilter).
type filter struct {
	kinds kindSet
	uris  []string
	tasks []string
}

// wants tells whether a notification is for st, which was found in the audience if it is of a
// single topic.
func (st *stream) wants(n *notice) bool {
	switch {
	case n.view != nil && n.view != st.view:
		return false
	case st.legacy != nil: // who may have unsubscribed meanwhile
		return n.task == "" && (n.uri == "" || st.legacy.subscribed(n.uri, n.keeper))
	case n.keeper != nil:
		return n.keeper.Admits(st.asked.who)
	case n.task != "" || n.uri != "":
		return true
	}
	return st.asked.filter.kinds.has(n.kind)
}

// listen opens a stream: the acknowledgement is its first message, the answer its last.
func (s *Server) listen(in *inbound, out []byte) []byte {
	wanted, fault := s.readFilter(in)
	if fault == codec.ErrMissingCapability {
		fault, data := mcp.WireError(missingTasks(), in.version)
		return in.fail(out, fault, data)
	}
	if fault == nil && s.draining.Load() {
		fault = codec.ErrOverloaded.With("the server is shutting down")
	}
	if fault != nil {
		return in.fail(out, inBand(fault), nil)
	}
	if !s.takeStream() {
		return in.fail(out, codec.ErrOverloaded.With("limits.streams is reached"), nil)
	}
	st := &stream{view: in.view, asked: &asked{id: bytes.Clone(in.msg.ID), filter: wanted}}
	if len(wanted.uris) > 0 {
		st.asked.who = in.principal()
	}
	defer s.interest.tasks.release(in.view.holdTasks(wanted.tasks, in.principal()))
	switch from := in.origin.(type) {
	case *lineConn:
		st.line = from
		from.open.add(in.ls, st)
	case *httpConn:
		st.http = from
		from.open.add(in.ls, st)
		from.beginListen(st)
		in.pending = true
	}
	return append(out, st.acknowledge()...)
}

// takeStream counts one more stream; false at the limit.
func (s *Server) takeStream() bool {
	if s.streams.Add(1) > int64(s.opt.Limits.Streams) {
		s.streams.Add(-1)
		return false
	}
	return true
}

// readFilter reads what is asked for and keeps what this server can tell of.
func (s *Server) readFilter(in *inbound) (f filter, fault *codec.Error) {
	raw := in.msg.Param("notifications")
	var asked struct {
		Tools     bool     `json:"toolsListChanged"`
		Prompts   bool     `json:"promptsListChanged"`
		Resources bool     `json:"resourcesListChanged"`
		URIs      []string `json:"resourceSubscriptions"`
		Tasks     []string `json:"taskIds"` // SEP-2663
	}
	if raw == nil || raw[0] != '{' || json.Unmarshal(raw, &asked) != nil {
		return f, codec.ErrInvalidParams.With("notifications must be an object as the " +
			"specification's SubscriptionFilter")
	}
	n := len(asked.URIs) + len(asked.Tasks)
	set := func(kind listKind, on bool) {
		if on {
			f.kinds |= 1 << kind
		}
	}
	set(listTools, asked.Tools)
	set(listPrompts, asked.Prompts && in.view.hasPrompts())
	if in.view.hasResources() {
		set(listResources, asked.Resources)
		f.uris = in.view.open(asked.URIs, in)
	}
	if len(asked.Tasks) > 0 && in.view.about.Load().tasks {
		if !declaresTasks(in.capabilities()) {
			return f, codec.ErrMissingCapability
		}
		f.tasks = in.view.foreignTasksOf(asked.Tasks, in.principal())
		if in.view == &s.view {
			f.tasks = append(f.tasks, s.ownTasks(asked.Tasks, in.principal())...)
		}
	}
	if most := s.opt.Limits.Subscriptions; n > most {
		return f, codec.ErrInvalidParams.With("%d resources and tasks are asked for; "+
			"limits.subscriptions is %d", n, most)
	}
	return f, nil
}

// open are those of uris that the client of in may be told of, as far as it is known by now.
func (v *view) open(uris []string, in *inbound) []string {
	return slices.DeleteFunc(uris, func(uri string) bool {
		up := v.keeper([]byte(uri))
		if up == nil || up.Admits(in.principal()) {
			return false
		}
		_ = up.Turned() // the acknowledgement says it
		return true
	})
}

// append appends the honoured filter as the acknowledgement has it.
func (f *filter) append(dst []byte) []byte {
	wire := struct {
		Tools     bool     `json:"toolsListChanged,omitempty"`
		Prompts   bool     `json:"promptsListChanged,omitempty"`
		Resources bool     `json:"resourcesListChanged,omitempty"`
		URIs      []string `json:"resourceSubscriptions,omitempty"`
		Tasks     []string `json:"taskIds,omitempty"`
	}{
		f.kinds.has(listTools), f.kinds.has(listPrompts), f.kinds.has(listResources), f.uris,
		f.tasks,
	}
	raw, err := json.Marshal(&wire)
	if err != nil {
		panic("BUG: cannot encode a filter: " + err.Error())
	}
	return append(dst, raw...)
}

// beginListen opens the event stream of an HTTP exchange.
func (hc *httpConn) beginListen(st *stream) {
	hc.expect(nil)
	hc.mu.Lock()
	defer hc.mu.Unlock()
	hc.reply.stream = st
	hc.beginStream()
}

// acknowledge sends the acknowledgement: over HTTP as the stream's first event, else it is
// returned and leaves with the other answers of the wake-up.
func (st *stream) acknowledge() []byte {
	params := append([]byte(nil), `{"_meta":{"`+mcp.MetaSubscriptionID+`":`...)
	params = append(params, st.asked.id...)
	params = st.asked.filter.append(append(params, `},"notifications":`...))
	message := codec.AppendNotification(nil, mcp.NotifyAcknowledged, append(params, '}'))
	if st.http == nil {
		return message
	}
	st.send(message)
	return nil
}

// send sends one message on the stream. message has room for a line's end or is copied.
func (st *stream) send(message []byte) {
	if st.line != nil {
		_ = st.line.notify(nil, message)
		return
	}
	st.http.mu.Lock()
	defer st.http.mu.Unlock()
	if st.http.reply.stream == st {
		_ = st.http.event(message)
	}
}

// end ends a listen gracefully, with its answer.
func (st *stream) end() {
	result := append([]byte(nil), `{"resultType":"complete","_meta":{"`+
		mcp.MetaSubscriptionID+`":`...)
	result = append(append(result, st.asked.id...), `}}`...)
	st.send(codec.AppendResult(nil, st.asked.id, result))
	if st.http == nil {
		return
	}
	st.http.mu.Lock()
	defer st.http.mu.Unlock()
	if st.http.reply.stream == st {
		st.http.endStream()
	}
}

// streamSet is the open listens of one connection. It belongs to the connection's loop.
type streamSet []*stream

// add opens a stream that takeStream has counted.
func (set *streamSet) add(ls *loopState, st *stream) {
	*set = append(*set, st)
	ls.addListener(st)
	st.asked.filter.topics(st.view, func(on topic) { ls.audience.join(st, on) })
	ls.count.streams.Add(1)
}

// remove closes the streams that match: gracefully with their answer, or without a further word
// because the client has gone or wants none.
func (set *streamSet) remove(ls *loopState, match func(*stream) bool, graceful bool) {
	left := (*set)[:0]
	for _, st := range *set {
		if !match(st) {
			left = append(left, st)
			continue
		}
		ls.removeListener(st)
		st.asked.filter.topics(st.view, func(on topic) { ls.audience.leave(st, on) })
		ls.s.streams.Add(-1)
		if graceful {
			st.end()
		}
	}
	if *set = left; len(left) == 0 {
		*set = nil
	}
}

func everyStream(*stream) bool { return true }

func (ls *loopState) addListener(st *stream) {
	st.index = int32(len(ls.listeners))
	st.since, st.round = ls.rounds, ls.rounds // what was changed before is no news to it
	ls.listeners = append(ls.listeners, st)
}

func (ls *loopState) removeListener(st *stream) {
	last := len(ls.listeners) - 1
	moved := ls.listeners[last]
	ls.listeners[st.index], moved.index = moved, st.index
	st.index = -1
	ls.listeners[last] = nil
	ls.listeners = ls.listeners[:last]
	if c := cap(ls.listeners); c > listenersKeep && last < c/4 {
		ls.listeners = append(make([]*stream, 0, c/2), ls.listeners...)
	}
}

// listenersKeep is the capacity below which the list of listeners is not made smaller.
const listenersKeep = 1024

// cancelListen ends the stream that a client no longer wants; it gets no further message.
func cancelListen(in *inbound, id []byte) {
	if lc, ok := in.origin.(*lineConn); ok {
		lc.open.remove(in.ls, func(st *stream) bool { return bytes.Equal(st.asked.id, id) }, false)
	}
}

// commentAll keeps the open event streams of a loop's listeners alive.
func (ls *loopState) commentAll() {
	ls.endGone()
	for i := len(ls.listeners) - 1; i >= 0; i-- {
		st := ls.listeners[i]
		switch {
		case st.get != nil:
			st.get.comment()
		case st.http != nil:
			st.http.comment()
		}
	}
}
