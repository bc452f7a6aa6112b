package history

import (
	"slices"
	"strings"
	"testing"
)

// good is a history without a fault: a client that is cut and resumes, also the stream that no
// request asked for, and a calm one.
func good() []Event {
	return []Event{
		{Client: "a", Conn: -1, Kind: Listening},
		{Client: "a", Conn: 1, Kind: Sent, ID: "1", Op: Append, Value: "x"},
		{Client: "a", Conn: 1, Kind: Answer, ID: "1", On: "1", Key: "a", Value: "x", Number: 1},
		{Client: "a", Conn: -1, Kind: Marked, ID: Push, Stream: "1", Number: 1},
		{Client: "a", Conn: -1, Kind: Told, On: Push, Value: "a"},
		{Client: "a", Conn: 1, Kind: Sent, ID: `"1"`, Op: Append, Value: "y"},
		{Client: "a", Conn: 1, Kind: Cut},
		{Client: "a", Conn: -1, Kind: Marked, ID: Push, Stream: "1", Number: 2},
		{Client: "a", Conn: -1, Kind: Told, On: Push, Value: "a"},
		{Client: "a", Conn: -1, Kind: Cut, ID: Push},
		{Client: "a", Conn: 2, Kind: Sent, ID: "2", Op: Emit, Notes: 2, Logs: 2},
		{Client: "b", Conn: 1, Kind: Sent, ID: "1", Op: Read, Calm: true},
		{Client: "a", Conn: 2, Kind: Marked, ID: "2", Stream: "7", Number: 0},
		{Client: "a", Conn: 2, Kind: Marked, ID: "2", Stream: "7", Number: 1},
		{Client: "a", Conn: 2, Kind: Note, ID: "2", On: "2", Progress: 1},
		{Client: "a", Conn: 2, Kind: Marked, ID: "2", Stream: "7", Number: 2},
		{Client: "a", Conn: 2, Kind: Logged, ID: "2", On: "2", Key: "a", Progress: 1},
		{Client: "a", Conn: 2, Kind: Cut},
		{Client: "a", Conn: 2, Kind: Resumed, ID: "2", Stream: "7"},
		{Client: "a", Conn: 3, Kind: Marked, ID: "2", Stream: "7", Number: 3},
		{Client: "a", Conn: 3, Kind: Note, ID: "2", On: "2", Progress: 2},
		{Client: "b", Conn: 1, Kind: Answer, ID: "1", Key: "b"},
		{Client: "a", Conn: 3, Kind: Marked, ID: "2", Stream: "7", Number: 4},
		{Client: "a", Conn: 3, Kind: Logged, ID: "2", On: "2", Key: "a", Progress: 2},
		{Client: "a", Conn: 3, Kind: Marked, ID: "2", Stream: "7", Number: 5},
		{Client: "a", Conn: 3, Kind: Answer, ID: "2", On: "2", Key: "a", Notes: 2},
		{Client: "a", Conn: 4, Kind: Sent, ID: "3", Op: Append, Value: "z"},
		{Client: "a", Conn: 4, Kind: Answer, ID: "3", On: "3", Key: "a", Value: "z", Number: 3},
		{Client: "a", Conn: -1, Kind: Resumed, ID: Push, Stream: "1"},
		{Client: "a", Conn: -1, Kind: Marked, ID: Push, Stream: "1", Number: 3},
		{Client: "a", Conn: -1, Kind: Told, On: Push, Value: "a"},
		{Client: "a", Conn: 5, Kind: Sent, ID: "4", Op: Read},
		{
			Client: "a", Conn: 5, Kind: Answer, ID: "4", On: "4", Key: "a",
			Values: []string{"x", "y", "z"},
		},
		{Client: "c", Conn: 1, Kind: Listening, ID: "9"},
		{Client: "c", Conn: 1, Kind: Sent, ID: "1", Op: Append, Value: "v"},
		{Client: "c", Conn: 1, Kind: Unsure, ID: "1"},
		{Client: "c", Conn: 1, Kind: Told, ID: "9", Value: "c"},
		{Client: "c", Conn: 1, Kind: Sent, ID: "2", Op: Append, Value: "w"},
		{Client: "c", Conn: 1, Kind: Answer, ID: "2", Key: "c", Value: "w", Number: 2},
		{Client: "c", Conn: 1, Kind: Cut},
	}
}

// at returns where the good history has the client's first event of a kind that matches.
func at(t *testing.T, client string, kind Kind, is func(Event) bool) int {
	t.Helper()
	i := slices.IndexFunc(good(), func(e Event) bool {
		return e.Client == client && e.Kind == kind && is(e)
	})
	if i < 0 {
		t.Fatalf("the good history lacks an event %d of %s", kind, client)
	}
	return i
}

