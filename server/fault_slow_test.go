package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server"
)

// waitOut lets time pass; nothing but the passing itself can be waited for.
func waitOut(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
}

// waitEnd reads until the connection ends and returns what came; cut tells that it ended by a
// reset.
func (c *peerConn) waitEnd() (text string, cut bool) {
	c.t.Helper()
	_ = c.SetDeadline(time.Now().Add(patience))
	all, err := io.ReadAll(c.r)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		c.t.Fatalf("the connection does not end: %v", err)
	}
	return string(all), err != nil
}

// A connection that says nothing is closed at the deadline of the first byte; one that was
// served before is not.
func TestFaultConnectAndSendNothing(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.FirstTimeout = 300 * time.Millisecond })
	r.watch()
	served := r.dialTCP()
	served.ask(modernCall("1", "echo", `{"message":"m"}`))
	var silent []*peerConn
	for range silentConns {
		silent = append(silent, r.dialTCP())
	}
	for _, c := range append(silent, r.dial("unix", r.unix), r.dialHTTP()) {
		if text, _ := c.waitEnd(); text != "" {
			t.Errorf("a silent connection was told %q", text)
		}
	}
	if got := served.ask(modernCall("2", "echo", `{"message":"m"}`)); replyID(got) != "2" {
		t.Errorf("the served connection got %s", got)
	}
}

// Half a line and no more is answered and closed at the frame's deadline.
func TestFaultNoNewlineForTheFrameTimeout(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.FrameTimeout = 300 * time.Millisecond })
	r.watch()
	for _, before := range []string{"", modernCall("1", "echo", `{"message":"m"}`) + "\n"} {
		c := r.dialTCP()
		if before != "" {
			c.send(before)
			c.read()
		}
		c.send(`{"jsonrpc":"2.0","id":1,"meth`)
		if text, _ := c.waitEnd(); code(text) != -31001 || strings.Count(text, "\n") != 1 {
			t.Errorf("half a line was answered %q", text)
		}
	}
}

// The deadline of a frame is absolute: a line that drips in byte by byte is cut all the same.
func TestFaultNeverEndingLineByteByByteIsCut(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.FrameTimeout = 500 * time.Millisecond })
	r.watch()
	c := r.dialTCP()
	end := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(c.r)
		end <- string(all)
	}()
	eventually(t, "the dripping line is cut", func() bool {
		_, err := c.Write([]byte(" "))
		return err != nil || len(end) > 0
	})
	if text := wait(t, "the end of the stream", end); text != "" && code(text) != -31001 {
		t.Errorf("the dripping line was answered %q", text)
	}
	if n := r.value("mcploop_loop_expired_total"); n != 1 {
		t.Errorf("%v connections expired; want 1", n)
	}
}

// A busy peer whose every write ends within a line is never cut: each line has its own deadline.
func TestFaultBusyPeerInTheMiddleOfALineIsNotCut(t *testing.T) {
	const frame = 400 * time.Millisecond
	r := start(t, func(o *server.Options) { o.Limits.FrameTimeout = frame })
	r.watch()
	c := r.dialTCP()
	call := modernCall("1", "echo", `{"message":"m"}`) + "\n"
	c.send(call[:10])
	for begin := time.Now(); time.Since(begin) < 3*frame; {
		c.send(call[10:] + call[:10])
		if got := c.read(); replyID(got) != "1" {
			t.Fatalf("got %s", got)
		}
		waitOut(20 * time.Millisecond)
	}
	c.send(call[10:])
	c.read()
}

// Calls that wait because the connection is held at its limit are no partial frame: they are
// answered however long the calls before them take, and so is half a line that was read ahead.
func TestFaultHeldCallsOutliveTheFrameDeadline(t *testing.T) {
	const frame = 300 * time.Millisecond
	r, cage := startCaged(t, func(o *server.Options) {
		o.Limits.FrameTimeout, o.Limits.IdleTimeout = frame, frame
		o.Limits.FirstTimeout, o.Limits.InFlightPerConn = frame, 2
	})
	defer cage.release()
	c := r.dialTCP()
	var all strings.Builder
	for i := range 5 {
		fmt.Fprintln(&all, modernCall(fmt.Sprint(i), "caged", `{"message":"m"}`))
	}
	last := modernCall("5", "caged", `{"message":"m"}`) + "\n"
	c.send(all.String() + last[:20])
	wait(t, "a call runs", cage.entered)
	waitOut(4 * frame)
	cage.release()
	c.send(last[20:])
	for _, got := range c.readLines(6) {
		if code(got) != 0 {
			t.Errorf("got %s", got)
		}
	}
	if text, _ := c.waitEnd(); text != "" { // idle now
		t.Errorf("then came %s", text)
	}
}

// A peer that asks and never reads: what waits for it is bounded, it is not read from, and it is
// cut as a slow consumer; nobody else notices.
func TestFaultSlowReaderIsBoundedAndCut(t *testing.T) {
	r := start(t, slowLimits)
	r.watch()
	id := strings.Repeat("p", 500)
	ping := strings.Repeat(`{"jsonrpc":"2.0","id":"`+id+`","method":"ping"}`+"\n", 100)
	r.floodUntilCut(r.dialDeaf(r.tcp), ping)
}

