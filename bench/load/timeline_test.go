package load

import (
	"testing"
	"time"

	"github.com/mcploop/mcploop/bench/result"
)

// A sample that is taken when the measured time has begun counts what came before it, too.
func TestTimelineKeepsTheWarmUp(t *testing.T) {
	o := quick(TransportTCP, "127.0.0.1:1") // nothing is connected
	e, err := newEngine(&o, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	second := func() result.Sample {
		e.sample()
		return e.line.samples[len(e.line.samples)-1]
	}
	e.counts.Calls, e.counts.Refused = 1000, 10
	if s := second(); s.Calls != 1000 || s.Refused != 10 {
		t.Errorf("got %+v, want 1000 and 10", s)
	}
	e.counts.Calls, e.counts.Refused = 1900, 12
	e.forget()
	if e.counts.Calls != 0 || e.counts.Refused != 0 {
		t.Errorf("got %+v, want the warm-up forgotten", e.counts)
	}
	e.counts.Calls, e.counts.Refused = 50, 1
	if s := second(); s.Calls != 950 || s.Refused != 3 {
		t.Errorf("got %+v, want 950 and 3: those of both sides", s)
	}
	// With a second gone since the last one, forgetting takes a sample.
	e.now, e.counts.Calls = e.line.at+int64(time.Second), 150
	e.forget()
	if s := e.line.samples[len(e.line.samples)-1]; s.Calls != 100 || s.Refused != 0 {
		t.Errorf("got %+v, want 100 and 0", s)
	}
	e.counts.Calls = 7
	if s := second(); s.Calls != 7 {
		t.Errorf("got %+v, want 7", s)
	}
}
