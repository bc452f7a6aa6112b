package server

import (
	"bytes"
	"slices"
	"strconv"
	"sync"

	"github.com/mcploop/mcploop/codec"
)

// eventLog keeps the last events of one legacy session's event streams, so that a client whose
// connection broke can have them again (2025-03-26 to 2025-11-25, basic/transports, "Resumability
// and redelivery"). The answers to POSTs and the GET stream have one list of events each, so that
// neither drives out the other; both are bounded in events, bytes and time, the oldest event goes
// first. Safe for concurrent use.
type eventLog struct {
	s    *Server
	peer *peer

	mu      sync.Mutex // guards what follows
	replies map[uint64]*loggedStream
	opened  uint64 // reply streams so far; the last one's number
	replied keptEvents
	told    keptEvents // of the session's GET stream
	closed  bool       // the session has ended: nothing is kept any more
	listed  bool       // in a logList
	next    *eventLog  // in it; guarded by the list's mutex
}

// keptEvents is a list of events, the oldest first.
type keptEvents struct {
	list  []loggedEvent
	bytes int
}

// loggedStream is what the log knows of one reply stream. It is forgotten when the stream has
// ended and none of its events is left.
type loggedStream struct {
	reply *replyStream
	last  uint64 // number of the newest event; the priming event has 0
	gone  uint64 // number of the newest event that had to leave the log
	kept  int
	ended bool
}

// loggedEvent is one event. message is never written to again; logs of many sessions may share it.
type loggedEvent struct {
	stream, number uint64
	at             int64 // Server.clock
	message        []byte
}

// eventOverhead is what an event takes besides its message, in bytes.
const eventOverhead = 48

func (e *loggedEvent) size() int { return len(e.message) + eventOverhead }

// open gives a reply stream its number.
func (l *eventLog) open(reply *replyStream) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened++
	if l.replies == nil {
		l.replies = map[uint64]*loggedStream{}
	}
	l.replies[l.opened] = &loggedStream{reply: reply}
	return l.opened
}

// add keeps a copy of a reply stream's next event and returns the event's number.
func (l *eventLog) add(ls *loopState, stream uint64, message []byte) (number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.replies[stream]
	st.last++
	st.kept++
	l.keep(ls, &l.replied, loggedEvent{
		stream: stream, number: st.last, message: bytes.Clone(message),
	})
	return st.last
}

// tell keeps an event of the GET stream, whose message others may share.
func (l *eventLog) tell(ls *loopState, stream, number uint64, message []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep(ls, &l.told, loggedEvent{stream: stream, number: number, message: message})
}

// keep appends an event and lets old ones go for it. l.mu must be held.
func (l *eventLog) keep(ls *loopState, kept *keptEvents, e loggedEvent) {
	o := &l.s.opt.Sessions
	e.at = l.s.clock.Load()
	kept.list = append(kept.list, e)
	kept.bytes += e.size()
	l.s.replayBytes.Add(int64(e.size()))
	ls.count.events.Add(1)
	for len(kept.list) > 0 && (len(kept.list) > o.ReplayEvents || kept.bytes > o.ReplayBytes ||
		l.closed || l.s.replayBytes.Load() > int64(o.ReplayTotal)) {
		l.dropOldest(kept)
		ls.count.dropped.Add(1)
	}
	l.enlist(ls)
}

// dropOldest lets the oldest event of a list go. l.mu must be held.
func (l *eventLog) dropOldest(kept *keptEvents) {
	e := kept.list[0]
	kept.list[0] = loggedEvent{}
	kept.list = kept.list[1:] // append moves what is left to a new array now and then
	if len(kept.list) == 0 {
		kept.list = nil
	}
	kept.bytes -= e.size()
	l.s.replayBytes.Add(-int64(e.size()))
	if kept == &l.replied {
		st := l.replies[e.stream]
		st.gone = e.number
		st.kept--
		l.forget(e.stream, st)
	}
}

// dropAll empties a list. l.mu must be held.
func (l *eventLog) dropAll(kept *keptEvents) {
	for len(kept.list) > 0 {
		l.dropOldest(kept)
	}
}

// close lets go of everything: the session has ended.
func (l *eventLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.dropAll(&l.replied)
	l.dropAll(&l.told)
}

// untell lets go of the GET stream's events: it has ended, or another one has begun.
func (l *eventLog) untell() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropAll(&l.told)
}

// end marks a reply stream that gets no further event.
func (l *eventLog) end(stream uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.replies[stream]
	st.ended = true
	l.forget(stream, st)
}

func (l *eventLog) forget(stream uint64, st *loggedStream) {
	if st.ended && st.kept == 0 {
		delete(l.replies, stream)
	}
}

// errNotResumable refuses a Last-Event-ID: a reader must learn of a gap.
var errNotResumable = codec.ErrBadRequest.With("Last-Event-ID names no event of this session " +
	"that what followed is still kept of (sessions.replay_events, .replay_bytes, .replay_time)")

// find returns the reply stream that an event belongs to.
func (l *eventLog) find(stream uint64) *replyStream {
	l.mu.Lock()
	defer l.mu.Unlock()
	if st := l.replies[stream]; st != nil {
		return st.reply
	}
	return nil
}

// after returns the events of a reply stream that follow the one with this number; an error when
// one of them has left the log, or when there was no such event.
func (l *eventLog) after(stream, number uint64) ([]loggedEvent, *codec.Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.replies[stream]
	if st == nil || number > st.last || number < st.gone {
		return nil, errNotResumable
	}
	var list []loggedEvent
	for _, e := range l.replied.list {
		if e.stream == stream && e.number > number {
			list = append(list, e)
		}
	}
	return list, nil
}

// toldAfter is after for the GET stream, whose newest event is last.
func (l *eventLog) toldAfter(number, last uint64) ([]loggedEvent, *codec.Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.told.list
	if number > last || number+uint64(len(list)) < last {
		return nil, errNotResumable
	}
	return slices.Clone(list[uint64(len(list))-(last-number):]), nil
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
