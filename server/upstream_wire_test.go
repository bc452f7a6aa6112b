package server_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server/gateway"
)

const (
	webStream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
	callers   = 20
)

// writes sends text and then what more says, until the gateway ends the connection.
func writes(text string, more func(c *webCall) error) func(*webCall) error {
	return func(c *webCall) error {
		text := strings.ReplaceAll(text, "ID", c.id)
		if _, body, ok := strings.Cut(text, "LEN\r\n"); ok { // of one chunk
			body, _, _ = strings.Cut(body, "\r\n")
			text = strings.ReplaceAll(text, "LEN", fmt.Sprintf("%x", len(body)))
		}
		_, err := io.WriteString(c, text)
		for err == nil && more != nil {
			err = more(c)
		}
		return err
	}
}

// endless sends the same again and again, and counts it.
func endless(text string, sent *atomic.Int64) func(*webCall) error {
	return func(c *webCall) error {
		n, err := io.WriteString(c, text)
		sent.Add(int64(n))
		return err
	}
}

// droppedOnTheWire are those of its cases in which something is counted, for each of the callers.
var droppedOnTheWire = map[string]dropped{
	"1 GB, announced": {tooLarge: 1}, "1 GB, in chunks": {tooLarge: 1},
	"1 GB, in one event": {tooLarge: 1}, "wrong id": {strays: 1}, "duplicate": {strays: 1},
	"HTML, 200": {noise: 1},
}

// TestUpstreamOnTheWire: whatever an upstream sends or does not send in answer to a call, each of
// twenty callers gets one error, the other upstreams answer, and the next call is served.
func TestUpstreamOnTheWire(t *testing.T) {
	var sent atomic.Int64
	block := strings.Repeat("x", 64<<10)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(block), block)
	note := `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":1}}` + "\n\n"
	head := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	right := `{"jsonrpc":"2.0","id":ID,"result":` + webResult + `}`
	for name, c := range map[string]struct {
		call func(*webCall) error
		want int // 0: the answer
		text string
	}{
		"silence": {silent, -31001, "nothing of an answer came within 150ms"},
		"headers then silence": {
			writes(head+"Content-Length: 9\r\n\r\n", silent), -31001, "nothing more of the answer",
		},
		"half a body then silence": {
			writes(head+"Content-Length: 9\r\n\r\n{", silent), -31001, "nothing more of the answer",
		},
		"a stream then silence": {writes(webStream+note, silent), -31001, "nothing more"},
		"drip": {
			writes(webStream, drips(50*time.Millisecond)), -31001, "timed out",
		},
		"1 GB, announced": {
			writes(head+"Content-Length: 1073741824\r\n\r\n", endless(block, &sent)), -31002,
			"too large",
		},
		"1 GB, in chunks": {
			writes(head+"Transfer-Encoding: chunked\r\n\r\n", endless(chunk, &sent)), -31002,
			"too large",
		},
		"1 GB, in one event": {
			writes(webStream+"data: ", endless(block, &sent)), -31002, "too large",
		},
		"endless events": {writes(webStream, endless(note, &sent)), -31001, "timed out"},
		"endless head":   {writes(head, endless("A: "+block+"\r\n", &sent)), -31002, "answer"},
		"garbage": {
			func(c *webCall) error { return errors.Join(io.EOF, c.garbage()) }, -31002,
			"not an answer",
		},
		"HTML": {
			writes("HTTP/1.1 502 Bad\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<h1>",
				nil), -31002, "502: <h1>",
		},
		"HTML, 200": {
			writes("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<h1>",
				nil), -31002, "content type",
		},
		"wrong id": {
			writes(webStream+`data: {"jsonrpc":"2.0","id":5,"result":{}}`+"\n\n", cuts), -31002,
			"ended before its answer",
		},
		"duplicate": {
			writes(webStream+"data: "+right+"\n\ndata: "+right+"\n\n", silent), 0, `"well"`,
		},
		"other type": {
			writes(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close"+
				"\r\n\r\n%s", right), cuts), 0, `"well"`,
		},
		"slow close": {
			writes("HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"+
				"LEN\r\n"+right+"\r\n0\r\n\r\n", silent), 0, `"well"`,
		},
		"cut": {writes(head+"Content-Length: 90\r\n\r\n{", cuts), -31002, "server has gone"},
	} {
		t.Run(name, func(t *testing.T) {
			w := startWeb(t, c.call)
			g := besideWeb(t, w, func(o *gateway.Options) {
				o.Client.MessageBytesMax = 256 << 10
				o.Client.HTTPConnsMax = callers
				o.BreakerFailures = -1
				if o.Timeout = time.Minute; c.want == -31001 {
					o.Timeout, o.FirstByte = 500*time.Millisecond, 150*time.Millisecond
					o.BetweenBytes = 150 * time.Millisecond
				}
			})
			g.eachOnce("sick__bad", c.want, c.text)
			g.unharmed()
			eventually(t, "the next call is served", func() bool {
				return strings.Contains(g.call("good"), `"well"`)
			})
			eventually(t, "nothing is in flight", func() bool { return g.ofSick("in_flight") == 0 })
			g.hasDropped(droppedOnTheWire[name].times(callers))
		})
	}
	if got := sent.Load(); got > 1<<30 {
		t.Errorf("the gateway has read %d bytes of answers that are too large", got)
	}
}

