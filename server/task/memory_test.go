package task

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestMemory(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	m := NewMemory(MemoryOptions{Max: 3, MaxPerPrincipal: 2, Now: func() time.Time { return now }})
	create := func(id, who string, want error) {
		t.Helper()
		err := m.Create(&Task{
			ID: id, Principal: who, Status: Working, Created: now, TTL: time.Minute,
		})
		if !errors.Is(err, want) {
			t.Errorf("Create(%s): %v; want %v", id, err, want)
		}
	}
	create("a", "x", nil)
	create("b", "x", nil)
	create("c", "x", ErrFull)
	create("c", "y", nil)
	create("d", "z", ErrFull)
	one, err := m.Get("a")
	if err != nil {
		t.Fatal(err)
	}
	two, _ := m.Get("a")
	one.Status = Completed
	if err := m.Update(one); err != nil {
		t.Fatal(err)
	}
	if err := m.Update(two); !errors.Is(err, ErrConflict) {
		t.Errorf("an old copy: %v", err)
	}
	if got, _ := m.Get("a"); got.Status != Completed || got.Version != 1 {
		t.Errorf("got %+v", got)
	}
	now = now.Add(2 * time.Minute)
	if _, err := m.Get("a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after its time: %v", err)
	}
	create("e", "x", nil) // what is over makes room
	if n, _ := m.Size(); n != 1 || m.Sweep() != 0 {
		t.Errorf("%d tasks are kept", n)
	}
	if err := m.Update(one); !errors.Is(err, ErrNotFound) {
		t.Errorf("a task that is gone: %v", err)
	}
}

// What tasks hold is bounded over all of them, and what is over makes room.
func TestMemoryBytes(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	m := NewMemory(MemoryOptions{BytesMax: 100, Now: func() time.Time { return now }})
	create := func(id string, ttl time.Duration, want error) *Task {
		t.Helper()
		one := &Task{ID: id, Status: Working, Created: now, TTL: ttl}
		if err := m.Create(one); !errors.Is(err, want) {
			t.Errorf("Create(%s): %v; want %v", id, err, want)
		}
		return one
	}
	update := func(one *Task, bytes int, want error) {
		t.Helper()
		one.Result = make(json.RawMessage, bytes)
		if err := m.Update(one); !errors.Is(err, want) {
			t.Errorf("Update of %s to %d bytes: %v; want %v", one.ID, bytes, err, want)
		}
	}
	holds := func(want int64) {
		t.Helper()
		if _, got := m.Size(); got != want {
			t.Errorf("%d bytes are kept; want %d", got, want)
		}
	}
	a, b := create("a", time.Minute, nil), create("b", time.Hour, nil)
	update(a, 80, nil)
	update(b, 21, ErrNoRoom)
	update(b, 20, nil)
	holds(100)
	create("c", time.Hour, ErrNoRoom)
	update(b, 10, nil) // less is always taken
	create("c", time.Hour, nil)
	now = now.Add(2 * time.Minute) // a is over
	update(b, 100, nil)
	holds(100)
	if _, err := m.Get("a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after its time: %v", err)
	}
	now = now.Add(2 * time.Hour)
	m.Sweep()
	holds(0)
}

// A list has everybody's own tasks, in the order they were made, whatever comes and goes.
func TestMemoryList(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	m := NewMemory(MemoryOptions{Now: func() time.Time { return now }})
	create := func(id, who string, ttl time.Duration) {
		t.Helper()
		if err := m.Create(&Task{ID: id, Principal: who, Created: now, TTL: ttl}); err != nil {
			t.Fatal(err)
		}
	}
	list := func(who, cursor, want string) (next string) {
		t.Helper()
		page, next, err := m.List(who, cursor, 2)
		got := ""
		for _, one := range page {
			got += one.ID
		}
		if err != nil || got != want {
			t.Errorf("list of %s from %q: got %q, %v; want %q", who, cursor, got, err, want)
		}
		return next
	}
	for i, id := range []string{"a", "b", "c", "d", "e"} {
		create(id, "x", time.Duration(1+i%2)*time.Minute)
		create("of y "+id, "y", time.Hour)
	}
	behindB := list("x", "", "ab")
	behindD := list("x", behindB, "cd")
	if next := list("x", behindD, "e"); next != "" {
		t.Errorf("behind the last: %q", next)
	}
	now = now.Add(90 * time.Second) // a, c and e are over
	if next := list("x", "", "bd"); next != "" {
		t.Errorf("only what is over is behind: %q", next)
	}
	m.Sweep()
	list("x", behindB, "d") // the cursor stays true
	list("nobody", "", "")
	for _, bad := range []string{"?", "YQ", formatCursor(1) + "x", "dGFza3M6LTE"} {
		if _, _, err := m.List("x", bad, 2); !errors.Is(err, ErrCursor) {
			t.Errorf("cursor %q: %v", bad, err)
		}
	}
}

func TestAppend(t *testing.T) {
	at := time.Date(2026, 11, 27, 1, 2, 3, 0, time.UTC)
	f := func(status Status, want string) {
		t.Helper()
		task := Task{
			ID: "i", Status: status, Created: at, Updated: at, TTL: time.Minute, Poll: time.Second,
			Inputs: json.RawMessage(`{"k":1}`), Result: json.RawMessage(`{"content":[]}`),
			Error: json.RawMessage(`{"code":1}`),
		}
		got := "{" + string(task.Append(nil, true)) + "}"
		head := `{"taskId":"i","status":"` + string(status) + `","createdAt":` +
			`"2026-11-27T01:02:03.000Z","lastUpdatedAt":"2026-11-27T01:02:03.000Z",` +
			`"ttlMs":60000,"pollIntervalMs":1000`
		if got != head+want+"}" {
			t.Errorf("got %s; want %s", got, head+want+"}")
		}
		if short := string(task.Append(nil, false)); strings.Contains(short, "content") {
			t.Errorf("not detailed: %s", short)
		}
	}
	f(Working, "")
	f(InputRequired, `,"inputRequests":{"k":1}`)
	f(Completed, `,"result":{"content":[]}`)
	f(Failed, `,"error":{"code":1}`)
	f(Cancelled, "")
}

func TestAppendExperimental(t *testing.T) {
	at := time.Date(2026, 11, 27, 1, 2, 3, 0, time.UTC)
	f := func(task Task, want string) {
		t.Helper()
		task.ID, task.Created, task.Updated = "i", at, at
		task.TTL, task.Poll = time.Minute, time.Second
		want = `{"taskId":"i","status":` + want + `,"createdAt":"2026-11-27T01:02:03.000Z",` +
			`"lastUpdatedAt":"2026-11-27T01:02:03.000Z","ttl":60000,"pollInterval":1000}`
		if got := string(task.AppendExperimental(nil)); got != want {
			t.Errorf("got %s; want %s", got, want)
		}
	}
	text := json.RawMessage(`{"content":[{"type":"text","text":"it broke"}],"isError":true}`)
	f(Task{Status: Working}, `"working"`)
	f(Task{Status: InputRequired, Inputs: text}, `"input_required"`)
	f(Task{Status: Completed, Result: text}, `"completed"`)
	f(Task{Status: Completed, Result: text, ToolFailed: true},
		`"failed","statusMessage":"it broke"`)
	f(Task{Status: Completed, Result: json.RawMessage(`{}`), ToolFailed: true}, `"failed"`)
	f(Task{Status: Failed, Error: json.RawMessage(`{"code":1,"message":"no"}`)},
		`"failed","statusMessage":"no"`)
	f(Task{Status: Cancelled, Message: "as asked"}, `"cancelled","statusMessage":"as asked"`)
}
