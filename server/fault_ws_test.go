package server_test

import (
	"bufio"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// A message of a hundred thousand empty fragments is one message, and takes no memory for them.
func TestFaultWSEmptyFragments(t *testing.T) {
	r := start(t, nil)
	r.watch()
	c := r.dialWS()
	call := modernCall("1", "echo", `{"message":"whole"}`)
	fragments := masked(ws.OpText, false, call[:9]) +
		strings.Repeat(masked(ws.OpContinuation, false, ""), 100_000) +
		masked(ws.OpContinuation, true, call[9:])
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c.peerConn.send(fragments)
	wantIn(t, c.next(), `"whole"`)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8*uint64(len(fragments)) {
		t.Errorf("%d bytes took %d of memory", len(fragments), grown)
	}
}

// A peer that does not end its side after the close handshake, whoever began it, is cut all the
// same: nothing of it is left.
func TestFaultWSPeerKeepsTheConnectionAfterTheClose(t *testing.T) {
	r := start(t, nil)
	r.watch()
	before := r.value("mcploop_connections")
	var kept []wsConn
	for _, last := range []string{
		masked(ws.OpClose, true, "\x03\xe8"), // it closes
		"\x81\x00",                           // we do: a frame without a mask
	} {
		c := r.dialWS()
		c.peerConn.send(last)
		if got := c.frame(); got.Header.OpCode != ws.OpClose {
			t.Fatalf("after %q came %+v", last, got.Header)
		}
		kept = append(kept, c)
	}
	eventually(t, "the server has given up both", func() bool {
		return r.value("mcploop_connections") == before
	})
	for _, c := range kept {
		_, _ = io.WriteString(c.Conn, masked(ws.OpText, true, "{}"))
		if rest, _ := io.ReadAll(c.r); len(rest) > 0 {
			t.Errorf("after the close came %q", rest)
		}
	}
}

// A client of HTTP+SSE that posts and never reads its stream: its answers are bounded, its stream
// is cut, and its POSTs are refused from then on.
func TestFaultSSEClientThatDoesNotRead(t *testing.T) {
	r := start(t, smallOutbox)
	r.watch()
	stream, posts := r.dialHTTP(), r.dialHTTP()
	_ = stream.Conn.(interface{ SetReadBuffer(int) error }).SetReadBuffer(4096)
	stream.send("GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n")
	resp, err := http.ReadResponse(stream.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	endpoint := (&feed{t: t, resp: resp, r: bufio.NewReader(resp.Body)}).next()
	call := modernCall("1", "echo", `{"message":"`+strings.Repeat("m", 10_000)+`"}`)
	head := "POST " + endpoint + " HTTP/1.1"
	status := http.StatusAccepted
	for i := 0; status == http.StatusAccepted && i < 100_000; i++ {
		status = posts.exchange(wireRequest(head, call)).StatusCode
	}
	if status != http.StatusNotFound {
		t.Errorf("at the end a POST has status %d; want 404", status)
	}
	if n := r.value("mcploop_sessions") + r.value("mcploop_streams"); n != 0 {
		t.Errorf("%v sessions and streams are left", n)
	}
}
