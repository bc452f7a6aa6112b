package server_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// cancelled is the notification that cancels the call with that raw id, in the peer's era.
func (e *exchange) cancelled(id string) string {
	meta := ""
	if e.modern {
		meta = "," + modernMeta
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled",`+
		`"params":{"requestId":%s%s}}`, id, meta)
}

// A cancellation of what is unknown, over, or cannot be cancelled changes nothing.
func TestFaultCancelUnknownOrLateIsIgnored(t *testing.T) {
	r := start(t, nil)
	r.watch()
	for _, e := range r.exchanges() {
		e.alive() // its id, 77, is over
		for _, id := range []string{
			`"nobody"`, "77", `"init"`, "0", "null", "1.5", "[]", "{}",
			`"` + strings.Repeat("x", 5000) + `"`,
		} {
			if answers, status := e.say(e.cancelled(id)); len(answers) != 0 || status >= 500 {
				t.Errorf("%s: cancelling %.20s was answered %d %q", e.name, id, status, answers)
			}
		}
		e.alive()
	}
	if n := r.value("mcploop_calls_cancelled_total"); n != 0 {
		t.Errorf("%v calls were cancelled", n)
	}
}

// A cancelled call ends at once: its context is cancelled, its slot and id are free, and nothing
// is ever said of it again. A call of the same id on another connection is not touched.
func TestFaultCancelEndsTheCall(t *testing.T) {
	r, cage := startCaged(t, manyWorkers)
	r.watch()
	defer cage.release()
	peers := r.lines()
	for _, e := range peers {
		e.conn.line(e.call(`"same"`, "caged", fmt.Sprintf(`{"message":%q}`, e.name)))
		wait(t, "the call runs", cage.entered)
	}
	for _, e := range peers[1:] {
		if answers, _ := e.say(e.cancelled(`"same"`)); len(answers) != 0 {
			t.Errorf("%s: the cancellation was answered %q", e.name, answers)
		}
		cage.waitCause(t, server.ErrCancelled)
		e.alive()
	}
	if n := r.value("mcploop_calls_in_flight"); n != 1 {
		t.Errorf("%v calls in flight; want 1", n)
	}
	cage.release()
	if got := peers[0].conn.read(); !strings.Contains(got, peers[0].name) {
		t.Errorf("the call that nobody cancelled was answered %s", got)
	}
	for _, e := range peers[1:] { // the first answer is that of the second call
		e.conn.line(e.call(`"same"`, "caged", `{"message":"again"}`))
		if got := e.conn.read(); replyID(got) != `"same"` || !strings.Contains(got, "again") {
			t.Errorf("%s: the free id was answered %s", e.name, got)
		}
	}
	if n := r.value("mcploop_calls_cancelled_total"); n != float64(len(peers)-1) {
		t.Errorf("counted %v cancelled calls; want %d", n, len(peers)-1)
	}
}

// A call that is cancelled while it waits for a worker never runs.
func TestFaultCancelInTheQueue(t *testing.T) {
	r, cage := startCaged(t, func(o *server.Options) { o.Queue.Workers = 1 })
	r.watch()
	defer cage.release()
	e := r.peer("tcp", modern)
	e.conn.line(e.call("1", "caged", `{"message":"1"}`))
	wait(t, "the first runs", cage.entered)
	for id := range 100 {
		e.conn.line(e.call(fmt.Sprint(id+2), "caged", `{"message":"queued"}`))
		e.conn.line(e.cancelled(fmt.Sprint(id + 2)))
	}
	e.alive()
	cage.release()
	if got := e.conn.read(); replyID(got) != "1" {
		t.Errorf("got %s; want the first call's answer", got)
	}
	e.alive()
	if n := cage.runs.Load(); n != 1 {
		t.Errorf("%d calls ran; want 1", n)
	}
}

// Cancellations that race with results: at most one answer for each call, none invented, and
// every call is counted once as completed or cancelled.
func TestFaultCancelRacesTheResult(t *testing.T) {
	const rounds = 500
	r := start(t, nil)
	r.watch()
	for _, e := range r.lines() {
		done := r.value("mcploop_calls_completed_total")
		gone := r.value("mcploop_calls_cancelled_total")
		seen := map[string]int{}
		var batch strings.Builder
		for i := range rounds {
			id := fmt.Sprint(i + 1000)
			fmt.Fprintf(&batch, "%s\n%s\n", e.call(id, "slow", `{"ms":0}`), e.cancelled(id))
			if i%7 != 0 { // now several rounds at once, now one
				continue
			}
			answers, _ := e.say(strings.TrimSuffix(batch.String(), "\n"))
			batch.Reset()
			for _, a := range answers {
				seen[replyID(a)]++
			}
		}
		answers, _ := e.say(strings.TrimSuffix(batch.String(), "\n"))
		for _, a := range answers {
			seen[replyID(a)]++
		}
		ended := func() (float64, float64) {
			return r.value("mcploop_calls_completed_total") - done,
				r.value("mcploop_calls_cancelled_total") - gone
		}
		eventually(t, "every call ends", func() bool { d, g := ended(); return d+g == rounds })
		d, _ := ended()
		for len(seen) < int(d) { // results that came behind the last ping
			seen[replyID(e.conn.read())]++
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s: call %s was answered %d times", e.name, id, n)
			}
		}
		if len(seen) != int(d) {
			t.Errorf("%s: %d answers; %v calls completed", e.name, len(seen), d)
		}
		e.alive()
	}
}

