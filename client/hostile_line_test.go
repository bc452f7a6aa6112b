package client_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
)

// scripted connects in the legacy era to a raw server that answers the n-th request (from 1) by
// play.
func scripted(t *testing.T, opt client.Options, play func(w io.Writer, n int, id string),
) *client.Client {
	t.Helper()
	opt.URL = "tcp://" + listen(t, func(conn net.Conn) { script(conn, play) })
	opt.Era = client.Legacy
	return connect(t, opt)
}

func script(conn net.Conn, play func(w io.Writer, n int, id string)) {
	lines := bufio.NewScanner(conn)
	for n := 0; lines.Scan(); {
		_, rest, ok := strings.Cut(lines.Text(), `"id":`)
		if !ok {
			continue
		}
		id, _, _ := strings.Cut(rest, ",")
		if strings.Contains(lines.Text(), `"initialize"`) {
			fmt.Fprintf(conn, initializeAnswer+"\n", id)
			continue
		}
		n++
		play(conn, n, id)
	}
}

func result(id string, n int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"n":%d}}`+"\n", id, n)
}

func wantRaw(t *testing.T, c *client.Client, want string) {
	t.Helper()
	raw, err := c.Raw(testContext(t), "any", nil)
	if err != nil || string(raw) != want {
		t.Errorf("got %s, %v; want %s", raw, err, want)
	}
}

// TestStrayAnswers: unknown, repeated and foreign ids are dropped and counted.
func TestStrayAnswers(t *testing.T) {
	c := scripted(t, client.Options{}, func(w io.Writer, n int, id string) {
		ids := []string{`1`, `0`, `-1`, `"x"`, `99999999999999999999`, `"` + id + `"`}
		for _, wrong := range ids {
			fmt.Fprint(w, result(wrong, -1))
		}
		fmt.Fprint(w, result(id, n), result(id, -2))
	})
	wantRaw(t, c, `{"n":1}`)
	wantRaw(t, c, `{"n":2}`)
	if got := c.Stats(); got.Strays < 13 || got.Answers != 3 {
		t.Errorf("got %+v, want at least 13 strays", got)
	}
}

// TestDecimalID is a server that holds ids as doubles.
func TestDecimalID(t *testing.T) {
	c := scripted(t, client.Options{}, func(w io.Writer, n int, id string) {
		fmt.Fprint(w, result(id+".0", n))
	})
	wantRaw(t, c, `{"n":1}`)
}

// TestNullID: an error without an id is for the only call there is.
func TestNullID(t *testing.T) {
	c := scripted(t, client.Options{}, func(w io.Writer, n int, _ string) {
		fmt.Fprintln(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"too large"}}`)
	})
	_, err := c.Raw(testContext(t), "any", nil)
	if err == nil || !strings.Contains(err.Error(), "too large (code -32600)") {
		t.Errorf("got %v", err)
	}
}

func TestOversizeAnswer(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	c := scripted(t, client.Options{MessageBytesMax: 65_536}, func(w io.Writer, n int, id string) {
		switch n {
		case 1:
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"x":"%s"}}`+"\n", id, long)
		case 2:
			fmt.Fprintf(w, `{"result":{"x":"%s"},"id":%s,"jsonrpc":"2.0"}`+"\n", long, id)
		default:
			fmt.Fprint(w, result(id, n))
		}
	})
	for range 2 {
		_, err := c.Raw(testContext(t), "any", nil)
		wantError(t, err, client.ErrTooLarge)
	}
	wantRaw(t, c, `{"n":3}`)
	if got := c.Stats().TooLarge; got != 2 {
		t.Errorf("got %d too large, want 2", got)
	}
}

// TestAnswerThatCannotBeRead fails its call at once; what only looks like an answer is passed over.
func TestAnswerThatCannotBeRead(t *testing.T) {
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	c := scripted(t, client.Options{}, func(w io.Writer, n int, id string) {
		switch n {
		case 1:
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"x":%s}}`+"\n", id, deep)
		case 2:
			fmt.Fprintf(w, `{"result":{"x":%s},"id":%s,"jsonrpc":"2.0"}`+"\n", deep, id)
		case 3:
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"x":1}`+"\n", id)
			fmt.Fprint(w, result(id, n))
		default:
			fmt.Fprintf(w, `{"level":"info","id":%s,"message":"at work"}`+"\n", id)
			fmt.Fprintf(w, `DEBUG {"id":%s,"result":{}}`+"\n", id)
			fmt.Fprint(w, result(id, n))
		}
	})
	for range 3 {
		_, err := c.Raw(testContext(t), "any", nil)
		wantError(t, err, client.ErrAnswer)
	}
	wantRaw(t, c, `{"n":4}`)
}

// TestEndlessLine is cut at the limit; the call fails though the line never ends.
func TestEndlessLine(t *testing.T) {
	opt := client.Options{MessageBytesMax: 65_536, CloseGrace: 10 * time.Millisecond}
	c := scripted(t, opt, func(w io.Writer, _ int, id string) {
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":"`, id)
		for err := error(nil); err == nil; {
			_, err = io.WriteString(w, strings.Repeat("x", 4096))
		}
	})
	_, err := c.Raw(testContext(t), "any", nil)
	wantError(t, err, client.ErrTooLarge)
}

