package server

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// logQueue is the handler of every log line of the server: it hands the line over to a goroutine
// and never waits, so that a log that cannot be written (a full pipe, a hanging disk) holds no loop
// and no worker. What comes while the queue is full is dropped and counted.
type logQueue struct {
	to slog.Handler
	*logWriter
}

// logWriter is what all handlers of one server share.
type logWriter struct {
	lines   chan logLine
	dropped atomic.Uint64
	ended   chan struct{}
}

// logLine is a record and where it goes; without a handler it ends the writer.
type logLine struct {
	to     slog.Handler
	record slog.Record
}

// logFlushTime bounds how long a drain waits for the last lines to be written.
const logFlushTime = 250 * time.Millisecond

func newLogQueue(to slog.Handler, lines int) logQueue {
	return logQueue{to, &logWriter{lines: make(chan logLine, lines), ended: make(chan struct{})}}
}

// Enabled implements slog.Handler.
func (q logQueue) Enabled(ctx context.Context, level slog.Level) bool {
	return q.to.Enabled(ctx, level)
}

// Handle implements slog.Handler. It never blocks and never fails.
func (q logQueue) Handle(_ context.Context, record slog.Record) error {
	select {
	case <-q.ended:
		q.dropped.Add(1)
		return nil
	default:
	}
	select {
	case q.lines <- logLine{q.to, record.Clone()}:
	default:
		q.dropped.Add(1)
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (q logQueue) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logQueue{q.to.WithAttrs(attrs), q.logWriter}
}

// WithGroup implements slog.Handler.
func (q logQueue) WithGroup(name string) slog.Handler {
	return logQueue{q.to.WithGroup(name), q.logWriter}
}

// write writes the lines until stop.
func (w *logWriter) write() {
	defer close(w.ended)
	for line := range w.lines {
		if line.to == nil {
			return
		}
		_ = line.to.Handle(context.Background(), line.record)
	}
}

// stop writes what waits, for logFlushTime at most. Lines that come later are dropped.
func (w *logWriter) stop() {
	late := time.NewTimer(logFlushTime)
	defer late.Stop()
	select {
	case w.lines <- logLine{}:
	case <-late.C:
		return
	}
	select {
	case <-w.ended:
	case <-late.C:
	}
}
