package server_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server/gateway"
)

// listing answers tools/list with what list returns, all else well.
func listing(list func(m *fakeMessage) string) func(*fakeConn, *fakeMessage) string {
	return func(c *fakeConn, m *fakeMessage) string {
		if m.Method == "tools/list" {
			return list(m)
		}
		return well(c, m)
	}
}

func overTCP(addr string) func(*gateway.Options) {
	return func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + addr, Era: client.Legacy}
	}
}

// TestUpstreamListsTooMuch: of 100,000 tools as many are offered as list_max says, and the log and
// a metric tell of the rest.
func TestUpstreamListsTooMuch(t *testing.T) {
	const pages, each = 50, 2000
	fake := startFake(t, listing(func(m *fakeMessage) string {
		page := 0
		_, cursor, _ := strings.Cut(string(m.Params), `"cursor":"`)
		_, _ = fmt.Sscanf(cursor, "%d", &page)
		var b strings.Builder
		for i := range each {
			fmt.Fprintf(&b, `,{"name":"t%06d","inputSchema":{"type":"object"}}`, page*each+i)
		}
		next := ""
		if page+1 < pages {
			next = fmt.Sprintf(`,"nextCursor":"%d"`, page+1)
		}
		return `{"tools":[` + b.String()[1:] + `]` + next + `}`
	}))
	g := beside(t, func(o *gateway.Options) {
		overTCP(fake.addr)(o)
		o.ListMax = 300
	})
	eventually(t, "its tools are listed", func() bool { return g.ofSick("tools") == 300 })
	over, most := g.ofSick("list_over"), g.ofSick("list_max")
	if over != pages*each-300 || most != 300 {
		t.Errorf("%v are left out above %v, want %d above 300", over, most, pages*each-300)
	}
	g.logs("list_max")
	g.unharmed()
}

// TestUpstreamListsNeverEnd: cursors that go round, or on and on, are an upstream that is not
// there.
func TestUpstreamListsNeverEnd(t *testing.T) {
	for name, cursor := range map[string]func(n int64) string{
		"the same": func(int64) string { return "x" },
		"in turn":  func(n int64) string { return fmt.Sprint(n % 2) },
		"new":      func(n int64) string { return fmt.Sprint(n) },
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			fake := startFake(t, listing(func(*fakeMessage) string {
				return fmt.Sprintf(`{"tools":[{"name":"echo","inputSchema":{"type":"object"}}],`+
					`"nextCursor":"%s"}`, cursor(asked.Add(1)))
			}))
			g := beside(t, func(o *gateway.Options) {
				overTCP(fake.addr)(o)
				o.BackoffMin, o.BackoffMax = time.Hour, time.Hour
			})
			eventually(t, "it is given up", func() bool {
				return strings.Contains(g.log.String(), "upstream is not there")
			})
			if got := asked.Load(); got > 64 {
				t.Errorf("asked for %d pages", got)
			}
			g.unharmed()
		})
	}
}

// TestUpstreamListsStorm: a thousand changes told at once cost one look at the lists more, or two.
func TestUpstreamListsStorm(t *testing.T) {
	var lists atomic.Int64
	fake := startFake(t, listing(func(*fakeMessage) string {
		lists.Add(1)
		return fakeTools
	}))
	g := beside(t, overTCP(fake.addr))
	g.has("sick__echo", true)
	before := lists.Load()
	fake.mu.Lock()
	for _, c := range fake.conns {
		_, _ = fmt.Fprint(c, strings.Repeat(
			`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`+"\n", 1000))
	}
	fake.mu.Unlock()
	eventually(t, "the lists are looked at", func() bool { return lists.Load() > before })
	for range 100 {
		g.unharmed()
	}
	if got := lists.Load() - before; got > 60 { // once a second, however slow this machine is
		t.Errorf("the lists were asked for %d times", got)
	}
}

// TestUpstreamSchemasAreNotFollowed: what a schema refers to is never fetched, and one that refers
// to itself, or is none, costs its tool at most.
func TestUpstreamSchemasAreNotFollowed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fetched := make(chan struct{}, 1)
	var all sync.WaitGroup
	all.Go(func() {
		if c, err := l.Accept(); err == nil {
			c.Close()
			fetched <- struct{}{}
		}
	})
	deep := strings.Repeat(`{"properties":{"a":`, 50) + `{}` + strings.Repeat(`}}`, 50)
	schemas := map[string]string{
		"network":   fmt.Sprintf(`{"type":"object","$ref":"http://%s/schema.json"}`, l.Addr()),
		"recursive": `{"type":"object","$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/a"}}}`,
		"file":      `{"type":"object","$ref":"file:///etc/passwd"}`,
		"deep":      deep,
		"wrong":     `{"type":"no type","properties":5}`,
		"pattern":   `{"type":"object","properties":{"a":{"type":"string","pattern":"(a+)+$("}}}`,
	}
	fake := startFake(t, listing(func(*fakeMessage) string {
		tools := `{"name":"echo","inputSchema":{"type":"object"}}`
		for name, schema := range schemas {
			tools += fmt.Sprintf(`,{"name":"%s","inputSchema":%s}`, name, schema)
		}
		return `{"tools":[` + tools + `]}`
	}))
	g := beside(t, overTCP(fake.addr))
	g.has("sick__echo", true)
	for name := range schemas {
		got := g.text(g.post(modernCall("1", "sick__"+name, `{"a":"aaaaaaaaaaaaaaaaaaaaaaa!"}`)))
		if !strings.Contains(got, `"structuredContent"`) {
			t.Errorf("%s: got %s", name, got)
		}
	}
	l.Close()
	all.Wait()
	if len(fetched) > 0 {
		t.Error("a schema was fetched")
	}
	g.unharmed()
}
