package server

import (
	"testing"
	"time"
)

// trimLook tells what a trimmer does at a look some seconds after the first.
func trimLook(t *testing.T, tr *trimmer, seconds, held, shakes int, want bool) {
	t.Helper()
	now := time.Unix(1000, 0).Add(time.Duration(seconds) * time.Second)
	if got := tr.due(held, shakes, now); got != want {
		t.Errorf("after %d s with %d held, %d handshakes: %v; want %v", seconds, held, shakes, got,
			want)
	}
}

func TestTrimIsDueWhenHalfHasGone(t *testing.T) {
	var tr trimmer
	f := func(seconds, held int, want bool) {
		t.Helper()
		trimLook(t, &tr, seconds, held, 0, want)
	}
	f(0, 10_000, false)
	f(1, 6_000, false)
	f(2, 5_000, true)
	f(3, 0, false) // too soon
	f(13, 0, true)
	f(30, 900, false)
	f(50, 0, false) // too few
}

func TestTrimIsDueWhenManyHaveCome(t *testing.T) {
	var tr trimmer
	f := func(seconds, held int, want bool) {
		t.Helper()
		trimLook(t, &tr, seconds, held, 0, want)
	}
	f(0, 900, false)
	f(1, 900, false) // too few
	f(2, 7_000, false)
	f(3, 15_000, false) // they are still coming
	f(4, 14_900, true)
	f(5, 14_900, false)
	f(60, 14_900, false) // nothing is new
	f(61, 18_000, false)
	f(62, 18_000, false) // few of them are
	f(63, 40_000, false)
	f(64, 40_000, true)
}

// TestTrimIsDueWhenManyHaveBegunToSpeak: connections that came long ago shake hands now.
func TestTrimIsDueWhenManyHaveBegunToSpeak(t *testing.T) {
	var tr trimmer
	f := func(seconds, shakes int, want bool) {
		t.Helper()
		trimLook(t, &tr, seconds, 15_000, shakes, want)
	}
	f(0, 0, false)
	f(1, 0, true) // they have come
	f(20, 4_000, false)
	f(21, 15_000, false) // they are still at it
	f(22, 15_000, true)
	f(40, 15_000, false)
	f(41, 15_400, false) // a few
	f(42, 15_400, false)
}

// TestTrimIsDueAfterManyCalls: what they leave goes back when they have become few.
func TestTrimIsDueAfterManyCalls(t *testing.T) {
	var tr trimmer
	f := func(seconds, calls int, want bool) {
		t.Helper()
		now := time.Unix(1000, 0).Add(time.Duration(seconds) * time.Second)
		if got := tr.fellQuiet(calls, now); got != want {
			t.Errorf("after %d s with %d calls: %v; want %v", seconds, calls, got, want)
		}
	}
	f(0, 0, false)
	f(1, 4_000, false)
	f(2, 4_000, false) // too few
	f(3, 24_000, false)
	f(4, 44_000, false) // they go on
	f(5, 46_000, false)
	f(6, 46_100, true)
	f(7, 46_100, false)
	f(20, 46_200, false)
	f(21, 60_000, false)
	f(22, 60_000, true)
	f(23, 80_000, false)
	f(24, 80_000, false) // too soon
	f(32, 80_000, true)
}
