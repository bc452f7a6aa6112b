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
