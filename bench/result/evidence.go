package result

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// sight is one step of one run, as far as it can be evidence for a target.
type sight struct {
	file  *File
	step  *Step
	conns int // 0: not known
}

// evidence is every step of all runs.
type evidence struct {
	all  []sight
	full []sight // those with TargetConns connections
}

// onPurpose are scenarios that do to a server what no target speaks of.
func onPurpose() []string { return []string{"overload", "slow"} }

func evidenceOf(files []*File) *evidence {
	e := &evidence{}
	for _, f := range files {
		if slices.Contains(onPurpose(), f.Scenario) {
			continue
		}
		for i := range f.Steps {
			s := sight{file: f, step: &f.Steps[i]}
			if l := s.step.Load; l != nil {
				s.conns = l.Conns
			} else {
				// A flag that is no number is nobody's number of connections.
				s.conns, _ = strconv.Atoi(f.Settings["connections"])
			}
			e.all = append(e.all, s)
			if s.conns >= TargetConns {
				e.full = append(e.full, s)
			}
		}
	}
	return e
}

func (s *sight) String() string {
	return fmt.Sprintf("%s, step %q, %s connections", s.file.Scenario, s.step.Name,
		grouped(float64(s.conns)))
}

// how names the step and the load that it was.
func (s *sight) how() string {
	l := s.step.Load
	loop := "closed loop"
	if l.Rate > 0 {
		loop = "open loop"
	}
	return fmt.Sprintf("%s, %s, %s messages/s over %s s", s, loop, grouped(l.Messages),
		Number(l.Seconds))
}

// busiest returns the sound load that moved most messages; open asks for an open loop.
func (e *evidence) busiest(open bool) *sight {
	var best *sight
	for i := range e.full {
		s := &e.full[i]
		l := s.step.Load
		if l == nil || s.step.Fault != "" || open && l.Rate == 0 || l.Latency.Count() == 0 {
			continue
		}
		if best == nil || l.Messages > best.step.Load.Messages {
			best = s
		}
	}
	return best
}

// fewer says why no step counts.
func (e *evidence) fewer(what string) string {
	if len(e.full) > 0 {
		return fmt.Sprintf("no %s of %s connections or more that is a measurement", what,
			grouped(TargetConns))
	}
	if len(e.all) == 0 {
		return "no run of a load"
	}
	most := slices.MaxFunc(e.all, func(a, b sight) int { return cmp.Compare(a.conns, b.conns) })
	return fmt.Sprintf("no run with %s connections; the most were %s (%s), which says nothing "+
		"about so many", grouped(TargetConns), grouped(float64(most.conns)), most.file.Scenario)
}

func (e *evidence) throughput() Target {
	t := Target{
		Name: "throughput at 15,000 connections", Operator: ">=", Limit: 500_000,
		Unit: "messages/s",
	}
	s := e.busiest(false)
	if s == nil {
		return t.unknown("%s", e.fewer("load"))
	}
	return t.is(s.step.Load.Messages, "%s", s.how())
}

func (e *evidence) latency(percent, limit float64) Target {
	name := "latency p" + strings.ReplaceAll(strconv.FormatFloat(percent, 'f', -1, 64), ".", "")
	t := Target{Name: name, Operator: "<", Limit: limit, Unit: "ms"}
	s := e.busiest(true)
	if s == nil {
		why := e.fewer("open loop")
		if e.busiest(false) != nil {
			why += "; in a closed loop latency is what the client lets queue"
		}
		return t.unknown("%s", why)
	}
	return t.is(s.step.Load.Latency.Micros(percent)/1e3, "%s", s.how())
}

