package codec

import (
	"bytes"
	"errors"
	"strconv"
	"time"
)

// ErrEventTooLong ends an event stream whose event passed EventReader.Max, without Skip.
var ErrEventTooLong = errors.New("codec: event too long")

// AppendEvent appends one event of an event stream. An empty id or event leaves that line
// out. Each line of data gets a line of its own, so nothing in data can end the event or
// forge another one; CR, LF and NUL are dropped from id and event.
func AppendEvent[S ~string | ~[]byte](dst []byte, id, event S, data []byte) []byte {
	if len(event) > 0 {
		dst = appendPlain(append(dst, "event: "...), event)
	}
	if len(id) > 0 {
		dst = appendPlain(append(dst, "id: "...), id)
	}
	for {
		dst = append(dst, "data: "...)
		end := lineBreak(data)
		dst = append(append(dst, data[:end]...), '\n')
		if end == len(data) {
			return append(dst, '\n')
		}
		if data[end] == '\r' && end+1 < len(data) && data[end+1] == '\n' {
			end++
		}
		data = data[end+1:]
	}
}

// AppendRetry appends the line that tells the reader how long to wait before it connects
// again, in whole milliseconds. It belongs to the event that is appended next.
func AppendRetry(dst []byte, wait time.Duration) []byte {
	dst = strconv.AppendInt(append(dst, "retry: "...), max(0, wait.Milliseconds()), 10)
	return append(dst, '\n')
}

// AppendComment appends a comment, which keeps a quiet stream alive. CR, LF and NUL are
// dropped from text.
func AppendComment(dst []byte, text string) []byte {
	return append(appendPlain(append(dst, ": "...), text), '\n')
}

// appendPlain appends a field's value, without what could end its line, and the line's end.
func appendPlain[S ~string | ~[]byte](dst []byte, s S) []byte {
	for i := range len(s) {
		if c := s[i]; c != '\r' && c != '\n' && c != 0 {
			dst = append(dst, c)
		}
	}
	return append(dst, '\n')
}

// lineBreak returns the index of the first CR or LF, len(b) when there is none.
func lineBreak(b []byte) int {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		end = len(b)
	}
	if i := bytes.IndexByte(b[:end], '\r'); i >= 0 {
		return i
	}
	return end
}

// Event is one event of a stream, as its reader sees it.
type Event struct {
	ID   []byte // the last id the stream has named so far; nil when none
	Type []byte // empty means "message"
	Data []byte // lines joined with \n
	Part EventPart
}

// EventPart says which part of an event an Event is.
type EventPart uint8

// The parts of an event. One above EventReader.Max comes in several, in order: their Data, whose
// lines are not joined by anything, is all that the event has.
const (
	EventWhole EventPart = iota
	EventLarge           // the begin of an event above Max; ID and Type as far as they are known
	EventLargePart
	EventLargeEnd // without Data
)

// EventReader reads an event stream in whatever pieces it comes. The zero value is ready to
// use; one per stream.
type EventReader struct {
	Max int // bytes of one event's lines, without their ends; 0 means 4 MiB

	// Skip has an event above Max come in parts, as they come, in place of ErrEventTooLong.
	Skip bool

	// Retry is the last waiting time the stream asked for, 0 when none. It is bounded by what
	// a reader can sensibly do: the caller caps it.
	Retry time.Duration
	// Idle counts bytes of comments and of events without data. The caller may set it back.
	Idle int

	seen    int // bytes of the unfinished line at src's start without a line break
	used    int // bytes of this event so far
	data    []byte
	kind    []byte
	id      []byte
	named   bool // the stream has named an id
	hasData bool
	started bool // the byte order mark was looked for
	afterCR bool // an LF that comes next belongs to the line before

	large    bool      // this event is above Max, and was told to be
	unfinish eventLine // a line of which bytes were used already
}

// eventLine is a line whose begin was used before it has ended.
type eventLine uint8

const (
	lineNone eventLine = iota
	lineData
	lineOther // of which nothing is kept
)

const (
	eventBytesMax  = 4 << 20
	eventBytesKept = 64 << 10
	retryMax       = 24 * time.Hour
)

