package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// reset ends the connection with a RST.
func (c *peerConn) reset() {
	_ = c.Conn.(*net.TCPConn).SetLinger(0)
	c.Close()
}

// closeWrite sends our FIN and keeps reading.
func (c *peerConn) closeWrite() {
	c.t.Helper()
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
}

// idOf is the raw id of an answer.
func idOf(message string) string {
	var m struct{ ID json.RawMessage }
	_ = json.Unmarshal([]byte(message), &m)
	return string(m.ID)
}

func TestPipelinedPostsAreAnsweredInOrder(t *testing.T) {
	r := start(t, nil)
	const count = 1000
	session := "Mcp-Session-Id: " + r.session("2025-11-25")
	request := func(i int) string {
		id := fmt.Sprint(i)
		switch i % 7 {
		case 1:
			return wirePost(modernCall(id, "slow", `{"ms":0}`)) // on a worker
		case 2:
			return wirePost(legacyCall(id, "slow", `{"ms":1}`), session)
		case 3:
			return wirePost(legacyCall(id, "echo", `{"message":"m"}`), session)
		case 4:
			return wirePost(progressCall(id, id)) // a stream in between
		case 5:
			return wirePost(modernCall(id, "crash", `{}`))
		}
		return wirePost(modernCall(id, "echo", `{"message":"m"}`))
	}
	var all strings.Builder
	for i := range count {
		all.WriteString(request(i))
	}
	c := r.dialHTTP()
	go func() { _, _ = io.WriteString(c.Conn, all.String()) }()
	for i := range count {
		a := c.answer("POST")
		messages := a.messages()
		if got := idOf(messages[len(messages)-1]); a.StatusCode != 200 || got != fmt.Sprint(i) {
			t.Fatalf("answer %d has id %s: %s %q", i, got, a.Status, messages)
		}
	}
}

func TestPipelinedPostsThenHalfClose(t *testing.T) {
	r := start(t, nil)
	c := r.dialHTTP()
	session := "Mcp-Session-Id: " + r.session("2025-11-25")
	for i := range 50 {
		c.send(wirePost(legacyCall(fmt.Sprint(i), "slow", `{"ms":0}`), session))
	}
	c.closeWrite()
	for i := range 50 {
		if a := c.answer("POST"); idOf(a.body) != fmt.Sprint(i) {
			t.Fatalf("answer %d: %s %s", i, a.Status, a.body)
		}
	}
	if !c.ended() {
		t.Error("something came behind the last answer")
	}
}

func TestHTTP10(t *testing.T) {
	r := start(t, nil)
	old := func(body string, more ...string) string {
		return wireRequest("POST /mcp HTTP/1.0", body, more...)
	}
	f := func(name, wire, want string) {
		t.Helper()
		c := r.dialHTTP()
		c.send(wire)
		a := c.onlyAnswer()
		if a.StatusCode != 200 || !strings.Contains(a.body, want) || !a.Close {
			t.Errorf("%s: %s, close %v, %s", name, a.Status, a.Close, a.body)
		}
	}
	f("inline", old(modernCall("1", "echo", `{"message":"old"}`)), "old")
	f("blocking", old(modernCall("1", "slow", `{"ms":0}`)), "done")
	f("close", old(modernCall("1", "slow", `{"ms":0}`), "Connection: close"), "done")
	f("no Host", "GET /livez HTTP/1.0\r\n\r\n", "ok")

	c := r.dialHTTP() // with keep-alive it stays open, and says so
	for _, tool := range []string{"echo", "slow", "echo"} {
		call := modernCall("1", tool, `{"message":"m"}`)
		if tool == "slow" {
			call = modernCall("1", tool, `{"ms":0}`)
		}
		a := c.exchange(old(call, "Connection: keep-alive"))
		if a.StatusCode != 200 || !strings.EqualFold(a.Header.Get("Connection"), "keep-alive") {
			t.Errorf("keep-alive: %s %v", a.Status, a.Header)
		}
	}
}

func TestHTTP10EventStreamEndsWithTheConnection(t *testing.T) {
	r := start(t, nil)
	for _, connection := range []string{"close", "keep-alive"} {
		c := r.dialHTTP()
		c.send(wireRequest("POST /mcp HTTP/1.0", progressCall("1", "1"), "Connection: "+connection))
		a := c.onlyAnswer()
		if len(a.TransferEncoding) > 0 || !a.Close || len(a.messages()) != 4 {
			t.Errorf("%s: %v close %v %q", connection, a.TransferEncoding, a.Close, a.messages())
		}
	}
}

func TestTwoErasOnOneURLAndAllDoorsAtOnce(t *testing.T) {
	r := start(t, nil)
	const each = 50
	var clients sync.WaitGroup
	run := func(name string, ask func(id string, i int) string) {
		clients.Go(func() {
			for i := range each {
				id := fmt.Sprintf(`"%s-%d"`, name, i)
				answer := ask(id, i)
				if idOf(answer) != id || code(answer) != 0 {
					t.Errorf("%s: asked with %s, got %s", name, id, answer)
					return
				}
			}
		})
	}
	tool := func(i int) (string, string) {
		if i%2 == 0 {
			return "echo", `{"message":"m"}`
		}
		return "slow", `{"ms":1}`
	}
	for n := range 3 {
		modern, legacy := r.dialHTTP(), r.dialHTTP()
		session := "Mcp-Session-Id: " + r.session("2025-06-18")
		run(fmt.Sprint("http-modern-", n), func(id string, i int) string {
			name, arguments := tool(i)
			return modern.exchange(wirePost(modernCall(id, name, arguments))).body
		})
		run(fmt.Sprint("http-legacy-", n), func(id string, i int) string {
			name, arguments := tool(i)
			return legacy.exchange(wirePost(legacyCall(id, name, arguments), session)).body
		})
		turns := r.dialHTTP() // one connection, the eras in turn
		run(fmt.Sprint("http-both-", n), func(id string, i int) string {
			name, arguments := tool(i)
			if i%3 == 0 {
				return turns.exchange(wirePost(legacyCall(id, name, arguments), session)).body
			}
			return turns.exchange(wirePost(modernCall(id, name, arguments))).body
		})
		for _, line := range []*peerConn{r.dialTCP(), r.dial("unix", r.unix)} {
			line.initialize("2025-11-25")
			run(fmt.Sprint(line.RemoteAddr().Network(), n), func(id string, i int) string {
				name, arguments := tool(i)
				if i%3 == 0 {
					return line.ask(legacyCall(id, name, arguments))
				}
				return line.ask(modernCall(id, name, arguments))
			})
		}
	}
	clients.Wait()
}
