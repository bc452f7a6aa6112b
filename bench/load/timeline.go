package load

import (
	"time"

	"github.com/mcploop/mcploop/bench/proc"
	"github.com/mcploop/mcploop/bench/result"
)

// timeline samples a run once a second.
type timeline struct {
	hist    *result.Histogram // latencies of this second
	minute  *result.Histogram // latencies of this minute
	minutes []*result.Histogram
	next    int64         // when the next sample is due; 0: none is
	begin   int64         // when the measured time began
	before  counts        // as of the last sample
	cpu     time.Duration // of the server, as of the last sample
	at      int64         // of the last sample
	samples []result.Sample
	tell    func(result.Sample) // may be nil
}

func (l *timeline) due(now int64) bool { return l.next > 0 && now >= l.next }

// watch begins to sample; the measured time begins at begin.
func (e *engine) watch(begin int64, tell func(result.Sample)) {
	e.line.begin, e.line.at, e.line.tell = begin, e.now, tell
	e.line.before = e.counts
	e.line.hist.Reset()
	e.line.next = e.now + int64(time.Second)
	if e.opt.PID > 0 {
		e.line.cpu, _ = proc.CPUTime(e.opt.PID) // that it can be read was seen before the run
	}
}

// moment returns the seconds from the begin of the measured time to at.
func (l *timeline) moment(at int64) float64 { return time.Duration(at - l.begin).Seconds() }

// sample appends what the last second was like.
func (e *engine) sample() {
	l := &e.line
	h := l.hist
	s := result.Sample{
		At:    l.moment(e.now),
		Calls: e.counts.Calls - l.before.Calls, Refused: e.counts.Refused - l.before.Refused,
		Conns: e.ready, P50: h.Micros(50), P99: h.Micros(99), Max: h.Max(),
	}
	if e.opt.PID > 0 {
		// A server that has ended shows in the counts; a sample without it is one.
		s.RSS, _ = proc.ResidentOf(e.opt.PID)
		if cpu, err := proc.CPUTime(e.opt.PID); err == nil {
			s.CPU = float64(cpu-l.cpu) / float64(max(1, e.now-l.at))
			l.cpu = cpu
		}
	}
	l.samples = append(l.samples, s)
	l.before, l.at = e.counts, e.now
	l.next += int64(time.Second)
	l.keep(e.now)
	h.Reset()
	if l.tell != nil {
		l.tell(s)
	}
}

// keep adds the last second to its minute of the measured time, and keeps the minute when it is
// over.
func (l *timeline) keep(now int64) {
	if now <= l.begin {
		return
	}
	l.minute.Merge(l.hist)
	if now-l.begin >= int64(len(l.minutes)+1)*int64(time.Minute) {
		l.minutes = append(l.minutes, l.minute)
		l.minute = result.NewHistogram()
	}
}

// whole returns the minutes of a load that took more than one; what is left of less than a minute
// is the last.
func (l *timeline) whole() []*result.Histogram {
	if len(l.minutes) > 0 && l.minute.Count() > 0 {
		l.minutes = append(l.minutes, l.minute)
	}
	if len(l.minutes) < 2 {
		return nil
	}
	return l.minutes
}
