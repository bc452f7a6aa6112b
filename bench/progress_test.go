package bench

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcploop/mcploop/bench/result"
)

func TestProgressOnATerminal(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: 60}); err != nil {
		t.Fatal(err)
	}
	p := newProgress(tty, time.Hour)
	p.Step("a step", time.Minute)
	p.Second(result.Sample{Calls: 12345}, 20_000)
	buf := make([]byte, 1024)
	k, err := master.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	got := string(buf[:k])
	if !strings.HasPrefix(got, "\r\x1b[Ka step, 1h0m0s left: 12345 calls/s of 20000") ||
		strings.Contains(got, "\n") || len(got) > 4+59 {
		t.Errorf("got %q, want one line of at most 59 columns", got)
	}
}

func TestProgressElsewhere(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b, time.Hour)
	p.Step("a step", time.Minute)
	for range 12 {
		p.Second(result.Sample{Conns: 7, Refused: 3, RSS: 5 << 20}, 0)
	}
	p.End(nil)
	if got := b.String(); strings.Count(got, "\n") != 2 || strings.Contains(got, "\r") ||
		!strings.Contains(got, "7 connections, 3 refused, server 0% CPU 5.0 MB") {
		t.Errorf("got %q, want two plain lines", got)
	}
}
