package history

import (
	"slices"
	"testing"
)

// passed is a history without a fault of visitors of a gateway: d asks and is asked, f gives up,
// is cut, and calls what is broken.
func passed() []Event {
	return []Event{
		{Client: "d", Conn: 1, Kind: Listening, ID: "l"},
		{
			Client: "d", Conn: 1, Kind: Sent, ID: "1", Op: Append, Value: "d.1",
			Upstream: "keep", Calm: true,
		},
		{
			Client: "d", Conn: 1, Kind: Sent, ID: "2", Op: Ask, Value: "d.2",
			Upstream: "keep", Calm: true, Modern: true,
		},
		{Client: "d", Conn: 1, Kind: Sent, ID: "3", Op: Ask, Value: "d.3", Upstream: "old"},
		{Client: "d", Conn: 1, Kind: Told, ID: "l", Value: "d", Upstream: "keep", Calm: true},
		{Client: "d", Conn: 1, Kind: Answer, ID: "1", Key: "d", Value: "d.1"},
		{Client: "d", Conn: 1, Kind: Asked, ID: "2", On: "2", Value: "d.2", Final: true},
		{
			Client: "d", Conn: 1, Kind: Sent, ID: "4", Op: Ask, Value: "d.2",
			Upstream: "keep", Calm: true, Modern: true, Resumes: true,
		},
		{Client: "d", Conn: 1, Kind: Asked, ID: "3", Value: "d.3", Final: true},
		{
			Client: "d", Conn: 1, Kind: Sent, ID: "5", Op: Ask, Value: "d.3",
			Upstream: "old", Resumes: true,
		},
		{Client: "d", Conn: 1, Kind: Answer, ID: "4", Key: "d", Value: "d.2"},
		{Client: "d", Conn: 1, Kind: Answer, ID: "5", Key: "d", Value: "d.3"},
		{Client: "f", Conn: 1, Kind: Sent, ID: "1", Op: Look, Value: "f.1", Upstream: "old"},
		{Client: "f", Conn: 1, Kind: Sent, ID: "2", Op: Wait, Value: "f.2", Upstream: "old"},
		{
			Client: "f", Conn: 1, Kind: Sent, ID: "3", Op: Ask, Value: "f.3",
			Upstream: "keep", Calm: true, Modern: true,
		},
		{Client: "f", Conn: 1, Kind: Note, ID: "2", Progress: 1},
		{Client: "f", Conn: 1, Kind: GaveUp, ID: "2"},
		{Client: "f", Conn: 1, Kind: Asked, ID: "3", Value: "f.3"},
		{Client: "f", Conn: 1, Kind: Answer, ID: "1", Key: "f", Value: "f.1"},
		{Client: "f", Conn: 1, Kind: Sent, ID: "4", Op: Append, Value: "f.4", Upstream: "old"},
		{Client: "f", Conn: 1, Kind: Failed, ID: "4", Code: away, Upstream: "old", State: "open"},
		{Client: "f", Conn: 1, Kind: Answer, ID: "3", Key: "f", Value: "f.3"},
		{Client: "f", Conn: 1, Kind: Sent, ID: "5", Op: Append, Value: "f.5", Upstream: "old"},
		{Client: "f", Conn: 1, Kind: Failed, ID: "5", Code: away, Upstream: "old", State: "ready"},
		{Client: "f", Conn: 1, Kind: Sent, ID: "6", Op: Append, Value: "f.6", Upstream: "old"},
		{Client: "f", Conn: 1, Kind: Cut},
		{Client: "d", Kind: Ran, Op: Append, Value: "d.1", Upstream: "keep"},
		{Client: "d", Kind: Ran, Op: Ask, Value: "d.2", Upstream: "keep"},
		{Client: "d", Kind: Ran, Op: Ask, Value: "d.3", Upstream: "old"},
		{Client: "f", Kind: Ran, Op: Look, Value: "f.1", Upstream: "old"},
		{Client: "f", Kind: Ran, Op: Look, Value: "f.1", Upstream: "old"},
		{Client: "f", Kind: Ran, Op: Ask, Value: "f.3", Upstream: "keep"},
		{Client: "f", Kind: Ran, Op: Wait, Value: "f.2", Upstream: "old"},
		{Client: "f", Kind: Ran, Op: Append, Value: "f.5", Upstream: "old"},
	}
}

