package server_test

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcploop/mcploop/server"
)

// vanish makes the client's kernel drop all that comes for it, as a network would: nothing is
// acknowledged any more, and no FIN or RST tells of it.
func (c *peerConn) vanish() {
	c.t.Helper()
	raw, err := c.Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		c.t.Fatal(err)
	}
	dropAll := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
	err = errors.Join(err, raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(dropAll)), Filter: &dropAll[0]})
	}))
	if err != nil {
		c.t.Fatal(err)
	}
}

// The clients of all kinds of event streams vanish without FIN or RST. A comment that nobody
// acknowledges finds them: their streams, sessions and calls end, and who is there is served.
func TestFaultVanishedStreamClientsAreFound(t *testing.T) {
	r := start(t, func(o *server.Options) { o.KeepAlive = time.Second })
	values := r.addCounter("count")
	r.watch()
	values <- 1
	counting := modernCall("1", "count", `{}`)
	session := "Mcp-Session-Id: " + r.session(latestLegacy)
	others := r.value("mcploop_connections")
	for _, wire := range []string{
		wirePost(listenCall("1", wantTools)),
		wirePost(strings.Replace(counting, `"_meta":{`, `"_meta":{"progressToken":1,`, 1)),
		"GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n" + session +
			"\r\n\r\n",
		"GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		c := r.dialHTTP()
		c.send(wire)
		resp, err := http.ReadResponse(c.r, nil)
		if err != nil || resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("%.30q opens no stream: %v %v", wire, resp, err)
		}
		c.vanish()
	}
	if n := r.value("mcploop_streams"); n != 3 {
		t.Errorf("%v streams are open; want 3", n)
	}
	eventually(t, "the vanished clients are found", func() bool {
		return r.value("mcploop_streams") == 0 && r.value("mcploop_connections") == others
	})
	close(values)
	if n := r.value("mcploop_calls_cancelled_total"); n != 1 {
		t.Errorf("%v calls were cancelled; want that of the modern client", n)
	}
	if n := r.value("mcploop_sessions"); n != 1 {
		t.Errorf("%v sessions; want the one that can be resumed, and not that of HTTP+SSE", n)
	}
}
