package server

import (
	"bytes"
	"encoding/json"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/mcp"
)

// stream is an open subscriptions/listen (2026-07-28, basic/subscriptions). It belongs to its
// connection's loop.
type stream struct {
	conn  *loop.Conn
	id    []byte // raw JSON of the request's id: the subscription's id
	tools bool   // toolsListChanged was asked for
	http  *httpConn
}

// listen opens a stream: the acknowledgement is its first message, the answer its last.
func (s *Server) listen(in *inbound, out []byte) []byte {
	filter := in.msg.Param("notifications")
	if filter == nil || filter[0] != '{' {
		fault := codec.ErrInvalidParams.With("notifications must be an object")
		return in.fail(out, inBand(fault), nil)
	}
	if s.streams.Add(1) > int64(s.opt.Limits.Streams) {
		s.streams.Add(-1)
		return in.fail(out, codec.ErrOverloaded.With("limits.streams is reached"), nil)
	}
	st := &stream{id: bytes.Clone(in.msg.ID), tools: wantsTools(filter)}
	switch from := in.origin.(type) {
	case *lineConn:
		st.conn = from.conn
		from.open.add(in.ls, st)
	case *httpConn:
		st.conn, st.http = from.conn, from
		from.open.add(in.ls, st)
		from.beginListen(st)
		in.pending = true
	}
	return append(out, st.acknowledge()...)
}

// wantsTools reads toolsListChanged of a filter.
func wantsTools(filter []byte) bool {
	var want struct {
		ToolsListChanged bool `json:"toolsListChanged"`
	}
	return json.Unmarshal(filter, &want) == nil && want.ToolsListChanged
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
	params = append(params, st.id...)
	params = append(params, `},"notifications":{`...)
	if st.tools {
		params = append(params, `"toolsListChanged":true`...)
	}
	message := codec.AppendNotification(nil, mcp.NotifyAcknowledged, append(params, `}}`...))
	if st.http == nil {
		return message
	}
	st.send(message)
	return nil
}

// send sends one message on the stream.
func (st *stream) send(message []byte) {
	if st.http == nil {
		_ = st.conn.Send(append(message, '\n'))
		return
	}
	st.http.mu.Lock()
	defer st.http.mu.Unlock()
	if st.http.reply.stream == st {
		_ = st.http.event(message)
	}
}

// end sends the answer that closes the stream gracefully.
func (st *stream) end(s *Server) {
	result := append([]byte(nil), `{"resultType":"complete","_meta":{"`+
		mcp.MetaSubscriptionID+`":`...)
	result = append(append(result, st.id...), `}}`...)
	st.send(codec.AppendResult(nil, st.id, result))
	if st.http == nil {
		return
	}
	st.http.mu.Lock()
	defer st.http.mu.Unlock()
	if st.http.reply.stream == st {
		st.http.endStream()
	}
}

// streamSet is the open streams of one connection. It belongs to the connection's loop.
type streamSet []*stream

// add opens a stream.
func (set *streamSet) add(ls *loopState, st *stream) {
	*set = append(*set, st)
	ls.streams[st] = struct{}{}
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
		delete(ls.streams, st)
		ls.s.streams.Add(-1)
		if graceful {
			st.end(ls.s)
		}
	}
	if *set = left; len(left) == 0 {
		*set = nil
	}
}

func everyStream(*stream) bool { return true }

// cancelListen ends the stream that a client no longer wants; it gets no further message.
func cancelListen(in *inbound, id []byte) {
	if lc, ok := in.origin.(*lineConn); ok {
		lc.open.remove(in.ls, func(st *stream) bool { return bytes.Equal(st.id, id) }, false)
	}
}

// toolsChanged tells every listener that tools/list has changed. Safe for concurrent use.
func (s *Server) toolsChanged() {
	if !s.serving.Load() || !s.changed.CompareAndSwap(false, true) {
		return // nobody listens yet, or the news are on their way
	}
	for _, ls := range s.states {
		if ls.loop.Post(ls.tellTools) != nil {
			s.changed.Store(false)
			s.retell.Store(true) // the ring is full; the next tick tries again
		}
	}
}

// tellTools runs on the loop.
func (ls *loopState) tellTools() {
	ls.s.changed.Store(false)
	for st := range ls.streams {
		if !st.tools {
			continue
		}
		params := append([]byte(nil), `{"_meta":{"`+mcp.MetaSubscriptionID+`":`...)
		params = append(append(params, st.id...), `}}`...)
		st.send(codec.AppendNotification(nil, mcp.NotifyToolsListChanged, params))
		ls.count.notifications.Add(1)
	}
	message := append(codec.AppendNotification(nil, mcp.NotifyToolsListChanged, nil), '\n')
	for lc := range ls.peers {
		_ = lc.conn.Send(message)
		ls.count.notifications.Add(1)
	}
}
