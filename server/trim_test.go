package server

import (
	"testing"
	"time"
)

func TestTrimIsDueWhenHalfHasGone(t *testing.T) {
	var tr trimmer
	start := time.Unix(1000, 0)
	f := func(seconds, held int, want bool) {
		t.Helper()
		if got := tr.due(held, start.Add(time.Duration(seconds)*time.Second)); got != want {
			t.Errorf("after %d s with %d held: %v; want %v", seconds, held, got, want)
		}
	}
	f(0, 10_000, false)
	f(1, 6_000, false)
	f(2, 5_000, true)
	f(3, 0, false) // too soon
	f(13, 0, true)
	f(30, 900, false)
	f(50, 0, false) // too few
}
