package client_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mcploop/mcploop/client"
)

// TestChildRestarts: of a thousand children that end at once nothing is left, neither a zombie nor
// a descriptor, and each one's Connect says so.
func TestChildRestarts(t *testing.T) {
	before := descriptors(t)
	for range 1000 {
		c, err := client.Connect(testContext(t), client.Options{
			Command: []string{"true"}, Era: client.Legacy,
		})
		if err == nil {
			_ = c.Close()
			t.Fatal("got a connection to true(1)")
		}
		wantError(t, err, client.ErrGone)
	}
	if got := zombies(t); len(got) > 0 {
		t.Errorf("zombies are left: %q", got)
	}
	waitUntil(t, "descriptors are back", func() bool { return descriptors(t) <= before })
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// zombies are this process's children that have ended and that nobody waited for.
func zombies(t *testing.T) (found []string) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Fatalf("got %d processes, %v", len(stats), err)
	}
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		if strings.Contains(string(raw), fmt.Sprintf(") Z %d ", os.Getpid())) {
			found = append(found, string(raw))
		}
	}
	return found
}

// counter counts what a child says on standard error.
type counter struct{ bytes atomic.Int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.bytes.Add(int64(len(b)))
	return len(b), nil
}

// TestChildShouts: 100 MB on standard error before each answer are taken or dropped, and kept by
// nobody.
func TestChildShouts(t *testing.T) {
	opt := playedBy(t, "shouts")
	opt.Era, opt.Stderr = client.Legacy, nil
	wantRaw(t, connect(t, opt), `{"n":1}`)

	heard := &counter{}
	opt.Stderr = heard
	c := connect(t, opt)
	wantRaw(t, c, `{"n":1}`)
	if err := c.Close(); err != nil { // what it said is written by now
		t.Error(err)
	}
	if n := heard.bytes.Load(); n != shoutBytes {
		t.Errorf("heard %d bytes; want %d", n, shoutBytes)
	}
}
