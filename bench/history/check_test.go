package history

import (
	"slices"
	"strings"
	"testing"
)

// good is a history without a fault: a client that is cut and resumes, and a calm one.
func good() []Event {
	return []Event{
		{Client: "a", Conn: 1, Kind: Sent, ID: "1", Op: Append, Value: "x"},
		{Client: "a", Conn: 1, Kind: Answer, ID: "1", Key: "a", Value: "x"},
		{Client: "a", Conn: 1, Kind: Sent, ID: `"1"`, Op: Append, Value: "y"},
		{Client: "a", Conn: 1, Kind: Cut},
		{Client: "a", Conn: 2, Kind: Sent, ID: "2", Op: Emit, Notes: 2},
		{Client: "b", Conn: 1, Kind: Sent, ID: "1", Op: Read, Calm: true},
		{Client: "a", Conn: 2, Kind: Marked, ID: "2", Stream: "7", Number: 0},
		{Client: "a", Conn: 2, Kind: Marked, ID: "2", Stream: "7", Number: 1},
		{Client: "a", Conn: 2, Kind: Note, ID: "2", Progress: 1},
		{Client: "a", Conn: 2, Kind: Cut},
		{Client: "a", Conn: 2, Kind: Resumed, ID: "2", Stream: "7"},
		{Client: "a", Conn: 3, Kind: Marked, ID: "2", Stream: "7", Number: 2},
		{Client: "a", Conn: 3, Kind: Note, ID: "2", Progress: 2},
		{Client: "b", Conn: 1, Kind: Answer, ID: "1", Key: "b"},
		{Client: "a", Conn: 3, Kind: Marked, ID: "2", Stream: "7", Number: 3},
		{Client: "a", Conn: 3, Kind: Answer, ID: "2", Key: "a", Notes: 2},
		{Client: "a", Conn: 4, Kind: Sent, ID: "3", Op: Read},
		{Client: "a", Conn: 4, Kind: Answer, ID: "3", Key: "a", Values: []string{"x", "y"}},
	}
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

// Each violation is planted into the good history and must be found under its rule.
func TestPlantedViolationsAreFound(t *testing.T) {
	drop := func(at int) func([]Event) []Event {
		return func(e []Event) []Event { return slices.Delete(e, at, at+1) }
	}
	again := func(at int) func([]Event) []Event {
		return func(e []Event) []Event { return slices.Insert(e, at, e[at]) }
	}
	set := func(at int, f func(*Event)) func([]Event) []Event {
		return func(e []Event) []Event { f(&e[at]); return e }
	}
	add := func(one Event) func([]Event) []Event {
		return func(e []Event) []Event { return append(e, one) }
	}
	for _, c := range []struct {
		name  string
		plant func([]Event) []Event
		rule  string
		text  string
	}{
		{"dropped answer", drop(13), "N1", "b: request 1 has no"},
		{"dropped read", drop(17), "N1", "request 3 has no outcome"},
		{"dropped after resumption", drop(15), "N4", "request 2 has no outcome"},
		{"doubled answer", again(1), "N1", "has 2 outcomes"},
		{"type of the id", set(1, func(e *Event) { e.ID = `"9"` }), "N1", "never sent"},
		{"swapped answers", set(1, func(e *Event) { e.Value = "y" }), "N1", `want "x"`},
		{"foreign answer", set(13, func(e *Event) { e.Key = "a" }), "N1", `of "a"`},
		{"foreign value", set(17, func(e *Event) { e.Values = append(e.Values, "z") }), "N1", "z"},
		{"foreign progress", set(8, func(e *Event) { e.ID = "8" }), "N1", "progress of 8"},
		{"run twice", set(17, func(e *Event) { e.Values = append(e.Values, "y") }), "N3", `"y"`},
		{"lost write", set(17, func(e *Event) { e.Values = []string{"y"} }), "N5", `see "x"`},
		{"dropped progress", drop(12), "N5", "1 progress"},
		{"doubled progress", again(8), "N5", "from 1 to 1"},
		{"reordered progress", func(e []Event) []Event {
			e[8].Progress, e[12].Progress = 2, 1
			return e
		}, "N5", "from 2 to 1"},
		{
			"progress after the end", add(Event{Client: "a", Kind: Note, ID: "2", Progress: 3}),
			"N5", "after its outcome",
		},
		{"gap in a stream", drop(11), "N4", "event 3 follows 1"},
		{"event twice", again(7), "N4", "came again"},
		{"late beginning", set(6, func(e *Event) { e.Number = 2 }), "N4", "begins with"},
		{"other stream's event", set(11, func(e *Event) { e.ID = "3" }), "N4", "came for 3"},
		{"calm client is cut", add(Event{Client: "b", Kind: Cut, Calm: true}), "N8", "was cut"},
		{"calm request fails", set(13, func(e *Event) { e.Kind = Failed }), "N8", "failed"},
	} {
		found := Check(c.plant(good()))
		hit := slices.ContainsFunc(found, func(v Violation) bool {
			return v.Rule == c.rule && strings.Contains(v.String(), c.text)
		})
		if !hit {
			t.Errorf("%s: found %v; want %s with %q", c.name, found, c.rule, c.text)
		}
	}
}