func TestGoodHistoryHasNoViolation(t *testing.T) {
	if found := Check(good()); len(found) != 0 {
		t.Error(found)
	}
	var l Log
	for _, e := range good() {
		l.Add(e)
	}
	if got := l.Events(); len(got) != len(good()) || Check(got) != nil {
		t.Errorf("recorded %d events of %d", len(got), len(good()))
	}
}

// planted is a violation that is made in the good history, and what must be found.
type planted struct {
	name  string
	plant func([]Event) []Event
	rule  string
	text  string
}

func (p planted) check(t *testing.T) {
	t.Helper()
	p.checkIn(t, good())
}

func (p planted) checkIn(t *testing.T, events []Event) {
	t.Helper()
	if found := Check(p.plant(events)); !p.in(found) {
		t.Errorf("%s: found %v; want %s with %q", p.name, found, p.rule, p.text)
	}
}

// in tells whether what must be found was found.
func (p planted) in(found []Violation) bool {
	return slices.ContainsFunc(found, func(v Violation) bool {
		return v.Rule == p.rule && strings.Contains(v.String(), p.text)
	})
}

func drop(at int) func([]Event) []Event {
	return func(e []Event) []Event { return slices.Delete(e, at, at+1) }
}

func again(at int) func([]Event) []Event {
	return func(e []Event) []Event { return slices.Insert(e, at, e[at]) }
}

func set(at int, f func(*Event)) func([]Event) []Event {
	return func(e []Event) []Event { f(&e[at]); return e }
}

func swap(a, b int, f func(a, b *Event)) func([]Event) []Event {
	return func(e []Event) []Event { f(&e[a], &e[b]); return e }
}

func add(one Event) func([]Event) []Event {
	return func(e []Event) []Event { return append(e, one) }
}

// Each violation of what belongs to a request is found under its rule.
func TestPlantedViolationsAreFound(t *testing.T) {
	answer := func(client, id string) int {
		return at(t, client, Answer, func(e Event) bool { return e.ID == id })
	}
	note := func(n int) int {
		return at(t, "a", Note, func(e Event) bool { return e.Progress == n })
	}
	mark := func(n int) int {
		return at(t, "a", Marked, func(e Event) bool { return e.ID == "2" && e.Number == n })
	}
	one, two, read, calm := answer("a", "1"), answer("a", "2"), answer("a", "4"), answer("b", "1")
	progress := func(a, b *Event) { a.Progress, b.Progress = b.Progress, a.Progress }
	for _, p := range []planted{
		{"dropped answer", drop(calm), "N1", "b: request 1 has no"},
		{"dropped read", drop(read), "N1", "request 4 has no outcome"},
		{"dropped after resumption", drop(two), "N4", "request 2 has no outcome"},
		{"doubled answer", again(one), "N1", "has 2 outcomes"},
		{"type of the id", set(one, func(e *Event) { e.ID = `"9"` }), "N1", "never sent"},
		{"swapped answers", set(one, func(e *Event) { e.Value = "y" }), "N1", `want "x"`},
		{"foreign answer", set(calm, func(e *Event) { e.Key = "a" }), "N1", `of "a"`},
		{"foreign progress", set(note(1), func(e *Event) { e.ID = "8" }), "N1", "progress of 8"},
		{"dropped progress", drop(note(2)), "N5", "1 progress"},
		{"doubled progress", again(note(1)), "N5", "from 1 to 1"},
		{"reordered progress", swap(note(1), note(2), progress), "N5", "from 2 to 1"},
		{
			"progress after the end", add(Event{Client: "a", Kind: Note, ID: "2", Progress: 3}),
			"N5", "after its outcome",
		},
		{"gap in a stream", drop(mark(3)), "N4", "event 4 follows 2"},
		{"event twice", again(mark(1)), "N4", "came again"},
		{"late beginning", set(mark(0), func(e *Event) { e.Number = 2 }), "N4", "begins with"},
		{"other stream's event", set(mark(3), func(e *Event) { e.ID = "3" }), "N4", "came for 3"},
		{"calm client is cut", add(Event{Client: "b", Kind: Cut, Calm: true}), "N8", "was cut"},
		{"calm request fails", set(calm, func(e *Event) { e.Kind = Failed }), "N8", "failed"},
		{
			"calm POST is cut", add(Event{Client: "b", Kind: Unsure, ID: "1", Calm: true}),
			"N8", "POST of request 1",
		},
	} {
		p.check(t)
	}
}

// Each violation of what the ledger must show is found under its rule.
func TestPlantedViolationsOfTheLedgerAreFound(t *testing.T) {
	read := at(t, "a", Answer, func(e Event) bool { return e.ID == "4" })
	values := func(list ...string) func([]Event) []Event {
		return set(read, func(e *Event) { e.Values = list })
	}
	for _, p := range []planted{
		{"foreign value", values("x", "y", "z", "f"), "N1", `"f", which it never`},
		{"acknowledged, run twice", values("x", "y", "z", "x"), "N3", `"x" was appended twice`},
		{"unanswered, run twice", values("x", "y", "z", "y"), "N3", `"y" was appended`},
		{"lost write", values("y", "z"), "N5", `see "x"`},
		{"write elsewhere", values("x", "z"), "N5", `"z" is at place 2; its`},
		{"reordered writes", values("z", "y", "x"), "N5", `"z" stands before "x"`},
	} {
		p.check(t)
	}
}

