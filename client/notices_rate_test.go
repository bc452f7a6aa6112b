package client

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestNoticesRate: so many a second, a tenth of them at once, and not a fraction less.
func TestNoticesRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n notices
		n.init(&Options{NoticesPerSecond: 1000}, time.Now())
		take := func() (taken int) {
			for ; !n.spent(); taken++ {
				n.spend(1)
			}
			return taken
		}
		if got := take(); got != 100 {
			t.Errorf("%d came at once, want 100", got)
		}
		sum := 0
		for range 1000 {
			<-time.After(1500 * time.Microsecond)
			sum += take()
		}
		if sum != 1500 {
			t.Errorf("%d came in 1.5 s, want 1500", sum)
		}
		<-time.After(time.Hour)
		if got := take(); got != 100 {
			t.Errorf("%d came at once after an hour, want 100", got)
		}
		n.spend(500)
		<-time.After(400 * time.Millisecond)
		if got := take(); got != 0 {
			t.Errorf("%d came, want none before what came too early is paid", got)
		}
		n.earn()
		if <-time.After(100 * time.Millisecond); take() != noticesEarned {
			t.Errorf("an answer was not worth %d", noticesEarned)
		}
	})
}
