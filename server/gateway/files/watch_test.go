package files_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server/gateway/files"
)

const patience = 10 * time.Second

// watched is a tree whose changes are told.
func watched(t *testing.T, change func(*files.Options)) (*tree, chan string) {
	t.Helper()
	tr := plant(t, func(o *files.Options) {
		o.Watch = true
		if change != nil {
			change(o)
		}
	})
	told := make(chan string, 1000)
	tr.Watch(func(uri string) { told <- uri })
	tr.write("a.txt", "1")
	tr.write("dir/b.txt", "1")
	tr.names()
	return tr, told
}

// waitTold waits until uri was told, and writes the file again until then: when it begins to be
// watched is not known.
func waitTold(t *testing.T, told chan string, uri string, again func()) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		again()
		select {
		case got := <-told:
			if got == uri {
				return
			}
		case <-time.After(time.Millisecond):
		}
	}
	t.Fatalf("%s was not told", uri)
}

// TestChangesAreTold: of a file that was written, below the root at any depth, also in a directory
// that came later.
func TestChangesAreTold(t *testing.T) {
	tr, told := watched(t, nil)
	for _, name := range []string{"a.txt", "dir/b.txt", "new/deep/c.txt"} {
		waitTold(t, told, prefix+name, func() { tr.write(name, "2") })
	}
}

// TestListChangesAreTold: of files that come, go and are renamed.
func TestListChangesAreTold(t *testing.T) {
	tr, told := watched(t, nil)
	waitTold(t, told, prefix+"a.txt", func() { tr.write("a.txt", "2") })
	changed := func(what string, do func() error) {
		t.Helper()
		for len(tr.Changed()) > 0 {
			<-tr.Changed()
		}
		if err := do(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-tr.Changed():
		case <-time.After(patience):
			t.Fatalf("%s was not told", what)
		}
	}
	at := func(name string) string { return filepath.Join(tr.root, name) }
	changed("a new file", func() error { return os.WriteFile(at("n.txt"), nil, 0o600) })
	changed("a renamed file", func() error { return os.Rename(at("n.txt"), at("dir/m.txt")) })
	changed("a removed file", func() error { return os.Remove(at("dir/m.txt")) })
	changed("a new directory", func() error { return os.Mkdir(at("more"), 0o700) })
	changed("a file in it", func() error { return os.WriteFile(at("more/x"), nil, 0o600) })
	changed("a removed directory", func() error { return os.RemoveAll(at("more")) })
}

// TestWhatIsNotOfferedIsNotTold: hidden files, and those that were excluded.
func TestWhatIsNotOfferedIsNotTold(t *testing.T) {
	tr, told := watched(t, func(o *files.Options) { o.Exclude = []string{"*.log"} })
	waitTold(t, told, prefix+"a.txt", func() {
		tr.write(".hidden", "2")
		tr.write(".git/x", "2")
		tr.write("dir/x.log", "2")
		tr.write("a.txt", "2")
	})
	for len(told) > 0 {
		if got := <-told; got != prefix+"a.txt" {
			t.Errorf("told %s", got)
		}
	}
}

// TestWatchesAreBounded: beyond watch_max directories changes are not told, and nothing breaks.
func TestWatchesAreBounded(t *testing.T) {
	tr, told := watched(t, func(o *files.Options) { o.WatchMax = 1 })
	waitTold(t, told, prefix+"a.txt", func() {
		tr.write("dir/b.txt", "2")
		tr.write("a.txt", "2")
	})
	for len(told) > 0 {
		if got := <-told; got != prefix+"a.txt" {
			t.Errorf("told %s", got)
		}
	}
}
