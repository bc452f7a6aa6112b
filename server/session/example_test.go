package session_test

import (
	"fmt"

	"github.com/mcploop/mcploop/server/session"
)

func ExampleStore() {
	store, err := session.New(session.Options{
		OnEnd: func(s *session.Session, why session.Reason) { fmt.Println(s.State, why) },
	})
	if err != nil {
		panic(err)
	}
	s, err := store.Create("alice", "2025-11-25")
	if err != nil {
		panic(err)
	}
	s.SetState("what initialize said")

	id := []byte(s.ID) // as the header Mcp-Session-Id brings it
	_, ok := store.Get(id, "alice")
	_, stolen := store.Get(id, "mallory")
	fmt.Println(ok, stolen, len(id))
	store.Delete(id, "alice")
	// Output:
	// true false 24
	// what initialize said deleted
}
