package client_test

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

	"github.com/gobwas/ws"

	"github.com/mcploop/mcploop/client"
)

const pingID = `"s"`

const numberOne = `{"jsonrpc":"2.0","id":%s,"result":{"n":1}}`

// chatty connects, over the wire of that name, to a server that when it is called says something so
// many times before it answers.
func chatty(t *testing.T, opt client.Options, wire, said string, many int) *client.Client {
	t.Helper()
	events := func(id string) string {
		begin := "data: "
		if strings.HasPrefix(said, ":") {
			begin = ""
		}
		return strings.Repeat(begin+said+"\n\n", many) +
			fmt.Sprintf("data: "+numberOne+"\n\n", id)
	}
	switch wire {
	case "tcp":
		opt.Era = client.Legacy
		opt.URL = "tcp://" + listen(t, func(conn net.Conn) {
			script(conn, func(w io.Writer, _ int, id string) {
				if id == pingID {
					return // the answer to ours
				}
				fmt.Fprintf(w, strings.Repeat(said+"\n", many)+numberOne+"\n", id)
			})
		})
	case "ws":
		opt.URL = rawWS(t, func(p *wsPeer) {
			id := p.request()
			for range many {
				if said == "" {
					p.frame(ws.OpPing, true, said)
				} else {
					p.text(said)
				}
			}
			p.text(fmt.Sprintf(numberOne, id))
			_, _ = io.Copy(io.Discard, p.in) // answers to ours
		})
	case "http":
		opt.URL = rawHTTP(t, func(w net.Conn, _ *http.Request, id string) error {
			fmt.Fprint(w, streamHead, events(id))
			return errors.New("the stream ends")
		})
	case "sse":
		p := rawSSE(t, endpointEvent, takes)
		opt.URL = p.url
		go func() { fmt.Fprint(<-p.stream, events((<-p.posts).id)) }()
	}
	return connect(t, opt)
}

// TestNotices: what is no answer is taken as fast as it may come, and nothing of it is lost.
func TestNotices(t *testing.T) {
	const (
		rate, many = 2000, 1000 // 200 of them at once
		hello      = `{"jsonrpc":"2.0","method":"notifications/hello"}`
		stray      = `{"jsonrpc":"2.0","id":5,"result":{}}`
		ping       = `{"jsonrpc":"2.0","id":` + pingID + `,"method":"ping"}`
	)
	long := strings.Repeat("x", 1100)
	for _, c := range []struct{ wire, name, said string }{
		{"tcp", "notifications", hello},
		{"ws", "notifications", hello},
		{"http", "notifications", hello},
		{"sse", "notifications", hello},
		{"tcp", "strays", stray},
		{"http", "strays", stray},
		{"tcp", "noise", "hello"},
		{"tcp", "pings", ping},
		{"ws", "pings", ping},
		{"ws", "ping frames", ""},
		{"tcp", "empty lines", strings.Repeat("\n", 128)},
		{"http", "comments", ": " + long},
		{"sse", "comments", ": " + long},
	} {
		for _, bound := range []int{rate, -1} {
			t.Run(fmt.Sprint(c.wire, " ", c.name, " ", bound), func(t *testing.T) {
				t.Parallel()
				var told, held atomic.Int64
				opt := client.Options{
					NoticesPerSecond: bound, NoiseMax: 2 * many,
					OnNotification: func(string, []byte) { told.Add(1) },
					OnNoticesHeld:  func() { held.Add(1) },
				}
				wantRaw(t, chatty(t, opt, c.wire, c.said, many), `{"n":1}`)
				if (held.Load() > 0) != (bound > 0) {
					t.Errorf("it was held %d times", held.Load())
				}
				if c.said == hello && told.Load() != many {
					t.Errorf("%d of %d notifications came", told.Load(), many)
				}
			})
		}
	}
}

// TestNoticesOfABusyServer: a server that answers may say something with each answer.
func TestNoticesOfABusyServer(t *testing.T) {
	var held atomic.Int64
	opt := client.Options{NoticesPerSecond: 10, OnNoticesHeld: func() { held.Add(1) }}
	c := chatty(t, opt, "tcp", `{"jsonrpc":"2.0","method":"notifications/hello"}`, 10)
	for range 100 {
		wantRaw(t, c, `{"n":1}`)
	}
	if held.Load() != 0 {
		t.Errorf("it was held %d times", held.Load())
	}
}

// TestNoticesTakeTurns: all streams that say what they can are read, and a call whose stream says
// little is answered meanwhile.
func TestNoticesTakeTurns(t *testing.T) {
	const streams = 8
	event := `data: {"jsonrpc":"2.0","method":"notifications/hello","params":{"of":%q}}` + "\n\n"
	var mu sync.Mutex // guards told
	told := map[string]int{}
	url := rawHTTP(t, func(w net.Conn, r *http.Request, id string) error {
		if r.Header.Get("Mcp-Method") == "quiet" {
			fmt.Fprintf(w, streamHead+event+"data: "+numberOne+"\n\n", "quiet", id)
			return errors.New("the stream ends")
		}
		fmt.Fprint(w, streamHead)
		for {
			events := strings.Repeat(fmt.Sprintf(event, id), 100)
			if _, err := fmt.Fprint(w, events); err != nil {
				return err
			}
		}
	})
	c := connect(t, client.Options{
		URL: url, NoticesPerSecond: 5000, OnNotification: func(_ string, params []byte) {
			mu.Lock()
			told[string(params)]++
			mu.Unlock()
		},
	})
	for range streams {
		call := &client.Call{Method: "loud", Done: func(*client.Call, client.Answer) {}}
		if err := c.Mux().Start(call); err != nil {
			t.Fatal(err)
		}
	}
	waitUntil(t, "each of them has had turns", func() bool {
		mu.Lock()
		defer mu.Unlock()
		turns := 0
		for _, n := range told {
			if n > 300 {
				turns++
			}
		}
		return turns == streams
	})
	raw, err := c.Raw(testContext(t), "quiet", nil)
	if err != nil || string(raw) != `{"n":1}` {
		t.Errorf("got %s, %v", raw, err)
	}
}
