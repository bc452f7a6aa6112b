package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server"
)

// mixed are a hundred messages of all sorts, one a line, that are answered in order.
func mixed() []string {
	lines := make([]string, 100)
	for i := range lines {
		id := fmt.Sprint(i)
		switch i % 5 {
		case 0:
			message := fmt.Sprintf(`{"message":"é 漢 🎉 \u00e9 \"%d\""}`, i)
			lines[i] = modernCall(id, "echo", message)
		case 1:
			lines[i] = modernCall(id, "nobody", `{}`)
		case 2:
			lines[i] = `{"jsonrpc":"2.0","id":` + id + `,"method":"ping"}`
		case 3:
			lines[i] = `{"jsonrpc":"2.0","id":` + id
		case 4:
			lines[i] = modernCall(id, "crash_inline", `{}`) + "\r"
		}
	}
	return lines
}

func (c *peerConn) readLines(n int) []string {
	c.t.Helper()
	lines := make([]string, n)
	for i := range lines {
		lines[i] = c.read()
	}
	return lines
}

// A hundred messages byte by byte are answered as if they came at once.
func TestFaultByteByByte(t *testing.T) {
	r := start(t, nil)
	r.watch()
	lines := mixed()
	whole := r.dialTCP()
	whole.send(strings.Join(lines, "\n") + "\n")
	want := whole.readLines(len(lines))
	for _, c := range []*peerConn{r.dialTCP(), r.dial("unix", r.unix)} {
		for _, b := range []byte(strings.Join(lines, "\n") + "\n") {
			c.send(string([]byte{b}))
		}
		for i, got := range c.readLines(len(lines)) {
			if got != want[i] {
				t.Fatalf("%s was answered %s; want %s", lines[i], got, want[i])
			}
		}
	}
}

// A message that comes in two parts, cut at every offset, also inside a character and an
// escape, is answered like the whole one.
func TestFaultSplitAtEveryOffset(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Loops.Count = 1 })
	r.watch()
	message := modernCall("1", "echo", `{"message":"é漢🎉 \u00e9\ud83c\udf89\n"}`) + "\r\n"
	c, other := r.dialTCP(), r.dialTCP()
	c.send(message)
	want := c.read()
	for at := 1; at < len(message); at++ {
		c.send(message[:at])
		// Once this is answered the one loop has read the first part.
		other.ask(modernCall("2", "echo", `{"message":"m"}`))
		c.send(message[at:])
		if got := c.read(); got != want {
			t.Fatalf("cut at %d it was answered %s; want %s", at, got, want)
		}
	}
}

// Ten thousand lines in one write are answered in order by a tool that runs on the loop.
func TestFaultPipelined10000InlineCallsInOrder(t *testing.T) {
	r := start(t, nil)
	r.watch()
	var all strings.Builder
	for i := range 10_000 {
		fmt.Fprintln(&all, modernCall(fmt.Sprint(i), "echo", fmt.Sprintf(`{"message":"m%d"}`, i)))
	}
	for _, c := range []*peerConn{r.dialTCP(), r.dial("unix", r.unix)} {
		go func() { _, _ = io.WriteString(c.Conn, all.String()) }()
		for i := range 10_000 {
			got := c.read()
			if replyID(got) != fmt.Sprint(i) || !strings.Contains(got, fmt.Sprintf(`"m%d"`, i)) {
				t.Fatalf("answer %d is %s", i, got)
			}
		}
	}
}

// Ten thousand blocking calls in one write are all answered, each once: at the limit of calls
// in flight the connection is held, nothing is lost and nothing refused. So it is at any limit.
func TestFaultPipelined10000BlockingCallsAreHeldNotLost(t *testing.T) {
	for limit, calls := range map[int]int{1: 300, 2: 500, 64: 3000, 0: 10_000} {
		t.Run(fmt.Sprintf("limit=%d", limit), func(t *testing.T) {
			r := start(t, func(o *server.Options) { o.Limits.InFlightPerConn = limit })
			r.watch()
			var all strings.Builder
			for i := range calls {
				fmt.Fprintln(&all, modernCall(fmt.Sprint(i), "slow", `{"ms":0}`))
			}
			c := r.dialTCP()
			go func() { _, _ = io.WriteString(c.Conn, all.String()) }()
			seen := map[string]bool{}
			for len(seen) < calls {
				got := c.read()
				if id := replyID(got); code(got) != 0 || seen[id] {
					t.Fatalf("answer %d is %s (again: %v)", len(seen), got, seen[id])
				}
				seen[replyID(got)] = true
			}
			if got := c.ask(modernCall("77", "echo", `{"message":"m"}`)); replyID(got) != "77" {
				t.Errorf("after all came %s", got)
			}
		})
	}
}

