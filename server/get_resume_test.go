package server_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server"
)

// cutGet breaks the connection of a GET stream and waits until the server knows.
func (r *running) cutGet(f *feed) {
	r.t.Helper()
	f.resp.Body.Close()
	eventually(r.t, "nobody carries the stream", func() bool {
		return r.metric("mcploop_streams_away") == 1
	})
}

// subscribeTo makes a session want to be told of people.
func (r *running) subscribeTo(session string, names ...string) {
	r.t.Helper()
	for _, name := range names {
		uri := fmt.Sprintf(`"uri":"test://people/%s"`, name)
		got := r.text(r.post(legacyLine("1", "resources/subscribe", uri), session))
		if !strings.Contains(got, `"result":{}`) {
			r.t.Fatalf("subscribe to %s: %s", name, got)
		}
	}
}

// update tells of people, and waits until the server has told all of them.
func (r *running) update(names ...string) {
	r.t.Helper()
	want := r.metric("mcploop_notifications_total") + float64(len(names))
	for _, name := range names {
		r.ResourceUpdated("test://people/" + name)
	}
	eventually(r.t, "all are told", func() bool {
		return r.metric("mcploop_notifications_total") == want
	})
}

// What a session is told while nobody carries its GET stream comes with the resume, and nothing
// else does.
func TestGetStreamResumes(t *testing.T) {
	r := start(t, nil, addFeatures)
	session := "Mcp-Session-Id:" + r.session("2025-11-25")
	r.subscribeTo(session, "A", "B", "C", "D")
	f := r.feed(r.getStream(session))
	f.expect("g1-0", "")
	r.update("A")
	f.expect("g1-1", "people/A")
	r.cutGet(f)
	if r.metric("mcploop_streams") != 0 {
		t.Error("the stream is still counted as open")
	}
	values := r.addCounter("count") // which changes the list of tools: g1-2
	values <- 1
	close(values)
	post := r.feed(r.post(legacyProgressCall("1", "count"), session))
	post.expect("1-0", "", "1-1", `"progress":1`, "1-2", "counted")
	r.update("B", "C")
	f = r.feed(r.getStream(session, "Last-Event-ID:g1-1"))
	f.expect("g1-2", "tools/list_changed", "g1-3", "people/B", "g1-4", "people/C")
	r.update("D")
	f.expect("g1-5", "people/D")
	second := r.feed(r.getStream(session, "Last-Event-ID:g1-4")) // takes the stream over
	f.ends()
	second.expect("g1-5", "people/D")
	post = r.feed(r.getStream(session, "Last-Event-ID:1-1"))
	post.expect("1-2", "counted")
	post.ends()
	if got := r.metric("mcploop_streams"); got != 1 {
		t.Errorf("%v streams are open", got)
	}
	if got := r.metric("mcploop_events_replayed_total"); got != 5 {
		t.Errorf("%v events were replayed", got)
	}
}

// A stream that was told nothing yet can be carried on, too: it has a priming event.
func TestQuietGetStreamResumes(t *testing.T) {
	r := start(t, nil)
	session := "Mcp-Session-Id:" + r.session("2025-11-25")
	f := r.feed(r.getStream(session))
	f.expect("g1-0", "")
	r.cutGet(f)
	r.changeTools("more")
	f = r.feed(r.getStream(session, "Last-Event-ID:g1-0"))
	f.expect("g1-1", "tools/list_changed")
}

// Clients before 2025-11-25 get ids but no priming event, so there is nothing to carry on before
// the first message.
func TestGetStreamBefore20251125(t *testing.T) {
	r := start(t, nil)
	session := "Mcp-Session-Id:" + r.session("2025-03-26")
	f := r.feed(r.getStream(session))
	f.resp.Body.Close()
	eventually(t, "the stream is gone", func() bool { return r.metric("mcploop_streams") == 0 })
	r.changeTools("unheard")
	f = r.feed(r.getStream(session))
	r.changeTools("heard")
	f.expect("g2-1", "tools/list_changed")
	r.cutGet(f)
	r.changeTools("more")
	f = r.feed(r.getStream(session, "Last-Event-ID:g2-1"))
	f.expect("g2-2", "tools/list_changed")
}

