package bench

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcploop/mcploop/bench/result"
	"github.com/mcploop/mcploop/bench/scenario"
)

// plainEvery is how many seconds pass from line to line where lines stay.
const plainEvery = 5

// progress shows how a run goes on: on a terminal in one line that is written anew each second,
// elsewhere in plain lines.
type progress struct {
	to      io.Writer
	columns int       // of the terminal; 0: it is none
	end     time.Time // of the whole run, about
	step    string
	second  int // of the step
}

// newProgress returns the progress on w of a run that takes about so long.
func newProgress(w io.Writer, takes time.Duration) *progress {
	p := &progress{to: w, end: time.Now().Add(takes)}
	if f, ok := w.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
			p.columns = max(40, int(size.Col))
		}
	}
	return p
}

// takes is about how long s takes.
func takes(s *scenario.Scenario, with *scenario.Settings) time.Duration {
	if s.Takes != nil {
		return s.Takes(with)
	}
	return with.Warmup + with.Duration
}

// Step begins a step.
func (p *progress) Step(name string, about time.Duration) {
	p.step, p.second = name, 0
	if end := time.Now().Add(about); end.After(p.end) {
		p.end = end
	}
}

// Second shows a second of the step.
func (p *progress) Second(s result.Sample, offered float64) {
	p.second++
	line := p.line(&s, offered)
	switch {
	case p.columns > 0:
		line = line[:min(len(line), p.columns-1)]
		fmt.Fprintf(p.to, "\r\x1b[K%s", line)
	case p.second%plainEvery == 0:
		fmt.Fprintln(p.to, line)
	}
}

// End clears the line: what the step came to is told by the result.
func (p *progress) End(*result.Step) {
	if p.columns > 0 {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
}

func (p *progress) line(s *result.Sample, offered float64) string {
	var b strings.Builder
	left := max(0, time.Until(p.end)).Round(time.Second)
	fmt.Fprintf(&b, "%s, %v left: %d calls/s", p.step, left, s.Calls)
	if offered > 0 {
		fmt.Fprintf(&b, " of %s", result.Number(offered))
	}
	fmt.Fprintf(&b, ", p50 %s p99 %s us, %d connections, %d refused, server %.0f%% CPU %.1f MB",
		result.Number(s.P50), result.Number(s.P99), s.Conns, s.Refused, 100*s.CPU,
		float64(s.RSS)/(1<<20))
	return b.String()
}
