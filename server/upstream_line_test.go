package server_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// calling answers calls of tools as call says, on a goroutine of its connection, all else well.
func calling(call func(c *fakeConn, id string)) func(*fakeConn, *fakeMessage) string {
	return func(c *fakeConn, m *fakeMessage) string {
		if m.Method != "tools/call" {
			return well(c, m)
		}
		call(c, string(m.ID))
		return ""
	}
}

const lineAnswer = `{"jsonrpc":"2.0","id":%s,"result":{"content":[],"structuredContent":{"n":1}}}`

// droppedOnALine are those of its cases in which something is counted, for each of the callers. How
// often the connection ends through garbage is chance.
var droppedOnALine = map[string]dropped{
	"duplicate": {strays: 1}, "strays before it": {strays: 2, noise: 1}, "wrong id": {strays: 1},
	"too large, id in front": {tooLarge: 1}, "too large, id behind": {tooLarge: 1},
	"cannot be read": {noise: 1},
}

// TestUpstreamOnALine: what an upstream sends on the connection that all calls share reaches the
// call whose it is, once, and spoils no other.
func TestUpstreamOnALine(t *testing.T) {
	long := strings.Repeat("x", 300<<10)
	for name, c := range map[string]struct {
		call func(c *fakeConn, id string)
		want int
		text string
	}{
		"duplicate": {func(c *fakeConn, id string) {
			c.line(fmt.Sprintf(lineAnswer, id))
			c.line(fmt.Sprintf(lineAnswer, id))
		}, 0, `"n":1`},
		"strays before it": {func(c *fakeConn, id string) {
			c.line(fmt.Sprintf(lineAnswer, `"no id"`))
			c.line(fmt.Sprintf(lineAnswer, "5"))
			c.line("DEBUG: at work")
			c.line(fmt.Sprintf(lineAnswer, id))
		}, 0, `"n":1`},
		"wrong id": {func(c *fakeConn, _ string) {
			c.line(fmt.Sprintf(lineAnswer, "5"))
		}, -31001, "500ms"},
		"too large, id in front": {func(c *fakeConn, id string) {
			c.line(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"x":"%s"}}`, id, long))
		}, -31002, "too large"},
		"too large, id behind": {func(c *fakeConn, id string) {
			c.line(fmt.Sprintf(`{"result":{"id":7,"x":"%s"},"jsonrpc":"2.0","id":%s}`, long, id))
		}, -31002, "too large"},
		"cannot be read": {func(c *fakeConn, id string) {
			c.line(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"x":1,}}`, id))
		}, -31002, "cannot be read"},
		"garbage": {func(c *fakeConn, _ string) {
			c.line(strings.Repeat("\x00\xff\n", 1000))
		}, -31002, "upstream"},
		"gone": {func(c *fakeConn, _ string) { c.Close() }, -31002, "upstream"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := startFake(t, calling(c.call))
			g := beside(t, func(o *gateway.Options) {
				overTCP(fake.addr)(o)
				o.Client.MessageBytesMax, o.Client.NoiseMax = 256<<10, 100
				o.BreakerFailures = -1
				if o.Timeout = time.Minute; c.want == -31001 {
					o.Timeout = 500 * time.Millisecond
				}
			})
			g.has("sick__echo", true)
			g.eachOnce("sick__echo", c.want, c.text)
			g.unharmed()
			if name != "garbage" {
				g.hasDropped(droppedOnALine[name].times(callers))
			}
		})
	}
}

// TestUpstreamAnswersACancelledCall: the answer goes to nobody, and the next call is served on the
// same connection.
func TestUpstreamAnswersACancelledCall(t *testing.T) {
	asked, late := make(chan string, 10), make(chan string, 10)
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		switch m.Method {
		case "tools/call":
			if len(late) > 0 {
				c.line(fmt.Sprintf(lineAnswer, <-late))
				return `{"content":[]}`
			}
			asked <- string(m.ID)
			return ""
		}
		return well(c, m)
	})
	g := beside(t, overTCP(fake.addr))
	g.has("sick__echo", true)
	c := g.dialTCP()
	c.initialize("2025-11-25")
	c.line(legacyCall("1", "sick__echo", "{}"))
	id := wait(t, "the call arrives", asked)
	c.line(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	fake.waitFor("notifications/cancelled")
	late <- id
	if got := c.ask(legacyCall("2", "sick__echo", "{}")); replyID(got) != "2" || code(got) != 0 {
		t.Errorf("got %s, want the second call answered", got)
	}
	if got := c.ask(`{"jsonrpc":"2.0","id":3,"method":"ping"}`); replyID(got) != "3" {
		t.Errorf("got %s behind it", got)
	}
	if got := g.ofSick("starts_total"); got != 1 {
		t.Errorf("it was connected to %v times", got)
	}
	g.hasDropped(dropped{strays: 1})
}

