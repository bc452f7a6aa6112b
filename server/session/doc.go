// Package session keeps the legacy sessions of HTTP (2024-11-05 to 2025-11-25):
// who opened one, when it was last used, and when it has to go.
//
// Owns:    the table of sessions, their ids, their idle order and its limits.
//
// Borrows: Session.State, which it hands to OnEnd and never looks into; the clock.
// An id or a principal given to Get or Delete is not kept.
//
// Never:   does I/O, starts a goroutine, takes a session id for a proof of who
// somebody is. 2026-07-28 has no sessions and never comes here.
package session
