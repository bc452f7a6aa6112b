package result

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// WriteText prints f for people: where, what, each step, the warnings.
func (f *File) WriteText(w io.Writer) {
	f.Host.WriteText(w)
	fmt.Fprintf(w, "%s: %s\n", f.Scenario, f.About)
	fmt.Fprintf(w, "server %s", f.Server.Target)
	if f.Server.PID > 0 {
		fmt.Fprintf(w, ", process %d on %d cores: %s", f.Server.PID, f.Server.Cores,
			f.Server.Command)
	}
	fmt.Fprintf(w, "\n%.1f s\n", f.Seconds)
	for i := range f.Steps {
		f.Steps[i].WriteText(w)
	}
	for _, warning := range f.Warnings {
		fmt.Fprintln(w, "warning:", warning)
	}
}

// WriteText prints s for people.
func (s *Step) WriteText(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n", s.Name)
	if s.Load != nil {
		s.Load.WriteText(w)
	}
	for _, m := range s.Measures {
		fmt.Fprintf(w, "  %-19s %s %s\n", m.Name, Number(m.Value), m.Unit)
	}
	if s.Verdict != "" {
		fmt.Fprintf(w, "  %s\n", s.Verdict)
	}
	if s.Fault != "" {
		fmt.Fprintf(w, "  NOT VALID   %s\n", s.Fault)
	}
}

// Number prints v with as many digits as it can be taken seriously for.
func Number(v float64) string {
	switch abs := max(v, -v); {
	case abs >= 100 || abs == math.Trunc(abs):
		return fmt.Sprintf("%.0f", v)
	case abs >= 10:
		return fmt.Sprintf("%.1f", v)
	case abs >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// WriteText prints l for people.
func (l *Load) WriteText(w io.Writer) {
	loop := "closed loop"
	if l.Rate > 0 {
		loop = fmt.Sprintf("open loop of %s calls/s", Number(l.Rate))
	}
	fmt.Fprintf(w, "  %s (%s), %d connections, depth %d, %s, %d client processes, %.2f s\n",
		l.Transport, l.Era, l.Conns, l.Depth, loop, l.Processes, l.Seconds)
	fmt.Fprintf(w, "  calls       %d (%.0f/s; %.0f messages/s), request %d B, answer %d B\n",
		l.Calls, l.PerSecond, l.Messages, l.CallBytes, l.ReplyBytes)
	if l.Refused > 0 {
		fmt.Fprintf(w, "  refused     %d (%s), latency us p50 %.0f  p99 %.0f\n", l.Refused,
			l.refusals(), l.Refusal.Micros(50), l.Refusal.Micros(99))
	}
	fmt.Fprintf(w, "  not good    %d wrong, %d lost, %d not sent in time, %d connections closed\n",
		l.Mismatches, l.Lost, l.Unsent, l.Closed)
	h := l.Latency
	fmt.Fprintf(w, "  latency us  p50 %.0f  p95 %.0f  p99 %.0f  p99.9 %.0f  max %.0f\n",
		h.Micros(50), h.Micros(95), h.Micros(99), h.Micros(99.9), h.Max())
	for _, m := range l.Methods() {
		h := l.ByMethod[m]
		fmt.Fprintf(w, "    %-19s p50 %.0f  p99 %.0f  max %.0f\n", m, h.Micros(50), h.Micros(99),
			h.Max())
	}
	if len(l.Minutes) > 0 {
		fmt.Fprintf(w, "  worst minute  p99 %.0f\n", l.WorstMinute())
	}
	if c := l.Life; c != nil {
		fmt.Fprintf(w, "  lives       %d (%.0f/s), us p50 %.0f  p99 %.0f  max %.0f\n",
			l.Reconnects, float64(l.Reconnects)/l.Seconds, c.Micros(50), c.Micros(99), c.Max())
	}
	if l.Server.Source != "" {
		fmt.Fprintf(w, "  server CPU  %.3f us/call, %.0f%% of a core; by %s\n",
			l.Server.PerCall, 100*l.Server.Share, l.Server.Source)
		fmt.Fprintf(w, "  server RSS  %.1f MB before, %.1f MB after\n",
			float64(l.Server.Before.RSS)/(1<<20), float64(l.Server.After.RSS)/(1<<20))
	}
	fmt.Fprintf(w, "  client CPU  %.3f us/call, %.0f%% of a core, %d answers parsed in full\n",
		l.Client.PerCall, 100*l.Client.Share, l.SlowChecks)
	fmt.Fprintf(w, "  other CPU   %.0f%% of a core, by everything else on the machine\n",
		100*l.Client.OthersShare)
	if l.FirstFault != "" {
		fmt.Fprintf(w, "  first fault %s\n", l.FirstFault)
	}
}

func (l *Load) refusals() string {
	var parts []string
	for _, code := range l.RefusalCodes() {
		parts = append(parts, fmt.Sprintf("%d with %s", l.Refusals[code], code))
	}
	return strings.Join(parts, ", ")
}
