package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server"
)

// A deadline of an earlier phase says nothing about a connection whose requests were answered
// since, however they were answered: only Limits.IdleTimeout closes it, which is an hour here.
func TestAnsweredConnectionOutlivesEarlierDeadlines(t *testing.T) {
	const short = 150 * time.Millisecond
	call := wirePost(modernCall("1", "slow", `{"ms":0}`)) // it is answered later, by a worker
	goes := func(t *testing.T, c *peerConn) {
		t.Helper()
		if a := c.exchange(call); !strings.Contains(a.body, "done") {
			t.Fatalf("got %s %s", a.Status, a.body)
		}
	}
	t.Run("first", func(t *testing.T) {
		r := start(t, func(o *server.Options) { o.Limits.FirstTimeout = short })
		c := r.dialHTTP()
		goes(t, c)
		if !r.dialHTTP().ended() { // it began later, so the time of c is over, too
			t.Error("a silent peer was told something")
		}
		goes(t, c)
	})
	t.Run("head", func(t *testing.T) {
		r := start(t, func(o *server.Options) { o.Limits.HeadTimeout = short })
		c, half := r.dialHTTP(), r.dialHTTP()
		c.send(call[:30])
		waitOut(short / 4)
		c.send(call[30:])
		c.answer("POST")
		half.send(call[:30])
		if a := half.onlyAnswer(); a.StatusCode != 408 {
			t.Errorf("half a head: %s", a.Status)
		}
		goes(t, c)
	})
	t.Run("keep-alive", func(t *testing.T) {
		r := start(t, func(o *server.Options) { o.KeepAlive = short })
		values := r.addCounter("count")
		values <- 1
		c := r.dialHTTP()
		c.send(wirePost(strings.Replace(modernCall("1", "count", "{}"),
			`"_meta":{`, `"_meta":{"progressToken":1,`, 1)))
		for !strings.HasPrefix(c.read(), ": keep-alive") {
		}
		close(values)
		for !strings.Contains(c.read(), "counted") {
		}
		for c.read() != "0\r" { // the last chunk
		}
		c.read()
		waitOut(3 * short)
		goes(t, c)
	})
}

// Once it is idle the time of an idle connection runs anew, and ends it.
func TestIdleTimeRunsAfterALateAnswer(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.IdleTimeout = 200 * time.Millisecond })
	c := r.dialHTTP()
	if a := c.exchange(wirePost(modernCall("1", "slow", `{"ms":300}`))); a.StatusCode != 200 {
		t.Fatal(a.Status)
	}
	if !c.ended() {
		t.Error("an idle peer was told something")
	}
}