func TestGetStreamResumeRefusals(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Sessions.ReplayEvents = 2 }, addFeatures)
	id, foreign := r.session("2025-11-25"), r.session("2025-11-25")
	session := "Mcp-Session-Id:" + id
	refused := func(session string, want int, ids ...string) {
		t.Helper()
		for _, last := range ids {
			resp := r.getStream("Mcp-Session-Id:"+session, "Last-Event-ID:"+last)
			if text := r.text(resp); resp.StatusCode != want || code(text) == 0 {
				t.Errorf("%.40q: got %s %s, want %d", last, resp.Status, text, want)
			}
		}
	}
	refused(id, 400, "g1-0", "g0-0") // none was opened
	r.subscribeTo(session, "A", "B", "C")
	f := r.feed(r.getStream(session))
	r.update("A", "B", "C")
	f.expect("g1-0", "", "g1-1", "people/A", "g1-2", "people/B", "g1-3", "people/C")
	refused(id, 400, "g", "g1", "g1-", "g-1", "G1-1", "gg1-1", "g01-1", "g1-4", "g2-0", "1-1",
		"g4294967297-1", "g1-0") // g1-1 has left the log
	refused(foreign, 400, "g1-1", "g1-3")
	refused("nobody", 404, "g1-1")
	refused(id, 431, strings.Repeat("1", 64<<10))
	next := r.feed(r.getStream(session)) // another stream
	f.ends()
	next.expect("g2-0", "")
	refused(id, 400, "g1-1", "g1-3")
	r.update("A")
	next.expect("g2-1", "people/A")
	for i := range 3 { // what all streams are told is bounded for itself
		r.changeTools(fmt.Sprintf("tool%d", i))
		next.expect(fmt.Sprintf("g2-%d", i+2), "tools/list_changed")
	}
	refused(id, 400, "g2-0", "g2-1")
	last := r.feed(r.getStream(session, "Last-Event-ID:g2-2"))
	last.expect("g2-3", "tools/list_changed", "g2-4", "tools/list_changed")
	r.update("A", "B", "C")
	last.expect("g2-5", "people/A", "g2-6", "people/B", "g2-7", "people/C")
	refused(id, 400, "g2-4", "g2-3") // g2-5 has left, though as many events are kept
	last = r.feed(r.getStream(session, "Last-Event-ID:g2-5"))
	last.expect("g2-6", "people/B", "g2-7", "people/C")
}

// Streams that a GET carries on count like those that it opens. At the limit who takes a stream
// over takes its place.
func TestResumedStreamsAreCounted(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.Streams = 2 })
	session := "Mcp-Session-Id:" + r.session("2025-11-25")
	values := r.addCounter("count")
	values <- 1
	post := r.feed(r.post(legacyProgressCall("1", "count"), session))
	post.expect("1-0", "", "1-1", `"progress":1`)
	full := func(last string) {
		t.Helper()
		resp := r.getStream(session, last)
		if text := r.text(resp); resp.StatusCode != 503 || code(text) != -31000 ||
			!strings.Contains(text, "limits.streams") {
			t.Errorf("%s: got %s %s", last, resp.Status, text)
		}
	}
	other, _ := r.listen("1", wantTools)
	get := r.feed(r.getStream(session))
	get.expect("g1-0", "")
	full("Last-Event-ID:1-1")
	second := r.feed(r.getStream(session, "Last-Event-ID:g1-0"))
	get.ends()
	r.cutGet(second)
	post = r.feed(r.getStream(session, "Last-Event-ID:1-1"))
	full("Last-Event-ID:g1-0")
	post.resp.Body.Close()
	eventually(t, "there is room again", func() bool { return r.metric("mcploop_streams") == 1 })
	get = r.feed(r.getStream(session, "Last-Event-ID:g1-0"))
	full("Last-Event-ID:1-1")
	other.resp.Body.Close()
	eventually(t, "there is room again", func() bool { return r.metric("mcploop_streams") == 1 })
	post = r.feed(r.getStream(session, "Last-Event-ID:1-1"))
	close(values)
	post.expect("1-2", "counted")
	post.ends()
	eventually(t, "one is left", func() bool { return r.metric("mcploop_streams") == 1 })
	r.changeTools("more")
	get.expect("g1-1", "tools/list_changed")
}

// Time takes away what was kept: events, and then the stream that nobody has carried on.
func TestReplayTime(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Sessions.ReplayTime, o.Sessions.Sweep = time.Millisecond, time.Millisecond
	})
	session := "Mcp-Session-Id:" + r.session("2025-11-25")
	values := r.addCounter("count")
	values <- 1
	close(values)
	r.text(r.post(legacyProgressCall("1", "count"), session))
	get := r.feed(r.getStream(session))
	r.changeTools("more")
	get.expect("g1-0", "", "g1-1", "tools/list_changed")
	eventually(t, "all events have expired", func() bool {
		return r.metric("mcploop_events_expired_total") == 3 &&
			r.metric("mcploop_replay_bytes") == 0
	})
	refused := func(last string) {
		t.Helper()
		if got := r.getStream(session, "Last-Event-ID:"+last); got.StatusCode != 400 {
			t.Errorf("%s: got %s", last, got.Status)
		}
	}
	refused("1-1")
	refused("g1-0")
	second := r.feed(r.getStream(session, "Last-Event-ID:g1-1")) // who has all of them misses none
	get.ends()
	second.resp.Body.Close()
	eventually(t, "nobody waits for it any more", func() bool {
		return r.metric("mcploop_streams") == 0 && r.metric("mcploop_streams_away") == 0 &&
			r.getStream(session, "Last-Event-ID:g1-1").StatusCode == 400
	})
	third := r.feed(r.getStream(session))
	r.changeTools("evenmore")
	third.expect("g2-0", "", "g2-1", "tools/list_changed")
}