func slowLimits(o *server.Options) {
	o.Limits.WriteTimeout = 500 * time.Millisecond
	o.Limits.OutboxHighBytes, o.Limits.OutboxLowBytes = 64<<10, 16<<10
	o.Limits.OutboxMaxBytes = 256 << 10
}

// dialDeaf connects with hardly any room for what the server sends.
func (r *running) dialDeaf(addr string) net.Conn {
	r.t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
		})
	}}
	c, err := dialer.Dial("tcp", addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

// floodUntilCut sends chunk again and again and reads nothing.
func (r *running) floodUntilCut(c net.Conn, chunk string) {
	r.t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var err error
	sent := 0
	for _ = c.SetDeadline(time.Now().Add(patience)); ; sent += len(chunk) {
		if _, err = io.WriteString(c, chunk); err != nil {
			break
		}
		if sent > 512<<20 {
			r.t.Fatal("the server reads without end from a peer that does not")
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		r.t.Fatal("the slow consumer is not cut")
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 64<<20 {
		r.t.Errorf("the heap has grown by %d bytes", grown)
	}
	if n := r.value("mcploop_loop_slow_consumers_total"); n != 1 {
		r.t.Errorf("counted %v slow consumers; want 1", n)
	}
}

// A peer that is slow but does read gets everything.
func TestFaultSlowButSteadyReaderGetsAll(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.WriteTimeout = 500 * time.Millisecond })
	r.watch()
	c := r.dialTCP()
	const calls = 300
	message := `{"message":"` + strings.Repeat("x", 10_000) + `"}`
	go func() {
		for i := range calls {
			_, _ = fmt.Fprintln(c.Conn, modernCall(fmt.Sprint(i), "echo", message))
		}
	}()
	for i := range calls {
		if got := c.read(); replyID(got) != fmt.Sprint(i) {
			t.Fatalf("answer %d is %.100s", i, got)
		}
		if i%30 == 0 {
			waitOut(50 * time.Millisecond)
		}
	}
}

// One connection above the limit is refused at once; those that are served stay served, and a
// place that becomes free can be taken.
func TestFaultConnectionsMaxPlusOne(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.Connections = 10 })
	r.watch() // the canary is one of them
	var served []*peerConn
	for range 9 {
		c := r.dialTCP()
		c.ask(modernCall("1", "echo", `{"message":"m"}`))
		served = append(served, c)
	}
	for range 20 {
		conn, err := net.Dial("tcp", r.tcp)
		if err != nil {
			continue // the reset was faster than the client
		}
		c := &peerConn{Conn: conn, t: t, r: bufio.NewReader(conn)}
		if text, _ := c.waitEnd(); text != "" && code(text) == 0 {
			t.Errorf("one too many was told %q", text)
		}
		c.Close()
	}
	for _, c := range served {
		if got := c.ask(modernCall("2", "echo", `{"message":"m"}`)); replyID(got) != "2" {
			t.Errorf("a served connection got %s", got)
		}
	}
	if n := r.value("mcploop_loop_refused_total"); n != 20 {
		t.Errorf("counted %v refusals; want 20", n)
	}
	served[0].Close()
	eventually(t, "a free place is taken", func() bool {
		c, err := net.Dial("tcp", r.tcp)
		if err != nil {
			return false
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		_, _ = fmt.Fprintln(c, modernCall("1", "echo", `{"message":"m"}`))
		n, _ := c.Read(make([]byte, 1))
		return n == 1
	})
}

// Connections that come and go by the thousand, by FIN and by RST, with whole, half and no
// messages, leave nothing behind.
func TestFaultConnectCloseChurn(t *testing.T) {
	r := start(t, nil)
	r.watch()
	call := modernCall("1", "slow", `{"ms":0}`) + "\n"
	const dialers = 8
	errs := make(chan error, dialers)
	for range dialers {
		go func() { errs <- churn(r.tcp, call, churnConns/dialers) }()
	}
	for range dialers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	eventually(t, "all connections are gone", func() bool {
		return r.value("mcploop_connections") == 1
	})
	r.alive()
}

func churn(addr, call string, n int) error {
	for i := range n {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		switch i % 5 {
		case 1:
			_, _ = io.WriteString(c, call[:len(call)/2])
		case 2, 3:
			_, _ = io.WriteString(c, call)
		case 4:
			_, _ = io.WriteString(c, call)
			_, _ = c.Read(make([]byte, 1))
		}
		if i%2 == 0 {
			reset(c)
		} else {
			c.Close()
		}
	}
	return nil
}

// alive checks that a new connection is served.
func (r *running) alive() {
	r.t.Helper()
	c := r.dialTCP()
	defer c.Close()
	if got := c.ask(modernCall("1", "echo", `{"message":"m"}`)); replyID(got) != "1" {
		r.t.Errorf("a new connection got %s", got)
	}
}