// Next reads up to the end of one event. n is the number of bytes of src it used; the caller
// presents the others again, with more behind them. ok tells that e holds an event, whose
// slices are valid until the next call. Without ok more bytes are needed.
func (r *EventReader) Next(src []byte, e *Event) (n int, ok bool, err error) {
	n = r.skipMark(src)
	if n < 0 {
		return 0, false, nil
	}
	for n < len(src) {
		if r.afterCR {
			r.afterCR = false
			if src[n] == '\n' {
				n++
				continue
			}
		}
		rest := src[n:]
		if r.large || r.unfinish != lineNone {
			used, ok := r.skip(rest, e)
			if n += used; ok || used == 0 {
				return n, ok, nil
			}
			continue
		}
		end := r.seen + lineBreak(rest[r.seen:])
		if r.used+end > r.limit() {
			switch r.seen = 0; {
			case !r.Skip:
				return n, false, ErrEventTooLong
			case rest[0] == ':':
				r.unfinish = lineOther
				continue
			}
			r.begin(e)
			return n, true, nil
		}
		if end == len(rest) {
			r.seen = end
			return n, false, nil
		}
		r.seen = 0
		r.afterCR = rest[end] == '\r'
		n += end + 1
		if end > 0 {
			r.field(rest[:end])
			continue
		}
		if r.dispatch(e) {
			return n, true, nil
		}
	}
	return n, false, nil
}

// begin tells of an event above Max, with what was kept of it.
func (r *EventReader) begin(e *Event) {
	*e = Event{ID: r.id, Type: r.kind, Data: r.data, Part: EventLarge}
	r.data, r.kind, r.large = nil, nil, true
}

// skip uses up to the end of a line that is not kept, as far as it is there. ok tells that e has a
// part of the event; used is 0 when more bytes are needed to tell what it is.
func (r *EventReader) skip(src []byte, e *Event) (used int, ok bool) {
	const data = "data:"
	if r.unfinish == lineNone {
		end := lineBreak(src)
		switch {
		case end == 0:
			r.afterCR = src[0] == '\r'
			r.large, r.used, r.hasData = false, 0, false
			*e = Event{Part: EventLargeEnd}
			return 1, true
		case end == len(src) && end <= len(data):
			return 0, false
		}
		r.unfinish = lineOther
		if bytes.HasPrefix(src, []byte(data)) {
			r.unfinish, used = lineData, len(data)
			if src[used] == ' ' {
				used++
			}
		}
	}
	kind, part := r.unfinish, src[used:]
	part = part[:lineBreak(part)]
	if used += len(part); used < len(src) {
		r.afterCR, r.unfinish = src[used] == '\r', lineNone
		used++
	}
	if kind != lineData || len(part) == 0 {
		return used, false
	}
	*e = Event{Data: part, Part: EventLargePart}
	return used, true
}

func (r *EventReader) limit() int {
	if r.Max > 0 {
		return r.Max
	}
	return eventBytesMax
}

// skipMark drops a byte order mark at the very start; -1 means that more bytes are needed.
func (r *EventReader) skipMark(src []byte) int {
	const mark = "\xef\xbb\xbf"
	if r.started {
		return 0
	}
	if len(src) < len(mark) && string(src) == mark[:len(src)] {
		return -1
	}
	r.started = true
	if bytes.HasPrefix(src, []byte(mark)) {
		return len(mark)
	}
	return 0
}

// field takes one line that is not empty. Comments cost an event nothing: a quiet stream may
// hold any number of them. Unknown fields say nothing.
func (r *EventReader) field(line []byte) {
	if line[0] == ':' {
		r.Idle += len(line) + 1
		return
	}
	r.used += len(line)
	name, value := line, []byte(nil)
	if i := bytes.IndexByte(line, ':'); i >= 0 {
		name, value = line[:i], line[i+1:]
		if len(value) > 0 && value[0] == ' ' {
			value = value[1:]
		}
	}
	switch string(name) {
	case "data":
		if r.hasData {
			r.data = append(r.data, '\n')
		}
		r.hasData = true
		r.data = append(r.data, value...)
	case "event":
		r.kind = append(r.kind[:0], value...)
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			r.id, r.named = append(r.id[:0], value...), true
		}
	case "retry":
		if ms, ok := decimal(value); ok {
			wait := retryMax
			if ms < int64(retryMax/time.Millisecond) {
				wait = time.Duration(ms) * time.Millisecond
			}
			r.Retry = wait
		}
	}
}

// dispatch ends an event; one without data only leaves its id behind.
func (r *EventReader) dispatch(e *Event) bool {
	ok := r.hasData
	if ok {
		*e = Event{Type: r.kind, Data: r.data}
		if r.named {
			e.ID = r.id
		}
	} else {
		r.Idle += r.used + 1
	}
	r.data, r.kind = r.data[:0], r.kind[:0]
	if cap(r.data) > eventBytesKept {
		r.data = nil // a stream's reader lives long; one big event must not stay with it
	}
	r.used, r.hasData = 0, false
	return ok
}
