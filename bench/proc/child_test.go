package proc

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// shell starts a script. What is returned ends when the script and all that it has started are
// gone; it has printed a line.
func shell(t *testing.T, script string) (*Child, io.Reader) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Stdout = w
	c, err := Spawn(cmd, -1)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	out := bufio.NewReader(r)
	if line, err := out.ReadString('\n'); line != "ready\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	return c, out
}

func TestStopEndsGrandchildren(t *testing.T) {
	for name, script := range map[string]string{
		"willing":   "sleep 1000 & echo ready; wait",
		"orphan":    "sleep 1000 & echo ready",
		"deaf":      `(trap "" TERM; echo ready; exec sleep 1000) & wait`,
		"all deaf":  `trap "" TERM; sleep 1000 & echo ready; wait`,
		"all gone":  "echo ready",
		"of theirs": "sh -c 'sleep 1000 & echo ready; wait' & wait",
	} {
		t.Run(name, func(t *testing.T) {
			c, out := shell(t, script)
			if name == "orphan" || name == "all gone" {
				<-c.Done
			}
			c.patience = 200 * time.Millisecond
			c.Stop()
			if !c.Ended() {
				t.Error("Stop returned before the process had ended")
			}
			// As long as one is there this waits.
			if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 {
				t.Errorf("got %q, %v", rest, err)
			}
			c.Stop() // of what is gone
		})
	}
}

func TestKillEndsGrandchildren(t *testing.T) {
	c, out := shell(t, `trap "" TERM; sleep 1000 & echo ready; wait`)
	if err := c.Kill(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(out); err != nil {
		t.Error(err)
	}
	<-c.Done
	if c.State() != "signal: killed" {
		t.Errorf("got %q", c.State())
	}
}

// TestStopAsksFirst: what ends by itself can put its things in order.
func TestStopAsksFirst(t *testing.T) {
	c, out := shell(t, `(trap "echo bye; exit" TERM; echo ready; while :; do sleep 0.01; done) & `+
		"exec sleep 1000")
	c.Stop()
	rest, err := io.ReadAll(out)
	if string(rest) != "bye\n" || err != nil {
		t.Errorf("got %q, %v, want the last word", rest, err)
	}
}