// A session whose GET stream broke is idle.
func TestSessionWhoseStreamBrokeIsSwept(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Sessions.IdleTTL, o.Sessions.Sweep = time.Second, time.Millisecond
	})
	session := "Mcp-Session-Id:" + r.session("2025-11-25")
	f := r.feed(r.getStream(session))
	f.expect("g1-0", "")
	r.cutGet(f)
	eventually(t, "the session is swept, and its stream with it", func() bool {
		return r.metric("mcploop_sessions") == 0 && r.metric("mcploop_streams_away") == 0
	})
}

// However often GET streams are cut, whichever loop carries them on: each event comes once, and in
// order.
func TestGetStreamUnderRandomCuts(t *testing.T) {
	const clients, rounds, each = 4, 20, 10
	r := start(t, func(o *server.Options) { o.Loops.Count = 3 }, addFeatures)
	var names, want []string
	for i := range rounds {
		for j := range each {
			names = append(names, fmt.Sprintf("n%d.%d.", i, j))
			want = append(want, "people/"+names[len(names)-1])
		}
		want = append(want, "tools/list_changed")
	}
	var ready, done sync.WaitGroup
	for i := range clients {
		session := "Mcp-Session-Id:" + r.session("2025-11-25")
		r.subscribeTo(session, names...)
		f := r.feed(r.getStream(session))
		f.expect("g1-0", "")
		ready.Add(1)
		done.Go(func() {
			dice := rand.New(rand.NewPCG(uint64(i), 3))
			last, left := "g1-0", dice.IntN(20)
			ready.Done()
			for next := 0; next < len(want); left-- {
				if left <= 0 {
					f.resp.Body.Close()
					f = r.feed(r.getStream(session, "Last-Event-ID:"+last))
					left = dice.IntN(20) + 1
				}
				id, data, ok := f.event()
				if last = id; !ok || !strings.Contains(data, want[next]) {
					t.Errorf("client %d: got %q %q (%v), want %s", i, id, data, ok, want[next])
					return
				}
				next++
			}
		})
	}
	ready.Wait()
	told := func(n int) {
		t.Helper()
		eventually(t, "all are told", func() bool {
			return r.metric("mcploop_notifications_total") >= float64(clients*n)
		})
	}
	for i := range rounds {
		for _, name := range names[i*each : (i+1)*each] {
			r.ResourceUpdated("test://people/" + name)
		}
		told(i*(each+1) + each) // a list is told before resources that changed with it
		r.changeTools(fmt.Sprintf("tool%d", i))
		told((i + 1) * (each + 1))
	}
	done.Wait()
}

// The index of who wants to be told of single resources forgets who has left.
func TestWhoLeavesLeavesTheAudience(t *testing.T) {
	r := start(t, nil, addFeatures)
	session := "Mcp-Session-Id:" + r.session("2025-06-18")
	r.subscribeTo(session, "A", "B")
	if got := r.Topics(); got != 0 {
		t.Errorf("%d topics of a session without a stream", got)
	}
	get := r.feed(r.getStream(session))
	r.subscribeTo(session, "C", "C")
	listen, _ := r.listen("1", `{"resourceSubscriptions":["test://people/A","test://text"]}`)
	line := r.dialTCP()
	line.initialize("2025-06-18")
	for i, method := range []string{"subscribe", "subscribe", "unsubscribe"} {
		line.ask(legacyLine(fmt.Sprint(i), "resources/"+method, fmt.Sprintf(`"uri":"a:%d"`, i)))
	}
	line.ask(legacyLine("9", "resources/subscribe", `"uri":"test://people/A"`))
	if got := r.Topics(); got != 3+2+1 {
		t.Errorf("%d topics", got)
	}
	r.ResourceUpdated("test://people/A")
	get.expect("g1-1", "people/A")
	if got := listen.next() + line.read(); strings.Count(got, "people/A") != 2 {
		t.Errorf("got %s", got)
	}
	r.text(r.post(legacyLine("1", "resources/unsubscribe", `"uri":"test://people/C"`), session))
	if got := r.Topics(); got != 2+2+1 {
		t.Errorf("%d topics after unsubscribe", got)
	}
	listen.resp.Body.Close()
	line.Close()
	r.request("DELETE", "/mcp", "", session)
	eventually(t, "all have left", func() bool { return r.Topics() == 0 })
}
