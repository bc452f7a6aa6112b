// Hot path: no allocation, no lock, no log.

package load

import (
	"bytes"
	"fmt"
)

const listenMethod = "subscriptions/listen" // 2026-07-28 only

var (
	changedMark = []byte("notifications/tools/list_changed")
	ackMark     = []byte("notifications/subscriptions/acknowledged")
	streamMark  = []byte("text/event-stream")
	endMark     = []byte("\r\n0\r\n\r\n") // of a chunked body
)

// streams is what an engine knows of streams.
type streams struct {
	opened []byte // the mark of one that is open
	heard  int    // connections that were told since the last Await
	last   int64  // when the last of them was told, nanoseconds since the start of the engine
}

// stream returns what opens the stream of a connection whose handshake is over, and the mark by
// which the server's bytes tell that it is open. A legacy connection that is no HTTP is a stream
// from its handshake on.
func (w *wire) stream(session string) (request, mark []byte) {
	o := w.opt
	if !o.modern() {
		if !o.http() {
			return nil, nil
		}
		head := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n"+
			"MCP-Protocol-Version: %s\r\n", o.Path, o.Addr, legacyVersion)
		if session != "" {
			head = fmt.Appendf(head, "Mcp-Session-Id: %s\r\n", session)
		}
		for _, line := range o.Header {
			head = fmt.Appendf(head, "%s\r\n", line)
		}
		return append(head, "\r\n"...), streamMark
	}
	body := fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"method":%q,"params":{"notifications":`+
		`{"toolsListChanged":true},%s}}`, listenMethod, modernMeta)
	if o.http() {
		return append(w.head(listenMethod, "", true, len(body)), body...), ackMark
	}
	return append(body, '\n'), ackMark
}

// greeted goes on after the handshake.
func (e *engine) greeted(c *conn) {
	if e.opt.Listen {
		e.listen(c)
		return
	}
	e.prepared(c)
}

// listen asks for the stream of c.
func (e *engine) listen(c *conn) {
	request, mark := e.wire.stream(c.session)
	e.streams.opened = mark
	if request == nil {
		e.prepared(c)
		c.phase = phaseStream
		return
	}
	c.phase = phaseOpening
	e.out = append(e.out, request...)
}

// scan looks for marks in the bytes of a stream and returns how many are done with. Nothing else
// of them matters, so that nothing is parsed.
func (e *engine) scan(c *conn, data []byte) int {
	used := 0
	if c.phase == phaseOpening {
		at := bytes.Index(data, e.streams.opened)
		if at < 0 {
			if refuses(data) {
				e.fail(c, fmt.Errorf("no stream was opened: %s", clip(data)))
			}
			return 0
		}
		used = at + len(e.streams.opened)
		e.prepared(c)
		c.phase = phaseStream
	}
	for {
		at := bytes.Index(data[used:], changedMark)
		if at < 0 {
			break
		}
		used += at + len(changedMark)
		e.counts.Notices++
		if c.told++; c.told == 1 {
			e.streams.heard++
			e.streams.last = e.now
		}
	}
	if e.opt.http() && bytes.HasSuffix(data, endMark) {
		e.drop(c, fmt.Errorf("server ended the stream: %s", clip(data)))
	}
	return max(used, len(data)-len(changedMark))
}

// refuses reports whether data, which holds no mark of an open stream, is an answer.
func refuses(data []byte) bool {
	_, body, whole := bytes.Cut(data, []byte("\r\n\r\n"))
	if bytes.HasPrefix(data, []byte("HTTP/")) && (!whole || bytes.HasPrefix(data,
		[]byte("HTTP/1.1 200"))) {
		return bytes.Contains(body, []byte(`"error":`))
	}
	return whole || bytes.Contains(data, []byte(`"error":`))
}
