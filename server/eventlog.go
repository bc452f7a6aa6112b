package server

import (
	"bytes"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/mcploop/mcploop/codec"
)

// eventLog keeps the last events of one legacy session's event streams, so that a client whose
// connection broke can have them again (2025-03-26 to 2025-11-25, basic/transports, "Resumability
// and redelivery"). It is bounded over all streams of the session; the oldest event goes first.
// Safe for concurrent use.
type eventLog struct {
	most, mostBytes int
	all             *replayBudget

	mu      sync.Mutex // guards what follows
	streams map[uint64]*loggedStream
	opened  uint64 // streams so far; the last one's number
	events  []loggedEvent
	bytes   int
	closed  bool // the session has ended: nothing is kept any more
}

// replayBudget bounds the logs of all sessions together.
type replayBudget struct {
	bytes atomic.Int64
	most  int64
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

// loggedEvent is one event. message is never written to again.
type loggedEvent struct {
	stream, number uint64
	message        []byte
}

func newEventLog(most, mostBytes int, all *replayBudget) *eventLog {
	return &eventLog{
		most: most, mostBytes: mostBytes, all: all, streams: map[uint64]*loggedStream{},
	}
}

// open gives a stream its number.
func (l *eventLog) open(reply *replyStream) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened++
	l.streams[l.opened] = &loggedStream{reply: reply}
	return l.opened
}

// add keeps a copy of a stream's next event and returns the event's number, and how many events
// had to leave for it.
func (l *eventLog) add(stream uint64, message []byte) (number uint64, dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.streams[stream]
	st.last++
	st.kept++
	l.events = append(l.events, loggedEvent{stream, st.last, bytes.Clone(message)})
	l.bytes += len(message)
	l.all.bytes.Add(int64(len(message)))
	for len(l.events) > 0 && (len(l.events) > l.most || l.bytes > l.mostBytes || l.closed ||
		l.all.bytes.Load() > l.all.most) {
		l.dropOldest()
		dropped++
	}
	return st.last, dropped
}

// close lets go of everything: the session has ended.
func (l *eventLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for len(l.events) > 0 {
		l.dropOldest()
	}
}

// dropOldest lets the oldest event go. l.mu must be held.
func (l *eventLog) dropOldest() {
	e := l.events[0]
	l.events[0] = loggedEvent{}
	l.events = l.events[1:] // append moves what is left to a new array now and then
	l.bytes -= len(e.message)
	l.all.bytes.Add(-int64(len(e.message)))
	st := l.streams[e.stream]
	st.gone = e.number
	st.kept--
	l.forget(e.stream, st)
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
	"that what followed is still kept of (sessions.replay_events, sessions.replay_bytes)")

// find returns the stream that an event belongs to.
func (l *eventLog) find(stream uint64) *replyStream {
	l.mu.Lock()
	defer l.mu.Unlock()
	if st := l.streams[stream]; st != nil {
		return st.reply
	}
	return nil
}

// after returns the events of a stream that follow the one with this number; an error when one
// of them has left the log, or when there was no such event.
func (l *eventLog) after(stream, number uint64) ([]loggedEvent, *codec.Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.streams[stream]
	if st == nil || number > st.last || number < st.gone {
		return nil, errNotResumable
	}
	var list []loggedEvent
	for _, e := range l.events {
		if e.stream == stream && e.number > number {
			list = append(list, e)
		}
	}
	return list, nil
}

// appendEventID appends an event's id, "<stream>-<number>".
func appendEventID(dst []byte, stream, number uint64) []byte {
	dst = append(strconv.AppendUint(dst, stream, 10), '-')
	return strconv.AppendUint(dst, number, 10)
}

// parseEventID reads what appendEventID has written, and nothing else.
func parseEventID(raw []byte) (stream, number uint64, ok bool) {
	first, second, ok := bytes.Cut(raw, []byte("-"))
	if !ok || len(raw) > 41 {
		return 0, 0, false
	}
	stream, err := strconv.ParseUint(string(first), 10, 64)
	if err != nil {
		return 0, 0, false
	}
	number, err = strconv.ParseUint(string(second), 10, 64)
	if err != nil || !bytes.Equal(raw, appendEventID(nil, stream, number)) {
		return 0, 0, false
	}
	return stream, number, true
}