// Each violation of what comes beside the answers is found under its rule: log messages, and the
// stream that no request asked for.
func TestPlantedViolationsOfStreamsAreFound(t *testing.T) {
	is := func(kind Kind, n int) int {
		return at(t, "a", kind, func(e Event) bool { return e.Progress == n && e.ID == "2" })
	}
	push := func(n int) int {
		return at(t, "a", Marked, func(e Event) bool { return e.ID == Push && e.Number == n })
	}
	answer := at(t, "a", Answer, func(e Event) bool { return e.ID == "1" })
	first := at(t, "a", Told, func(Event) bool { return true })
	sub := at(t, "c", Told, func(Event) bool { return true })
	elsewhere := func(e *Event) { e.On = "3" }
	beside := func(e *Event) { e.On = Push }
	progress := func(a, b *Event) { a.Progress, b.Progress = b.Progress, a.Progress }
	for _, p := range []planted{
		{"disorderly log", swap(is(Logged, 1), is(Logged, 2), progress), "N5", "follows 2"},
		{"log message lost", drop(is(Logged, 1)), "N5", "message 2 of 2 follows 0"},
		{"last log message lost", drop(is(Logged, 2)), "N5", "1 log messages"},
		{"log message twice", again(is(Logged, 2)), "N5", "message 2 of 2 follows 2"},
		{"log message before its progress", drop(is(Note, 2)), "N5", "follows progress 1"},
		{
			"log message under another id", set(is(Logged, 1), func(e *Event) { e.ID = "1" }),
			"N1", "request 1 asked for no log messages",
		},
		{
			"log message under an unknown id", set(is(Logged, 1), func(e *Event) { e.ID = "8" }),
			"N1", "a log message of 8",
		},
		{
			"another client's log message", set(is(Logged, 1), func(e *Event) { e.Key = "b" }),
			"N1", `of "b"`,
		},
		{
			"log message after the end", add(Event{
				Client: "a", Kind: Logged, ID: "2", Key: "a", Progress: 3,
			}), "N5", "message 3 of 2 after",
		},
		{"log message on another stream", set(is(Logged, 1), elsewhere), "N4", "the stream of 3"},
		{"progress on another stream", set(is(Note, 1), elsewhere), "N4", "on the stream of 3"},
		{"answer on another stream", set(answer, elsewhere), "N4", "answer to 1 came on"},
		{"answer where none belongs", set(answer, beside), "N4", "came on the stream of push"},
		{"progress where none belongs", set(is(Note, 1), beside), "N4", "on the stream of push"},
		{"lost event of the GET stream", drop(push(2)), "N4", "stream 1: event 3 follows 1"},
		{"duplicate after resuming", set(push(3), func(e *Event) { e.Number = 2 }), "N4", "again"},
		{
			"request's event on the GET stream", set(push(3), func(e *Event) {
				e.Stream, e.Number = "7", 6
			}), "N4", "event 6 of stream 7, which is that of 2, came for push",
		},
		{"change never told", drop(push(3) + 1), "N4", "never told of the change by request 3"},
		{"change told too often", func(e []Event) []Event {
			return append(e, e[first], e[first], e[first])
		}, "N4", "was told of 4 changes, and made 3"},
		{"another client's change", set(first, func(e *Event) { e.Value = "b" }), "N8", `of "b"`},
		{"change on a request's stream", set(first, elsewhere), "N4", "change on the stream of 3"},
		{"another subscription's change", set(sub, func(e *Event) { e.ID = "8" }), "N1", `"8"`},
		{"unwanted change", add(Event{Client: "b", Kind: Told, Value: "b"}), "N1", "did not"},
	} {
		p.check(t)
	}
}

// What a run says of itself: the good history has one request of five lost at door a, and one of
// two, which may have run, at c.
func TestShares(t *testing.T) {
	want := []Share{
		{Group: "a", Requests: 5, Answered: 4, Resumed: 1, Lost: 1, Ran: 1},
		{Group: "b", Requests: 1, Answered: 1},
		{Group: "c", Requests: 2, Answered: 1, Lost: 1},
		{Group: "all", Requests: 8, Answered: 6, Resumed: 1, Lost: 2, Ran: 1},
	}
	if got := Shares(good()); !slices.Equal(got, want) {
		t.Errorf("got %+v; want %+v", got, want)
	}
	read := at(t, "a", Answer, func(e Event) bool { return e.ID == "4" })
	got := Shares(set(read, func(e *Event) { e.Values = []string{"x"} })(good()))[0]
	if got.Ran != 0 || got.DidNot != 1 {
		t.Errorf("an append that did not run is counted as %+v", got)
	}
}