// drips sends one byte at a time, forever.
func drips(every time.Duration) func(*webCall) error {
	return func(c *webCall) error {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(c, ":"); err != nil {
				return err
			}
		}
		return nil
	}
}

// eachOnce has twenty callers call a tool at the same time: each gets one answer, and no more.
func (r *running) eachOnce(tool string, want int, text string) {
	r.t.Helper()
	c := r.dialTCP()
	c.initialize("2025-11-25")
	for id := range callers {
		c.line(legacyCall(fmt.Sprint(id), tool, "{}"))
	}
	seen := map[string]int{}
	for range callers {
		got := c.read()
		seen[replyID(got)]++
		if code(got) != want || !strings.Contains(got, text) {
			r.t.Errorf("got %.300s, want %d and %q", got, want, text)
		}
	}
	if len(seen) != callers {
		r.t.Errorf("%d of %d callers were answered: %v", len(seen), callers, seen)
	}
	if got := c.ask(`{"jsonrpc":"2.0","id":"end","method":"ping"}`); replyID(got) != `"end"` {
		r.t.Errorf("got %s behind all answers", got)
	}
}

// TestUpstreamRefusesConnections: an upstream that was there and takes no connection any more
// fails each call once, and its breaker spares it the rest.
func TestUpstreamRefusesConnections(t *testing.T) {
	w := startWeb(t, answersWell)
	g := besideWeb(t, w, func(o *gateway.Options) { o.RetryPercent = -1 })
	_ = w.close()
	w.cut()
	for range 5 {
		g.fails("good", 1, -31002, `"upstream":"sick"`)
	}
	g.eachOnce("sick__good", -31002, `"retryAfterMs":`)
	g.unharmed()
}

// TestUpstreamHasNoAddress: a name that nobody knows is an upstream that is not there.
func TestUpstreamHasNoAddress(t *testing.T) {
	g := beside(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "http://nobody.invalid/mcp"}
	})
	eventually(t, "it is tried again", func() bool { return g.ofSick("starts_total") >= 2 })
	g.unharmed()
	g.logs("nobody.invalid")
}

// TestRedirectsAreNotFollowed: an upstream cannot send the gateway, and its credentials, elsewhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	reached := make(chan string, 1)
	var all sync.WaitGroup
	all.Go(func() {
		if c, err := elsewhere.Accept(); err == nil {
			c.Close()
			reached <- "somebody"
		}
	})
	for _, status := range []int{301, 302, 303, 307, 308} {
		w := startWeb(t, func(c *webCall) error {
			return c.raw(status, "text/plain", "", fmt.Sprintf("Location: http://%s/\r\n",
				elsewhere.Addr()))
		})
		g := besideWeb(t, w, func(*gateway.Options) {})
		g.fails("bad", 1, -31002, fmt.Sprint(status))
	}
	elsewhere.Close()
	all.Wait()
	if len(reached) > 0 {
		t.Error("the gateway has followed a redirect")
	}
}

// TestClientsCredentialsStayHere: nothing of what a client's request carries in its headers appears
// in the bytes that the upstream gets.
func TestClientsCredentialsStayHere(t *testing.T) {
	seen := make(chan string, 1)
	w := startWeb(t, func(c *webCall) error {
		var raw strings.Builder
		_ = c.head.Write(&raw)
		seen <- raw.String() + c.body
		return answersWell(c)
	})
	g := besideWeb(t, w, func(o *gateway.Options) {
		o.Client.Headers = map[string]string{"Authorization": "Bearer ours"}
	})
	const canary = "canary-7f3a"
	request := modernCall("1", "sick__bad", "{}")
	hr, err := http.NewRequest("POST", "http://"+g.http+"/mcp", strings.NewReader(request))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call",
		"Mcp-Name": "sick__bad", "Authorization": "Bearer " + canary, "Cookie": "s=" + canary,
		"Proxy-Authorization": "Basic " + canary, "X-Api-Key": canary,
		"Mcp-Session-Id": canary, "Forwarded": "for=" + canary,
	} {
		hr.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(hr)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if !strings.Contains(string(body), `"well"`) {
		t.Fatalf("got %s", body)
	}
	raw := wait(t, "the upstream is called", seen)
	if strings.Contains(raw, canary) || !strings.Contains(raw, "Bearer ours") {
		t.Errorf("the upstream got %s", raw)
	}
}
