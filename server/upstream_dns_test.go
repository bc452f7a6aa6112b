package server_test

import (
	"context"
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// names is a name server that this process asks while the test runs.
type names struct {
	mu    sync.Mutex // guards the rest
	hosts map[string][]string
	mute  bool
	asked int
}

// startNames answers for names below test, which no other name server knows.
func startNames(t *testing.T) *names {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{hosts: map[string][]string{}}
	var all sync.WaitGroup
	all.Go(func() { n.serve(conn) })
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{
		PreferGo: true, StrictErrors: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "udp", conn.LocalAddr().String())
		},
	}
	t.Cleanup(func() {
		net.DefaultResolver = before
		_ = conn.Close()
		all.Wait()
	})
	return n
}

func (n *names) set(host string, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[host] = addrs
}

func (n *names) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

func (n *names) serve(conn net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		size, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if answer := n.answer(buf[:size]); answer != nil {
			_, _ = conn.WriteTo(answer, from)
		}
	}
}

// answer makes the reply to a query of one question (RFC 1035, 4.1), nil for none.
func (n *names) answer(query []byte) []byte {
	const head = 12
	at, labels := head, []string(nil)
	for query[at] != 0 {
		size := int(query[at])
		labels = append(labels, string(query[at+1:at+1+size]))
		at += 1 + size
	}
	question := query[head : at+5] // the name, its end, type and class
	kind := binary.BigEndian.Uint16(question[len(question)-4:])
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.asked++; n.mute {
		return nil
	}
	addrs, known := n.hosts[strings.ToLower(strings.Join(labels, "."))]
	flags := uint16(0x8180) // a response, recursion desired and available
	if !known {
		flags |= 3 // no such name
	}
	if kind != 1 { // only IPv4 addresses are there
		addrs = nil
	}
	out := append([]byte(nil), query[:2]...)
	for _, word := range []uint16{flags, 1, uint16(len(addrs)), 0, 0} {
		out = binary.BigEndian.AppendUint16(out, word)
	}
	out = append(out, question...)
	for _, addr := range addrs {
		// The name of the question, type A, class IN, no time to live, 4 bytes.
		out = append(out, 0xc0, head, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		out = append(out, net.ParseIP(addr).To4()...)
	}
	return out
}

// TestUpstreamThatMoves: the name of an upstream that is lost is looked up anew, and all of its
// addresses are tried.
func TestUpstreamThatMoves(t *testing.T) {
	dns := startNames(t)
	named := func(o *server.Options) { o.Security.AllowedHosts = []string{"mcp.moves.test"} }
	old, moved := start(t, named), start(t, named)
	first := tap(t, old.http) // its connections can be cut
	_, port, _ := net.SplitHostPort(first.addr)
	second := relayAt(t, "127.0.0.2:"+port, func(c net.Conn) { splice(c, moved.http) })
	for _, scheme := range []string{"http", "ws"} {
		dns.set("mcp.moves.test", "127.0.0.9", "127.0.0.1") // nobody listens at the one
		g := behind(t, func(o *gateway.Options) {
			o.Client = client.Options{URL: scheme + "://mcp.moves.test:" + port + "/mcp"}
			o.Timeout = patience
		})
		g.has("up__echo", true)
		dns.set("mcp.moves.test", "127.0.0.2")
		before := second.accepted()
		first.deny(true)
		first.cut()
		eventually(t, "it is found where it is now", func() bool {
			return g.echoes("up__echo") == "" && second.accepted() > before
		})
		first.deny(false)
	}
}

// TestUpstreamWithoutAddress: the error says whose address is not to be found, and the look-up has
// an end.
func TestUpstreamWithoutAddress(t *testing.T) {
	dns := startNames(t)
	g := beside(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "http://mcp.nowhere.test/mcp"}
	})
	eventually(t, "the log names the host", func() bool {
		g.unharmed()
		return strings.Contains(g.log.String(), `address of \"mcp.nowhere.test\"`)
	})
	dns.mu.Lock()
	dns.mute = true
	dns.mu.Unlock()
	asked := dns.count()
	g = beside(t, func(o *gateway.Options) {
		o.Client = client.Options{
			URL: "http://mcp.silent.test/mcp", DialTimeout: 50 * time.Millisecond,
		}
	})
	eventually(t, "it is tried a third time", func() bool {
		g.unharmed()
		return g.ofSick("starts_total") >= 3
	})
	g.logs("mcp.silent.test")
	if dns.count() == asked {
		t.Error("the server of names was not asked")
	}
}
