package exec

import (
	"bytes"
	"sync"
)

// limited keeps what is written, up to max bytes; then it says so once and takes the rest for
// nothing. It is used by one goroutine, and read after it.
type limited struct {
	max  int
	full func()
	data []byte
	over bool
}

// Write never fails: who writes into a closed pipe may do anything.
func (l *limited) Write(b []byte) (int, error) {
	room := l.max - len(l.data)
	l.data = append(l.data, b[:min(room, len(b))]...)
	if len(b) > room && !l.over {
		l.over = true
		l.full()
	}
	return len(b), nil
}

// tail keeps the last max bytes that are written. It may be read while somebody still writes.
type tail struct {
	max int

	mu   sync.Mutex // guards the rest
	data []byte
	cut  bool
}

// stderrBytesMax is how much of standard error an answer shows.
const stderrBytesMax = 4 << 10

// Write never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(b)
	if len(t.data)+n > 2*t.max { // moves each byte once or twice, not for each write
		keep := t.data[max(0, len(t.data)-t.max):]
		t.data = append(t.data[:0], keep...)
		b = b[max(0, n-t.max):]
		t.cut = true
	}
	t.data = append(t.data, b...)
	return n, nil
}

// bytes is a copy of the tail.
func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.data) > t.max || t.cut {
		return append([]byte("… "), t.data[max(0, len(t.data)-t.max):]...)
	}
	return bytes.Clone(t.data)
}
