package gateway

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// stderrLog takes what a child writes on its standard error, line by line, into the log. It never
// blocks the child, and a flood of lines is dropped and counted, not written.
type stderrLog struct {
	log   *slog.Logger // has the upstream's name
	max   int          // lines per second
	count *counters

	mu      sync.Mutex // guards the rest; a child that was replaced may still write
	line    []byte     // the beginning of a line whose end has not come
	second  time.Time  // when the count began
	lines   int        // written since
	dropped int        // not written since, and not yet told of
}

// stderrLineMax is how much of a line the log gets, in bytes.
const stderrLineMax = 1024

// Write takes any piece of the stream. It keeps nothing of p and never fails.
func (w *stderrLog) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	size := len(p)
	for {
		piece, rest, whole := bytes.Cut(p, []byte("\n"))
		w.line = append(w.line, piece[:min(len(piece), stderrLineMax-len(w.line))]...)
		if !whole {
			return size, nil
		}
		w.put()
		w.line, p = w.line[:0], rest
	}
}

// put writes the line, unless there were too many in this second.
func (w *stderrLog) put() {
	text := strings.TrimSpace(strings.ToValidUTF8(string(w.line), "?"))
	if text == "" {
		return
	}
	now := time.Now()
	if now.Sub(w.second) >= time.Second {
		if w.dropped > 0 {
			w.log.Warn("upstream wrote too many lines", "dropped", w.dropped)
		}
		w.second, w.lines, w.dropped = now, 0, 0
	}
	if w.lines == w.max {
		w.dropped++
		w.count.unlogged.Add(1)
		return
	}
	w.lines++
	w.log.Info("upstream says", "text", text)
}