// memory is that of the whole process over its connections, or what a scenario measured itself:
// the most of all.
func (e *evidence) memory() Target {
	t := Target{Name: "memory for each connection", Operator: "<", Limit: 200, Unit: "KB"}
	best := t.unknown("%s", e.fewer("run with the server's process on this machine"))
	take := func(kb float64, note string) {
		if best.Verdict == NotMeasured || kb > best.Value {
			best = t.is(kb, "%s", note)
		}
	}
	for i := range e.full {
		s := &e.full[i]
		for _, m := range s.step.Measures {
			kb, ok := m.in(map[string]float64{"B": 1.0 / 1024, "KB": 1, "MB": 1024})
			each := m.Name == "each" || strings.Contains(m.Name, "connection")
			if ok && each && s.step.Fault == "" {
				take(kb, fmt.Sprintf("%s, %s", s, m.Name))
			}
		}
		if l := s.step.Load; l != nil && l.Server.Source != "" {
			take(float64(l.Server.After.RSS)/1024/float64(s.conns),
				fmt.Sprintf("%s, the whole process's memory among them", s))
		}
	}
	return best
}

// in returns the value of m in the unit that factors lead to from others; false: m is in none.
func (m *Measure) in(factors map[string]float64) (float64, bool) {
	factor, ok := factors[m.Unit]
	return m.Value * factor, ok
}

func (e *evidence) cpu() Target {
	t := Target{Name: "CPU under peak load", Operator: "<", Limit: 80, Unit: "%"}
	s := e.busiest(true)
	if s == nil {
		return t.unknown("%s", e.fewer("open loop"))
	}
	server := &s.file.Server
	cores := server.Cores
	if procs, err := strconv.Atoi(server.Procs); err == nil && procs > 0 {
		cores = min(cores, procs)
	}
	if s.step.Load.Server.Source == "" || cores == 0 {
		return t.unknown("the server's process was not found on this machine: give --pid")
	}
	return t.is(100*s.step.Load.Server.Share/float64(cores), "%s, of %d cores", s.how(), cores)
}

// pause is the collector's, which only a server that tells can be asked for.
func (e *evidence) pause() Target {
	t := Target{Name: "GC pause p99", Operator: "<", Limit: 100, Unit: "ms"}
	best := t.unknown("no run of %s connections asked the server for it: give --metrics",
		grouped(TargetConns))
	if len(e.full) == 0 {
		best = t.unknown("%s", e.fewer("run"))
	}
	for i := range e.full {
		s := &e.full[i]
		for _, m := range s.step.Measures {
			ms, ok := m.in(map[string]float64{"us": 1e-3, "ms": 1, "s": 1e3})
			name := strings.ToLower(m.Name)
			if !ok || !strings.Contains(name, "gc pause") || !strings.Contains(name, "p99") {
				continue
			}
			if best.Verdict == NotMeasured || ms > best.Value {
				best = t.is(ms, "%s", s)
			}
		}
	}
	return best
}

// errorRate counts refusals and calls that were not sent in time, too: whoever waits for an
// answer does not ask why there is none. Steps with faults count; they are what it is about.
func (e *evidence) errorRate() Target {
	t := Target{Name: "error rate", Operator: "<", Limit: 0.1, Unit: "%"}
	best := t.unknown("%s", e.fewer("load"))
	for i := range e.full {
		s := &e.full[i]
		l := s.step.Load
		if l == nil {
			continue
		}
		bad := l.Refused + l.Mismatches + l.Lost + l.Unsent
		rate := 100 * float64(bad) / float64(max(1, bad+l.Calls))
		if best.Verdict == NotMeasured || rate > best.Value {
			best = t.is(rate, "%s: %d refused, %d wrong, %d lost, %d not sent in time", s,
				l.Refused, l.Mismatches, l.Lost, l.Unsent)
		}
	}
	return best
}

// connections counts what the server ended. A connection that cannot be opened ends a run
// without a result.
func (e *evidence) connections() Target {
	t := Target{Name: "connection success", Operator: ">", Limit: 99.9, Unit: "%"}
	best := t.unknown("%s", e.fewer("load"))
	for i := range e.full {
		s := &e.full[i]
		l := s.step.Load
		if l == nil {
			continue
		}
		opened := uint64(l.Conns) + l.Reconnects
		rate := 100 * (1 - min(1, float64(l.Closed)/float64(opened)))
		if best.Verdict == NotMeasured || rate < best.Value {
			best = t.is(rate, "%s: %s opened, %d of them ended by the server", s,
				grouped(float64(opened)), l.Closed)
		}
	}
	return best
}
