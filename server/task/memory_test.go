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
	if m.Len() != 1 || m.Sweep() != 0 {
		t.Errorf("%d tasks are kept", m.Len())
	}
	if err := m.Update(one); !errors.Is(err, ErrNotFound) {
		t.Errorf("a task that is gone: %v", err)
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
