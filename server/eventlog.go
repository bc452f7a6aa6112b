package server

import (
	"bytes"
	"strconv"
	"sync"

	"github.com/mcploop/mcploop/codec"
)

// eventLog keeps the last events of the answers to one legacy session's POSTs, so that a client
// whose connection broke can have them again (2025-03-26 to 2025-11-25, basic/transports,
// "Resumability and redelivery"). It is bounded over all of them. Safe for concurrent use.
type eventLog struct {
	s *Server

	mu      sync.Mutex // guards what follows
	streams map[uint64]*loggedStream
	opened  uint64 // streams so far; the last one's number
	kept    keptEvents
	closed  bool // the session has ended: nothing is kept any more
}

// loggedStream is what the log knows of one stream. It is forgotten when the stream has ended and
// none of its events is left.
type loggedStream struct {
	reply *replyStream
	last  uint64 // number of the newest event; the priming event has 0
	gone  uint64 // number of the newest event that had to leave the log
	kept  int
	ended bool
}

// open gives a stream its number.
func (l *eventLog) open(reply *replyStream) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened++
	l.streams[l.opened] = &loggedStream{reply: reply}
	return l.opened
}

// add keeps a copy of a stream's next event and returns the event's number.
func (l *eventLog) add(ls *loopState, stream uint64, message []byte) (number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.streams[stream]
	st.last++
	st.kept++
	l.kept.add(ls, loggedEvent{stream: stream, number: st.last, message: bytes.Clone(message)})
	if l.closed {
		l.kept.drop(l.s, l.dropped, func(*loggedEvent) bool { return true })
	}
	ls.count.events.Add(1)
	ls.count.dropped.Add(uint64(l.kept.shrink(l.s, l.dropped)))
	l.kept.enlist(ls, l)
	return st.last
}

// dropped notes that an event has left the log. l.mu must be held.
func (l *eventLog) dropped(e *loggedEvent) {
	st := l.streams[e.stream]
	st.gone = e.number
	st.kept--
	l.forget(e.stream, st)
}

// close lets go of everything: the session has ended.
func (l *eventLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.kept.drop(l.s, l.dropped, func(*loggedEvent) bool { return true })
}

// expire implements aged.
func (l *eventLog) expire(ls *loopState, before int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept.expire(ls, before, l.dropped, false)
}

// end marks a stream that gets no further event.
func (l *eventLog) end(stream uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.streams[stream]
	st.ended = true
	l.forget(stream, st)
}

func (l *eventLog) forget(stream uint64, st *loggedStream) {
	if st.ended && st.kept == 0 {
		delete(l.streams, stream)
	}
}

// errNotResumable refuses a Last-Event-ID: a reader must learn of a gap.
var errNotResumable = codec.ErrBadRequest.With("Last-Event-ID names no event of this session " +
	"that what followed is still kept of (sessions.replay_events, .replay_bytes, .replay_time)")

// find returns the stream that an event belongs to.
func (l *eventLog) find(stream uint64) *replyStream {
	l.mu.Lock()
	defer l.mu.Unlock()
	if st := l.streams[stream]; st != nil {
		return st.reply
	}
	return nil
}

// after returns the events of a stream that follow the one with this number; an error when
// one of them has left the log, or when there was no such event.
func (l *eventLog) after(stream, number uint64) ([]loggedEvent, *codec.Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.streams[stream]
	if st == nil || number > st.last || number < st.gone {
		return nil, errNotResumable
	}
	var list []loggedEvent
	for _, e := range l.kept.list {
		if e.stream == stream && e.number > number {
			list = append(list, e)
		}
	}
	return list, nil
}

// The GET stream's ids begin with a letter, so that no number is needed before the first event.
const getMark = 'g'

// eventID is "<stream>-<number>", of the GET stream "g<stream>-<number>".
type eventID struct {
	get            bool
	stream, number uint64
}

const eventIDMax = 42 // bytes of the longest id

func (id eventID) append(dst []byte) []byte {
	if id.get {
		dst = append(dst, getMark)
	}
	dst = append(strconv.AppendUint(dst, id.stream, 10), '-')
	return strconv.AppendUint(dst, id.number, 10)
}

// parseEventID reads what append has written, and nothing else.
func parseEventID(raw []byte) (id eventID, ok bool) {
	if len(raw) > eventIDMax {
		return id, false
	}
	digits := raw
	if len(raw) > 0 && raw[0] == getMark {
		id.get, digits = true, raw[1:]
	}
	first, second, ok := bytes.Cut(digits, []byte("-"))
	if !ok {
		return id, false
	}
	var err, err2 error
	id.stream, err = strconv.ParseUint(string(first), 10, 64)
	id.number, err2 = strconv.ParseUint(string(second), 10, 64)
	return id, err == nil && err2 == nil && bytes.Equal(raw, id.append(nil))
}
