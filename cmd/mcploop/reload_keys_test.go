package main

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/server/config"
)

// TestReloadTakesEachHotKey changes one key after the other: what is marked as hot must reach the
// running server, and what is not must not be given to it.
func TestReloadTakesEachHotKey(t *testing.T) {
	elsewhere := []string{ // apply and reload read these
		"log.level", "reload.watch", "upstreams", "views",
	}
	hot := 0
	each(reflect.ValueOf(config.Default()).Elem(), "", func(path string) {
		cfg := config.Default()
		field := reflect.ValueOf(cfg).Elem()
		for name := range strings.SplitSeq(path, ".") {
			field = field.FieldByName(name)
		}
		change(t, path, field)
		adjusted := !reflect.DeepEqual(adjustable(cfg), adjustable(config.Default()))
		for _, ch := range cfg.Diff(config.Default()) {
			top, _, _ := strings.Cut(ch.Path, ".")
			if slices.Contains(elsewhere, ch.Path) || slices.Contains(elsewhere, top) {
				continue
			}
			if ch.Hot != adjusted {
				t.Errorf("%s: it is hot: %v, the server gets it: %v", ch.Path, ch.Hot, adjusted)
			}
			if ch.Hot {
				hot++
			}
		}
	})
	if hot < 12 {
		t.Errorf("found %d hot keys; does the test look at the wrong struct?", hot)
	}
}

// TestReloadWatchKey: where the file is not watched, a change that is only seen is left alone.
func TestReloadWatchKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.yaml")
	if err := os.WriteFile(file, []byte("name: other"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Reload.Watch = false
	re := newReloader(&serveFlags{file: file}, cfg, config.Sum{})
	re.onChange()
	if re.now != cfg || re.counts[resultUnchanged]+re.counts[resultChanged] != 0 {
		t.Error("a change was taken over")
	}
}