// TestUpstreamFloods: what one upstream says faster than it may is read as fast as it may, which
// costs the others next to nothing; its own answer comes behind it.
func TestUpstreamFloods(t *testing.T) {
	const bound, many = 5000, 10_000
	var sent atomic.Int64
	text := strings.Repeat(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":`+
		`"info","data":"x"}}`+"\n"+`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`+
		"\n", 200)
	fake := startFake(t, calling(func(c *fakeConn, id string) {
		for sent.Load() < many {
			if _, err := fmt.Fprint(c.Conn, text); err != nil {
				return
			}
			sent.Add(400)
		}
		fmt.Fprintf(c.Conn, `{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`+"\n", id)
	}))
	g := beside(t, func(o *gateway.Options) {
		overTCP(fake.addr)(o)
		o.Timeout, o.Client.NoticesPerSecond = time.Minute, bound
	})
	g.has("sick__echo", true)
	if got := g.ofSick("notices_max"); got != bound {
		t.Errorf("notices_max is %v, want %d", got, bound)
	}
	c := g.dialTCP()
	c.initialize("2025-11-25")
	c.line(legacyCall("1", "sick__echo", "{}"))
	eventually(t, "it is held", func() bool { return g.ofSick("notices_held_total") > 10 })
	for range 200 {
		g.unharmed()
	}
	if got := c.read(); replyID(got) != "1" || code(got) != 0 {
		t.Errorf("got %s, want the answer", got)
	}
	g.logs("upstream says too much")
	if n := strings.Count(g.log.String(), "upstream says too much"); n != 1 {
		t.Errorf("the log says so %d times", n)
	}
}

// TestOneOfTenUpstreamsIsSick: nine answer every call, whatever the tenth does.
func TestOneOfTenUpstreamsIsSick(t *testing.T) {
	for name, sick := range map[string]func(c *fakeConn, id string){
		"hangs":   func(*fakeConn, string) {},
		"crashes": func(c *fakeConn, _ string) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			fake := startFake(t, calling(sick))
			ups := start(t, nil)
			g := start(t, nil, func(s *server.Server) {
				for i := range 9 {
					o := gateway.Options{
						Name:   fmt.Sprintf("well%d", i),
						Client: client.Options{URL: "tcp://" + ups.tcp},
					}
					if err := s.AddUpstream(o); err != nil {
						t.Fatal(err)
					}
				}
				o := gateway.Options{
					Name: "sick", BackoffMin: 10 * time.Millisecond, Timeout: time.Second,
				}
				overTCP(fake.addr)(&o)
				if err := s.AddUpstream(o); err != nil {
					t.Fatal(err)
				}
			})
			g.has("sick__echo", true)
			for i := range 9 {
				g.has(fmt.Sprintf("well%d__echo", i), true)
			}
			c := g.dialTCP()
			c.initialize("2025-11-25")
			answered := 0
			for round := range 20 {
				c.line(legacyCall(fmt.Sprint(1000+round), "sick__echo", "{}"))
				for i := range 9 {
					if fault := g.echoes(fmt.Sprintf("well%d__echo", i)); fault != "" {
						t.Error(fault)
						continue
					}
					answered++
				}
			}
			if answered != 180 {
				t.Errorf("%d of 180 calls were answered", answered)
			}
			for range 20 {
				if got := c.read(); code(got) != -31001 && code(got) != -31002 {
					t.Errorf("got %s of the sick one", got)
				}
			}
		})
	}
}

// TestHeadersThatAListDidNotName: an upstream that wants arguments in headers is asked for its list
// again, and the call is made once more, with them.
func TestHeadersThatAListDidNotName(t *testing.T) {
	w := startWeb(t, func(c *webCall) error {
		if c.head.Header.Get("Mcp-Param-Region") != "eu" {
			return c.raw(400, "application/json", fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,`+
				`"error":{"code":-32020,"message":"Mcp-Param-Region is missing"}}`, c.id))
		}
		return answersWell(c)
	})
	g := besideWeb(t, w, func(*gateway.Options) {})
	w.lists.Store(0)
	got := g.text(g.post(modernCall("1", "sick__bad", `{"region":"eu"}`)))
	if !strings.Contains(got, "Region is missing") || w.calls.Load() != 2 || w.lists.Load() == 0 {
		t.Errorf("got %s after %d calls and %d lists; want the error of the second call, behind a "+
			"list", got, w.calls.Load(), w.lists.Load())
	}
	w.tools.Store(strings.Replace(webTools, `"bad","inputSchema":{"type":"object"}`,
		`"bad","inputSchema":{"type":"object","properties":{"region":{"type":"string",`+
			`"x-mcp-header":"Region"}}}`, 1))
	if got := g.text(g.post(modernCall("1", "sick__bad", `{"region":"eu"}`))); code(got) != 0 {
		t.Errorf("got %s, want the call repeated with the header", got)
	}
	g.unharmed()
}
