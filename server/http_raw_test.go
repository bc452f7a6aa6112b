package server_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/server"
)

// livez is a small whole request; behind a refused one it must stay unread.
const livez = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"

// oneLoop puts every connection on the same loop.
func oneLoop(o *server.Options) { o.Loops.Count = 1 }

// wirePost is the text of a POST /mcp with what its body calls for, and more header lines.
func wirePost(body string, more ...string) string {
	return wireRequest("POST /mcp HTTP/1.1", body, more...)
}

func wireRequest(first, body string, more ...string) string {
	h := http.Header{}
	setModernHeaders(h, body)
	lines := []string{first}
	if !strings.Contains(strings.Join(more, "\n"), "Host:") {
		lines = append(lines, "Host: localhost")
	}
	lines = append(lines, "Content-Type: application/json",
		"Accept: application/json, text/event-stream")
	lines = append(lines, more...)
	for name := range h {
		lines = append(lines, name+": "+h.Get(name))
	}
	if !strings.Contains(strings.Join(more, "\n"), "Transfer-Encoding:") {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

// httpAnswer is one whole response.
type httpAnswer struct {
	*http.Response
	body string
}

// answer reads the next response; method is the one of its request.
func (c *peerConn) answer(method string) httpAnswer {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("cannot read a response: %v", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("cannot read the body of %s: %v", resp.Status, err)
	}
	return httpAnswer{resp, string(body)}
}

// exchange sends a request and reads its response.
func (c *peerConn) exchange(wire string) httpAnswer {
	c.t.Helper()
	c.send(wire)
	method, _, _ := strings.Cut(wire, " ")
	return c.answer(method)
}

// onlyAnswer reads until the connection ends and returns the one response that came.
func (c *peerConn) onlyAnswer() httpAnswer {
	c.t.Helper()
	all, err := io.ReadAll(c.r)
	if err != nil {
		c.t.Fatalf("the connection did not end cleanly: %v after %q", err, all)
	}
	if n := bytes.Count(all, []byte("HTTP/1.1 ")); n != 1 {
		c.t.Fatalf("got %d status lines, want 1: %q", n, all)
	}
	r := bufio.NewReader(bytes.NewReader(all))
	resp, err := http.ReadResponse(r, &http.Request{Method: "POST"})
	if err != nil {
		c.t.Fatalf("cannot read the response: %v: %q", err, all)
	}
	body, err := io.ReadAll(resp.Body)
	if rest, _ := io.ReadAll(r); err != nil || len(rest) > 0 {
		c.t.Fatalf("error %v, %q behind the response", err, rest)
	}
	return httpAnswer{resp, string(body)}
}

// refused checks that the connection ends with one refusal of this status and nothing else.
func (c *peerConn) refused(want int) httpAnswer {
	c.t.Helper()
	a := c.onlyAnswer()
	if a.StatusCode != want || !a.Close || code(a.body) == 0 {
		c.t.Fatalf("got %s (close: %v) %s, want %d and close", a.Status, a.Close, a.body, want)
	}
	return a
}

// vectors runs every vector over a connection of its own. A vector must be answered with one
// refusal, the request behind it must stay unread, and a bystander must not notice anything.
func (r *running) vectors(f func(row func(name, wire string, status int))) {
	canary := r.dialHTTP()
	f(func(name, wire string, status int) {
		r.t.Helper()
		c := r.dialHTTP()
		c.send(wire + livez)
		all, _ := io.ReadAll(c.r)
		c.Close()
		again := &peerConn{Conn: c.Conn, t: r.t, r: bufio.NewReader(bytes.NewReader(all))}
		first, _, _ := bytes.Cut(all, []byte("\r\n"))
		lines := bytes.Count(all, []byte("HTTP/1.1 "))
		if lines != 1 || !strings.HasPrefix(string(first), fmt.Sprintf("HTTP/1.1 %d ", status)) {
			r.t.Errorf("%s: %d status lines, want %d once: %q", name, lines, status, all)
			return
		}
		again.refused(status)
		if a := canary.exchange(livez); a.StatusCode != 200 {
			r.t.Errorf("%s: the bystander got %s", name, a.Status)
		}
	})
}

// messages are the JSON-RPC messages of a response's body.
func (a httpAnswer) messages() []string {
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/event-stream") {
		return []string{a.body}
	}
	var list []string
	body := []byte(a.body)
	var reader codec.EventReader
	for {
		var e codec.Event
		n, ok, err := reader.Next(body, &e)
		if err != nil || !ok {
			return list
		}
		if body = body[n:]; len(e.Data) > 0 { // else the priming event
			list = append(list, string(e.Data))
		}
	}
}

// feed reads an event stream while it is open.
type feed struct {
	t    *testing.T
	resp *http.Response
	r    *bufio.Reader
}

func (r *running) feed(resp *http.Response) *feed {
	r.t.Helper()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		r.t.Fatalf("got %s %q %s, want an event stream", resp.Status, got, r.text(resp))
	}
	return &feed{r.t, resp, bufio.NewReader(resp.Body)}
}

// next is the data of the next event with some, "" at the stream's end.
func (f *feed) next() string {
	f.t.Helper()
	for {
		line, err := f.r.ReadString('\n')
		switch data, ok := strings.CutPrefix(line, "data: "); {
		case ok && data != "\n": // which primes
			return strings.TrimSuffix(data, "\n")
		case err == io.EOF:
			return ""
		case err != nil:
			f.t.Fatalf("the stream broke: %v", err)
		}
	}
}

// drip writes one byte after the other, as long as the peer lets it.
func drip(c io.Writer, text string, every time.Duration, done <-chan struct{}) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := 0; ; i = (i + 1) % len(text) {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		if _, err := c.Write([]byte{text[i]}); err != nil {
			return
		}
	}
}

// chunks cuts body into chunks of n bytes, with the last chunk and the empty line behind them.
func chunks(body string, n int) string {
	var wire strings.Builder
	for part := range slices.Chunk([]byte(body), n) {
		fmt.Fprintf(&wire, "%x\r\n%s\r\n", len(part), part)
	}
	return wire.String() + "0\r\n\r\n"
}
