package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settleTime is how long a file must have stayed the same before it is read: who writes it
	// may not be through.
	settleTime = 200 * time.Millisecond
	// lookEvery is how often it is looked at where nobody tells: file systems of other hosts, and
	// directories above it that are exchanged.
	lookEvery = 2 * time.Second
)

// watchFile calls changed when the file has become another one and has settled, until ctx ends. It
// watches directories, since editors put another file in its place and Kubernetes another
// directory behind a link.
func watchFile(ctx context.Context, path string, changed func(), log *slog.Logger) {
	w := &fileWatch{path: path, dirs: map[string]bool{}}
	var events chan fsnotify.Event
	var faults chan error
	if notify, err := fsnotify.NewWatcher(); err != nil {
		log.Warn("changes of the configuration are seen late", "reason", err, "every", lookEvery)
	} else {
		defer func() { _ = notify.Close() }() // its descriptors are closed either way
		w.notify, events, faults = notify, notify.Events, notify.Errors
	}
	w.watchDirs()
	w.last = w.look()
	changed() // since it was read
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	settled := time.NewTimer(time.Hour)
	settled.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-events:
		case err := <-faults: // events were lost: look
			log.Debug("the configuration may have changed unseen", "reason", err)
		case <-tick.C:
		case <-settled.C:
			changed()
			continue
		}
		if now := w.look(); now != w.last {
			w.last = now
			w.watchDirs()
			settled.Reset(settleTime)
		}
	}
}

// fileWatch belongs to watchFile's goroutine.
type fileWatch struct {
	path   string
	notify *fsnotify.Watcher // nil: there is none
	dirs   map[string]bool   // that are watched
	last   sight
}

// sight is what can be seen of a file without reading it; zero: it is not there.
type sight struct {
	real string
	size int64
	at   time.Time
}

func (w *fileWatch) look() (s sight) {
	info, err := os.Stat(w.path)
	if err != nil {
		return sight{}
	}
	s.size, s.at = info.Size(), info.ModTime()
	s.real, _ = filepath.EvalSymlinks(w.path) // "" where it went this moment
	return s
}

// watchDirs watches the directory of the file and, behind links, that of the real one.
func (w *fileWatch) watchDirs() {
	if w.notify == nil {
		return
	}
	want := map[string]bool{filepath.Dir(w.path): true}
	if real, err := filepath.EvalSymlinks(w.path); err == nil {
		want[filepath.Dir(real)] = true
	}
	for dir := range w.dirs {
		if !want[dir] {
			_ = w.notify.Remove(dir) // it may be gone already
		}
	}
	for dir := range want {
		if w.notify.Add(dir) != nil {
			delete(want, dir) // the ticker looks
		}
	}
	w.dirs = want
}
