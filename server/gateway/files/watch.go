package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long changes are gathered before they are told: an editor that saves a file makes
// several.
const settle = 100 * time.Millisecond

// pendingMax bounds the files that are told of at a time; beyond it the list is looked at anew.
const pendingMax = 1000

// watcher tells of changes below the root.
type watcher struct {
	*fsnotify.Watcher
	p       *Provider
	updated func(uri string)
	dirs    int
	full    bool            // said once that not all is watched
	files   map[string]bool // paths below the root that have changed
	list    bool            // files have come or gone
}

// Watch begins to tell of changes. Where it cannot, the list is as old as the upstream's refresh.
func (p *Provider) Watch(updated func(uri string)) {
	if !p.opt.Watch {
		return
	}
	inner, err := fsnotify.NewWatcher()
	if err != nil {
		p.opt.Log.Warn("files are not watched", "root", p.opt.Root, "reason", err)
		return
	}
	w := &watcher{Watcher: inner, p: p, updated: updated, files: map[string]bool{}}
	p.all.Go(w.run)
}

// add watches a directory and those below it; links are not followed.
func (w *watcher) add(dir string) {
	_ = filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error { // skips errors
		name := w.below(at)
		switch {
		case err != nil || !d.IsDir():
			return nil
		case name != "." && !w.p.opt.Hidden && hidden(name):
			return fs.SkipDir
		case w.dirs >= w.p.opt.WatchMax:
			w.limit(errors.New("there are more than watch_max directories"))
			return fs.SkipAll
		}
		if err := w.Add(at); err != nil {
			w.limit(err)
			return nil
		}
		w.dirs++
		return nil
	})
}

// limit says once that changes of some directories are not told.
func (w *watcher) limit(err error) {
	if !w.full {
		w.full = true
		w.p.opt.Log.Warn("not all directories are watched", "root", w.p.opt.Root, "reason", err)
	}
}

// below is a path below the root, "." for the root.
func (w *watcher) below(at string) string {
	name, err := filepath.Rel(w.p.opt.Root, at)
	if err != nil {
		return "."
	}
	return filepath.ToSlash(name)
}

func (w *watcher) run() {
	defer func() { _ = w.Close() }() // nothing is lost with it
	timer := time.NewTimer(settle)
	timer.Stop()
	waiting := false
	for {
		select {
		case <-w.p.stop:
			return
		case <-w.p.opened:
			w.add(w.p.opt.Root)
		case event, ok := <-w.Events:
			if !ok {
				return
			}
			w.note(event)
		case err, ok := <-w.Errors:
			if !ok {
				return
			}
			w.list = true // events were lost
			w.p.opt.Log.Warn("changes of files were missed", "root", w.p.opt.Root, "reason", err)
		case <-timer.C:
			waiting = false
			w.tell()
		}
		if !waiting && (w.list || len(w.files) > 0) { // what goes on changing is told all the same
			waiting = true
			timer.Reset(settle)
		}
	}
}

// note remembers a change.
func (w *watcher) note(event fsnotify.Event) {
	name := w.below(event.Name)
	if name == "." || strings.HasPrefix(name, "../") || event.Op == fsnotify.Chmod {
		return
	}
	if event.Has(fsnotify.Create) {
		if info, err := os.Lstat(event.Name); err == nil && info.IsDir() {
			w.add(event.Name)
		}
	}
	if event.Has(fsnotify.Create | fsnotify.Remove | fsnotify.Rename) {
		w.list = true
	}
	if !validName(name) || !w.p.shown(name) {
		return
	}
	if len(w.files) >= pendingMax {
		w.list = true
		return
	}
	w.files[name] = true
}

// tell tells what has changed.
func (w *watcher) tell() {
	if w.list {
		w.dirs = len(w.WatchList()) // watches of directories that went are gone with them
		poke(w.p.changed)
	}
	for name := range w.files {
		w.updated(w.p.uriOf(name))
	}
	w.list = false
	clear(w.files)
}