// chatter reports progress until its context ends: in bursts, so that its client can follow.
func chatter(ctx context.Context, req *mcp.Request, _ struct{}) (string, error) {
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	for i := 1; ctx.Err() == nil; i++ {
		if i%20 == 0 {
			<-pause.C
		}
		progress := mcp.ProgressNotificationParams{Progress: float64(i)}
		if err := req.NotifyProgress(ctx, progress); err != nil {
			return "", err
		}
	}
	return "", context.Cause(ctx)
}

// Once a request behind the cancellation is answered, nothing of the cancelled call follows,
// also when its tool is in the middle of telling its progress. Progress only ever grows.
func TestFaultNoMessageAfterCancel(t *testing.T) {
	r := start(t, everyProgress, func(s *server.Server) {
		server.AddTool(s, mcp.Tool{Name: "chatter", Description: "chatters"}, chatter)
	})
	r.watch()
	for _, e := range r.lines() {
		for round := range 50 {
			id := fmt.Sprint(round)
			call := strings.Replace(e.call(id, "chatter", `{}`), `"params":{`,
				`"params":{"_meta":{"progressToken":"p"},`, 1)
			if e.modern {
				call = strings.Replace(e.call(id, "chatter", `{}`), `"_meta":{`,
					`"_meta":{"progressToken":"p",`, 1)
			}
			e.conn.line(call)
			if got := e.conn.read(); !strings.Contains(got, `"progressToken":"p"`) {
				t.Fatalf("%s: got %s; want progress", e.name, got)
			}
			e.say(e.cancelled(id)) // all progress comes before the ping behind it
			if answers, _ := e.say(e.cancelled(id)); len(answers) != 0 {
				t.Fatalf("%s: round %d: after the cancellation came %q", e.name, round, answers)
			}
		}
	}
}

// A legacy HTTP session: the second call of an id that is in flight is refused, the call is
// cancelled by a request on another connection, and its response ends without a message.
func TestFaultCancelOverHTTP(t *testing.T) {
	r, cage := startCaged(t, nil)
	r.watch()
	defer cage.release()
	mine := "Mcp-Session-Id:" + r.session(latestLegacy)
	other := "Mcp-Session-Id:" + r.session(latestLegacy)
	call := legacyCall(`"c"`, "caged", `{"message":"m"}`)
	answer := make(chan []string, 2)
	for _, session := range []string{mine, other} {
		go func() { answer <- messagesOf(r, r.post(call, session)) }()
		wait(t, "the call runs", cage.entered)
	}
	if got := r.text(r.post(call, mine)); code(got) != -32600 || replyID(got) != `"c"` {
		t.Errorf("the id in flight was answered %s", got)
	}
	cancel := `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"c"}}`
	if resp := r.post(cancel, mine); resp.StatusCode != http.StatusAccepted {
		t.Errorf("the cancellation has status %s", resp.Status)
	}
	cage.waitCause(t, server.ErrCancelled)
	if got := wait(t, "the cancelled response ends", answer); len(got) != 0 {
		t.Errorf("the cancelled call was answered %q", got)
	}
	cage.release()
	if got := wait(t, "the other session's answer", answer); len(got) != 1 || code(got[0]) != 0 {
		t.Errorf("the other session's call was answered %q", got)
	}
}

// A modern HTTP client cancels by going away: the call's context ends, its slot is free.
func TestFaultDisconnectCancelsOverModernHTTP(t *testing.T) {
	r, cage := startCaged(t, nil)
	r.watch()
	defer cage.release()
	c := r.dialHTTP()
	body := modernCall("1", "caged", `{"message":"m"}`)
	fmt.Fprintf(c, "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
		"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: caged\r\n"+
		"Accept: application/json, text/event-stream\r\nContent-Length: %d\r\n\r\n%s",
		len(body), body)
	wait(t, "the call runs", cage.entered)
	c.Close()
	cage.waitCause(t, server.ErrDisconnected)
}

// Two peers with the same ids at the same time: each gets its own answers and nobody else's.
func TestFaultAnswersOfOthersNeverLeak(t *testing.T) {
	r := start(t, nil)
	r.watch()
	errs := make(chan error, 16)
	for peer := range cap(errs) {
		c := r.dialTCP()
		go func() {
			var all strings.Builder
			for i := range 300 {
				message := fmt.Sprintf(`{"message":"%d-%d"}`, peer, i)
				fmt.Fprintln(&all, modernCall(fmt.Sprint(i), "echo", message))
			}
			errs <- ownAnswers(c, all.String(), peer)
		}()
	}
	for range cap(errs) {
		if err := wait(t, "a peer has its answers", errs); err != nil {
			t.Error(err)
		}
	}
}

func ownAnswers(c *peerConn, all string, peer int) error {
	if _, err := c.Write([]byte(all)); err != nil {
		return err
	}
	in := bufio.NewScanner(c.r)
	for i := 0; i < 300 && in.Scan(); i++ {
		if want := fmt.Sprintf(`"%d-%d"`, peer, i); !strings.Contains(in.Text(), want) {
			return fmt.Errorf("peer %d got %s; want %s", peer, in.Text(), want)
		}
	}
	return in.Err()
}
