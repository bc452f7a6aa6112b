package codec

import "bytes"

// Hot path: no allocation, no lock, no log, no time.Now.

// LineBytesMaxDefault is the limit of a line when Lines.Max is not set.
const LineBytesMaxDefault = 4 << 20

// LineState says what Lines.Next found.
type LineState uint8

// The states of Lines.Next.
const (
	LineNeedMore LineState = iota // no whole line in buf
	LineFrame                     // a line
	LineTooLong                   // a line above Max; told once for each such line
)

// Lines cuts newline frames out of a byte stream. The zero value is ready. It buffers nothing:
// the caller keeps the bytes that were not consumed and hands them in again, with more behind.
// One for each conn; not safe for concurrent use.
type Lines struct {
	Max int // bytes of a line without its end; default 4 MiB

	scanned    int  // bytes at the front of the next buf that hold no newline
	discarding bool // inside a line that was told to be too long
}

// Next looks for the next line in buf. It returns the number n of bytes consumed, in every
// state; the caller drops them and calls again, at once unless the state is LineNeedMore.
//
// line comes without "\n" or "\r\n" and is valid until the caller reuses buf. Empty lines are
// passed over. A line above Max is told at the moment the limit is passed, and the rest of it
// is consumed as it comes, up to and with its newline.
func (l *Lines) Next(buf []byte) (line []byte, n int, state LineState) {
	for {
		rest := buf[n:]
		known := min(l.scanned, len(rest))
		l.scanned = 0
		at := bytes.IndexByte(rest[known:], '\n')
		switch {
		case at < 0 && l.discarding:
			return nil, len(buf), LineNeedMore
		case at < 0 && l.tooLong(rest):
			l.discarding = true
			return nil, len(buf), LineTooLong
		case at < 0:
			l.scanned = len(rest)
			return nil, n, LineNeedMore
		}
		at += known
		n += at + 1
		if l.discarding {
			l.discarding = false
			continue
		}
		line = rest[:at]
		if at > 0 && line[at-1] == '\r' {
			line = line[:at-1]
		}
		if len(line) > l.limit() {
			return nil, n, LineTooLong
		}
		if len(line) > 0 {
			return line[:len(line):len(line)], n, LineFrame
		}
	}
}

// Partial reports whether a line has begun and not ended, after Next returned LineNeedMore:
// the time limit of a partial frame runs while it holds.
func (l *Lines) Partial() bool { return l.discarding || l.scanned > 0 }

// tooLong reports whether a line that begins with part has passed the limit. One byte more
// is let in when it may belong to the line's end.
func (l *Lines) tooLong(part []byte) bool {
	over := len(part) - l.limit()
	return over > 1 || over == 1 && part[len(part)-1] != '\r'
}

func (l *Lines) limit() int { return orDefault(l.Max, LineBytesMaxDefault) }