// A half-closed peer gets all its answers, also those of blocking calls that still wait, and
// then the end of the stream. Half a line behind them is no message.
func TestFaultHalfCloseAfterTheLastRequest(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.InFlightPerConn = 8 })
	r.watch()
	for _, door := range []string{"tcp", "unix"} {
		for _, tail := range []string{"", `{"jsonrpc":"2.0","id":1`} {
			c := r.dialTCP()
			if door == "unix" {
				c = r.dial("unix", r.unix)
			}
			var all strings.Builder
			for i := range 50 {
				fmt.Fprintln(&all, modernCall(fmt.Sprint(2*i), "echo", `{"message":"m"}`))
				fmt.Fprintln(&all, modernCall(fmt.Sprint(2*i+1), "slow", `{"ms":1}`))
			}
			c.send(all.String() + tail)
			closeWrite(t, c.Conn)
			seen := map[string]bool{}
			for _, got := range c.readLines(100) {
				seen[replyID(got)] = code(got) == 0
			}
			if len(seen) != 100 {
				t.Errorf("%s: %d of 100 calls were answered", door, len(seen))
			}
			if !c.ended() {
				t.Errorf("%s: after the answers there is no end of the stream", door)
			}
		}
	}
}

func closeWrite(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
}

// reset ends a TCP connection with RST instead of FIN.
func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// A reset in the middle of a message costs nobody anything.
func TestFaultResetMidMessage(t *testing.T) {
	r := start(t, nil)
	r.watch()
	for range 50 {
		c := r.dialTCP()
		c.send(modernCall("1", "echo", `{"message":"m"}`) + "\n" + `{"jsonrpc":"2.0","id":1,"met`)
		c.read()
		reset(c.Conn)
	}
}

// A reset in the middle of calls cancels them and frees their slots, also while the connection
// is held at its limit.
func TestFaultResetMidCall(t *testing.T) {
	for limit, accepted := range map[int]float64{0: 10, 2: 2, 5: 5} {
		t.Run(fmt.Sprintf("limit=%d", limit), func(t *testing.T) {
			playResetMidCall(t, limit, accepted)
		})
	}
}

func playResetMidCall(t *testing.T, limit int, accepted float64) {
	r, cage := startCaged(t, func(o *server.Options) {
		o.Queue.Workers, o.Limits.InFlightPerConn = 2, limit
	})
	r.watch()
	defer cage.release()
	c := r.dialTCP()
	for i := range 10 {
		c.line(modernCall(fmt.Sprint(i), "caged", `{"message":"m"}`))
	}
	wait(t, "one runs", cage.entered)
	wait(t, "two run", cage.entered)
	eventually(t, "the calls are accepted", func() bool {
		return r.value("mcploop_calls_in_flight") == accepted
	})
	reset(c.Conn)
	cage.waitCause(t, server.ErrDisconnected)
	cage.waitCause(t, server.ErrDisconnected)
	eventually(t, "the slots are free", func() bool {
		return r.value("mcploop_calls_in_flight") == 0 && r.value("mcploop_workers_busy") == 0
	})
	if n := r.value("mcploop_calls_cancelled_total"); n != accepted {
		t.Errorf("%v calls were cancelled; want %v", n, accepted)
	}
}

// A reset while answers are on their way leaves nothing behind.
func TestFaultResetMidReply(t *testing.T) {
	r := start(t, nil)
	r.watch()
	call := modernCall("1", "echo", `{"message":"`+strings.Repeat("x", 100_000)+`"}`) + "\n"
	for range 20 {
		c := r.dialTCP()
		c.send(call + call + call)
		if _, err := c.r.Peek(1000); err != nil {
			t.Fatal(err)
		}
		reset(c.Conn)
	}
}

// Bytes of other protocols on the line door are answered -32700 or cut; they never reach a tool
// and never hang.
func TestFaultForeignProtocolOnTheLineDoor(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.FrameTimeout = 300 * time.Millisecond })
	r.watch()
	for name, hello := range map[string]string{
		"http": "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
		"websocket": "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n" +
			"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
			"Sec-WebSocket-Version: 13\r\n\r\n",
		"http2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		"ssh":   "SSH-2.0-OpenSSH_9.6\r\n",
		"tls":   "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03",
		"frame": "\x00\x00\x00\x2a{\"jsonrpc\":\"2.0\"}",
	} {
		c := r.dialTCP()
		c.send(hello)
		closes := bufio.NewScanner(c.r)
		answers := 0
		for c.SetReadDeadline(time.Now().Add(patience)) == nil && closes.Scan() {
			if got := code(closes.Text()); got != -32700 && got != -31001 && got != -32600 {
				t.Errorf("%s was answered %q", name, closes.Text())
			}
			if answers++; answers == strings.Count(hello, "\n") && strings.HasSuffix(hello, "\n") {
				break // all lines are answered; the connection stays open
			}
			if strings.HasSuffix(hello, "\r\n\r\n") && answers == strings.Count(hello, "\n")-1 {
				break // an empty line is no frame
			}
		}
		if closes.Err() != nil || answers == 0 {
			t.Errorf("%s: %d answers, %v", name, answers, closes.Err())
		}
	}
}