// scraped is what the gateway of passed counts: d's two calls and one retry, f's one that asks and
// is called again, of keep; of old those that were answered, one that failed, one that was refused,
// one that was cancelled and one that never came.
func scraped() Counters {
	return Counters{
		"mcploop_calls_accepted_total":  10,
		"mcploop_calls_completed_total": 9,
		"mcploop_calls_cancelled_total": 1,

		`mcploop_upstream_calls_total{upstream="keep"}`:       5,
		`mcploop_upstream_calls_total{upstream="old"}`:        4,
		`mcploop_upstream_calls_unsent_total{upstream="old"}`: 1,
		`mcploop_upstream_calls_failed_total{upstream="old"}`: 2,
		`mcploop_upstream_cancelled_total{upstream="old"}`:    1,
	}
}

func TestGoodPassageHasNoViolation(t *testing.T) {
	if found := append(Check(passed()), Balance(passed(), scraped())...); len(found) != 0 {
		t.Error(found)
	}
}

// find returns where passed has an event.
func find(t *testing.T, client string, kind Kind, id string) int {
	t.Helper()
	i := slices.IndexFunc(passed(), func(e Event) bool {
		return e.Client == client && e.Kind == kind && e.ID == id
	})
	if i < 0 {
		t.Fatalf("the good passage lacks an event %d of %s of %s", kind, id, client)
	}
	return i
}

// ranAt returns where passed has the run of a value.
func ranAt(t *testing.T, value string) int {
	t.Helper()
	i := slices.IndexFunc(passed(), func(e Event) bool { return e.Kind == Ran && e.Value == value })
	if i < 0 {
		t.Fatalf("the good passage does not run %s", value)
	}
	return i
}

// Each violation of what goes through a gateway is found under its rule: outcomes and changes.
func TestPlantedViolationsOfThePassageAreFound(t *testing.T) {
	answer := func(client, id string) int { return find(t, client, Answer, id) }
	failed, refused := find(t, "f", Failed, "5"), find(t, "f", Failed, "4")
	told := find(t, "d", Told, "l")
	becomes := func(at, code int) func([]Event) []Event {
		return set(at, func(e *Event) { e.Kind, e.Code = Failed, code })
	}
	for _, p := range []planted{
		{"lost answer", drop(answer("d", "1")), "N1", "d: request 1 has no"},
		{"lost answer of a retry", drop(answer("d", "5")), "N1", "d: request 5 has no"},
		{"answered twice", again(answer("d", "4")), "N1", "4 has 2 outcomes"},
		{"failed and answered", again(failed), "N1", "5 has 2 outcomes"},
		{"another's answer", set(answer("d", "1"), func(e *Event) { e.Key = "f" }), "N1", `of "f"`},
		{
			"answer under another id", set(answer("d", "1"), func(e *Event) { e.ID = "2" }),
			"N1", `want "d.2"`,
		},
		{
			"answer of another request", set(answer("f", "3"), func(e *Event) { e.Value = "f.1" }),
			"N1", `want "f.3"`,
		},
		{
			"progress after the answer", add(Event{Client: "f", Kind: Note, ID: "1", Progress: 1}),
			"N5", "after its outcome",
		},
		{
			"another's progress", add(Event{Client: "d", Kind: Note, ID: "9", Progress: 1}),
			"N1", "progress of 9",
		},
		{
			"ran though there were too many", becomes(failed, overloaded),
			"N2", "refused with -31000",
		},
		{
			"calm upstream failed", becomes(answer("d", "1"), late),
			"N8", "1, append of keep, failed with -31001",
		},
		{
			"another upstream failed", set(failed, func(e *Event) { e.Upstream = "keep" }),
			"N1", `it is for "old"`,
		},
		{
			"question not answered", becomes(answer("d", "4"), internalError),
			"N8", "4 failed with -32603, and its client was there",
		},
		{
			"failed without a reason", becomes(failed, -32603),
			"N2", "does not say why",
		},
		{
			"gone without a question", becomes(refused, invalidParams),
			"N2", "does not say why",
		},
		{"change never told", drop(told), "N4", "change by request 1"},
		{
			"another session's change", set(told, func(e *Event) { e.Value = "f" }),
			"N8", `list of "f"`,
		},
	} {
		p.checkIn(t, passed())
	}
}

