package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Each profile that was asked for is a file with what happened between start and stop.
func TestProfiles(t *testing.T) {
	t.Cleanup(func() {
		runtime.SetMutexProfileFraction(0)
		runtime.SetBlockProfileRate(0)
	})
	dir := t.TempDir()
	p := profiles{
		cpu: filepath.Join(dir, "cpu"), mutex: filepath.Join(dir, "mutex"),
		block: filepath.Join(dir, "block"),
	}
	stop, err := p.start()
	if err != nil {
		t.Fatal(err)
	}
	for range 2000 {
		contend()
	}
	stop()
	for _, path := range []string{p.mutex, p.block} {
		if text := profileText(t, path); !strings.Contains(text, "contend") {
			t.Errorf("%s names no place where a lock was waited for", path)
		}
	}
	if text := profileText(t, p.cpu); !strings.Contains(text, "samples") {
		t.Errorf("%s is no CPU profile", p.cpu)
	}
}

// contend lets one goroutine wait for a lock that another holds.
func contend() {
	var mu sync.Mutex
	var both sync.WaitGroup
	waits := make(chan struct{})
	mu.Lock()
	both.Go(func() {
		close(waits)
		mu.Lock()
		defer mu.Unlock()
	})
	<-waits
	for range 20 {
		runtime.Gosched()
	}
	mu.Unlock()
	both.Wait()
}

func profileText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	text, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestProfileThatCannotBeWritten(t *testing.T) {
	f := func(p profiles) {
		t.Helper()
		if _, err := p.start(); err == nil || !strings.Contains(err.Error(), "cannot write") {
			t.Errorf("%+v: got %v", p, err)
		}
	}
	nowhere := filepath.Join(t.TempDir(), "none", "file")
	f(profiles{cpu: nowhere})
	f(profiles{mutex: nowhere})
	f(profiles{block: nowhere})
	runtime.SetMutexProfileFraction(0)
	runtime.SetBlockProfileRate(0)
}
