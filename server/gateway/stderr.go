package gateway

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// stderrRate brings lines of an upstream's children into the log, some of a second for all of them
// together. A flood of lines is dropped and counted, not written.
type stderrRate struct {
	log   *slog.Logger // has the upstream's name
	max   int          // lines per second
	count *counters

	mu      sync.Mutex // guards the rest
	second  time.Time  // when the count began
	lines   int        // written since
	dropped int        // not written since, and not yet told of
}

// stderrLog takes what one child writes on its standard error. A child that floods is drained, by
// pieces, without a look at its lines; one that writes more than any log would waits, so that
// reading it takes no processor from calls. It is written to by one goroutine, which may be held.
type stderrLog struct {
	rate  *stderrRate
	line  []byte    // the beginning of a line whose end has not come
	span  time.Time // when the count began
	taken int       // bytes since
}

const (
	stderrLineMax = 1024                   // how much of a line the log gets, in bytes
	stderrSpan    = 125 * time.Millisecond // in which stderrBytes are taken
	stderrBytes   = 16 << 20               // 128 MiB a second
)

// pace waits until the next span when size bytes are too many for this one.
func (w *stderrLog) pace(size int) {
	now := time.Now()
	if now.Sub(w.span) >= stderrSpan {
		w.span, w.taken = now, 0
	}
	if w.taken += size; w.taken >= stderrBytes {
		time.Sleep(stderrSpan - now.Sub(w.span))
	}
}

// Write takes any piece of the stream. It keeps nothing of p and never fails.
func (w *stderrLog) Write(p []byte) (int, error) {
	size := len(p)
	w.pace(size)
	if end := bytes.LastIndexByte(p, '\n') + 1; end > 0 && w.rate.full() {
		w.rate.drop(bytes.Count(p[:end], []byte("\n")))
		w.line, p = w.line[:0], p[end:]
	}
	for {
		piece, rest, whole := bytes.Cut(p, []byte("\n"))
		w.line = append(w.line, piece[:min(len(piece), stderrLineMax-len(w.line))]...)
		if !whole {
			return size, nil
		}
		w.rate.put(w.line)
		w.line, p = w.line[:0], rest
	}
}

// End puts what the child has written last, without a newline, and tells of what was dropped.
func (w *stderrLog) End() {
	w.rate.put(w.line)
	w.line = nil
	w.rate.tell()
}

// tell writes how many lines were dropped since the last time.
func (r *stderrRate) tell() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tellDropped()
}

// tellDropped is tell while mu is held.
func (r *stderrRate) tellDropped() {
	if r.dropped > 0 {
		r.log.Warn("upstream wrote too many lines", "dropped", r.dropped)
		r.dropped = 0
	}
}

// full reports whether no more lines are written in this second.
func (r *stderrRate) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lines == r.max && time.Since(r.second) < time.Second
}

// drop counts lines that nobody looks at.
func (r *stderrRate) drop(lines int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropped += lines
	r.count.unlogged.Add(uint64(lines))
}

// put writes the line, unless there were too many in this second. It keeps nothing of it.
func (r *stderrRate) put(line []byte) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Sub(r.second) >= time.Second {
		r.tellDropped()
		r.second, r.lines = now, 0
	}
	if r.lines == r.max {
		r.dropped++
		r.count.unlogged.Add(1)
		return
	}
	r.lines++
	r.log.Info("upstream says", "text", strings.ToValidUTF8(string(line), "?"))
}