// The same of questions.
func TestPlantedQuestionsAreFound(t *testing.T) {
	asked := find(t, "d", Asked, "2")
	for _, p := range []planted{
		{
			"another's question", add(Event{Client: "f", Kind: Asked, Value: "d.2"}),
			"N8", `asked about "d.2"`,
		},
		{
			"question of another call", add(Event{Client: "d", Kind: Asked, Value: "d.1"}),
			"N8", `asked about "d.1"`,
		},
		{
			"question under another id", set(asked, func(e *Event) { e.ID = "3" }),
			"N1", "as the answer to 3",
		},
		{
			"question on another stream", set(asked, func(e *Event) { e.On = "1" }),
			"N4", "on the stream of 1",
		},
		{
			"question after the answer", add(Event{Client: "f", Kind: Asked, Value: "f.3"}),
			"N5", "question of request 3 after",
		},
		{"asked twice in one answer", again(find(t, "d", Asked, "3")), "N1", "3 has 2 outcomes"},
	} {
		p.checkIn(t, passed())
	}
}

// The same of what the servers behind it ran.
func TestPlantedRunsAreFound(t *testing.T) {
	ran := func(client, op, value, upstream string) func([]Event) []Event {
		return add(Event{Kind: Ran, Client: client, Op: op, Value: value, Upstream: upstream})
	}
	for _, p := range []planted{
		{
			"append ran twice", ran("d", Append, "d.1", "keep"),
			"N3", `append of "d.1" ran 2`,
		},
		{"lost append ran twice", again(ranAt(t, "f.5")), "N3", `"f.5" ran 2`},
		{"question ran twice", again(ranAt(t, "d.3")), "N3", `ask of "d.3" ran 2`},
		{"look ran three times", again(ranAt(t, "f.1")), "N3", `look of "f.1" ran 3`},
		{
			"ran though it was refused", ran("f", Append, "f.4", "old"),
			"N2", "refused with -31002 open",
		},
		{"never ran", drop(ranAt(t, "d.2")), "N1", "4 was answered, and never ran"},
		{
			"ran what nobody sent", ran("d", Append, "d.9", "keep"),
			"N1", "never asked for",
		},
		{
			"ran for nobody", ran("x", Append, "x.1", "keep"),
			"N1", "never asked for",
		},
		{
			"ran elsewhere", set(ranAt(t, "d.1"), func(e *Event) { e.Upstream = "old" }),
			"N1", "is for append of keep",
		},
		{
			"ran another tool", set(ranAt(t, "d.1"), func(e *Event) { e.Op = Emit }),
			"N1", "is for append of keep",
		},
	} {
		p.checkIn(t, passed())
	}
}

// Counters that do not balance are found.
func TestPlantedImbalancesAreFound(t *testing.T) {
	up := func(name, upstream string) string {
		return "mcploop_upstream_" + name + `{upstream="` + upstream + `"}`
	}
	for _, p := range []struct {
		name, counter string
		by            float64
		text          string
	}{
		{
			"accepted and never ended", "mcploop_calls_accepted_total", 1,
			"11 calls were accepted, 10",
		},
		{"ended twice", "mcploop_calls_completed_total", 1, "10 calls were accepted, 11"},
		{"left in flight", "mcploop_calls_in_flight", 1, "1 calls are in flight"},
		{"left at an upstream", up("in_flight", "old"), 1, "1 calls of old are in_flight"},
		{"held for ever", up("held", "keep"), 1, "1 calls of keep are held"},
		{
			"not counted", up("calls_total", "keep"), -1,
			"4 calls of keep are counted; its clients saw 5",
		},
		{"counted twice", up("calls_total", "keep"), 1, "6 calls of keep"},
		{"failure not counted", up("calls_failed_total", "old"), -1, "1 calls that failed of old"},
		{"failure counted twice", up("calls_failed_total", "old"), 3, "5 calls that failed of old"},
		{
			"cancelled too often", up("cancelled_total", "keep"), 1,
			"4 calls that were answered by keep",
		},
		{
			"completed behind the back", "mcploop_calls_completed_total", -2,
			"7 calls are counted as",
		},
	} {
		n := scraped()
		n[p.counter] += p.by
		found := Balance(passed(), n)
		if want := (planted{rule: "N2", text: p.text}); !want.in(found) {
			t.Errorf("%s: found %v; want %q", p.name, found, p.text)
		}
	}
}