// TestServerRequests: ping is answered, everything else refused, on the same connection.
func TestServerRequests(t *testing.T) {
	got := make(chan string, 2)
	url := "tcp://" + listen(t, func(conn net.Conn) {
		script(conn, func(w io.Writer, _ int, id string) {
			fmt.Fprintln(w, `{"jsonrpc":"2.0","id":"p","method":"ping"}`)
			fmt.Fprintln(w, `{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage"}`)
			answers := bufio.NewReader(conn)
			for range 2 {
				line, _ := answers.ReadString('\n')
				got <- line
			}
			fmt.Fprint(w, result(id, 1))
		})
	})
	c := connect(t, client.Options{URL: url, Era: client.Legacy})
	wantRaw(t, c, `{"n":1}`)
	if line := <-got; line != `{"jsonrpc":"2.0","id":"p","result":{}}`+"\n" {
		t.Errorf("got %q for ping", line)
	}
	if line := <-got; !strings.HasPrefix(line, `{"jsonrpc":"2.0","id":7,"error":{"code":-32601`) {
		t.Errorf("got %q for sampling", line)
	}
}

func TestNotifications(t *testing.T) {
	got := make(chan string, 2)
	opt := client.Options{OnNotification: func(method string, params []byte) {
		got <- method + string(params)
	}}
	c := scripted(t, opt, func(w io.Writer, n int, id string) {
		fmt.Fprintln(w, `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":1}}`)
		fmt.Fprintln(w, `{"jsonrpc":"2.0","method":"notifications/progress",`+
			`"params":{"progressToken":"not ours","progress":1}}`)
		fmt.Fprint(w, result(id, n))
	})
	wantRaw(t, c, `{"n":1}`)
	if m := <-got; m != `notifications/message{"data":1}` {
		t.Errorf("got %q", m)
	}
	if m := <-got; !strings.HasPrefix(m, "notifications/progress") {
		t.Errorf("got %q", m)
	}
}

// TestSplitAnswer sends an answer byte by byte.
func TestSplitAnswer(t *testing.T) {
	c := scripted(t, client.Options{}, func(w io.Writer, n int, id string) {
		for _, b := range []byte(result(id, n)) {
			_, _ = w.Write([]byte{b})
		}
	})
	wantRaw(t, c, `{"n":1}`)
	wantRaw(t, c, `{"n":2}`)
}

// TestGoneMidAnswer: a reset and a half-close in the middle of a frame.
func TestGoneMidAnswer(t *testing.T) {
	for name, end := range map[string]func(*net.TCPConn) error{
		"reset": func(c *net.TCPConn) error { return c.SetLinger(0) },
		"half":  func(c *net.TCPConn) error { return c.CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			c := scripted(t, client.Options{}, func(w io.Writer, _ int, id string) {
				fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"res`, id)
				_ = end(w.(*net.TCPConn))
				_ = w.(*net.TCPConn).CloseRead()
			})
			_, err := c.Raw(testContext(t), "any", nil)
			wantError(t, err, client.ErrGone)
		})
	}
}

// TestManyInFlight: what is above the bound is refused, and nothing else suffers.
func TestManyInFlight(t *testing.T) {
	release := make(chan struct{})
	c := scripted(t, client.Options{InFlightMax: 3}, func(w io.Writer, n int, id string) {
		if n == 3 {
			<-release
		}
		if n > 3 {
			fmt.Fprint(w, result(id, n))
		}
	})
	ended := make(chan error, 3)
	for range 3 {
		go func() {
			_, err := c.Raw(t.Context(), "any", nil)
			ended <- err
		}()
	}
	waitUntil(t, "three are in flight", func() bool { return c.Stats().InFlight == 3 })
	_, err := c.Raw(testContext(t), "any", nil)
	wantError(t, err, client.ErrOverloaded)
	close(release)
	_ = c.Close()
	for range 3 {
		wantError(t, await(t, "the calls to end", ended), client.ErrClosed)
	}
}
