package result

import (
	"fmt"
	"maps"
	"slices"
)

// Load is what one load of calls measured. A call is a request and its answer, so that it is two
// messages on the wire. Latencies run from the moment a call was due (open loop) or written
// (closed loop) to having read its answer; in a closed loop against a busy core they are mostly
// queueing.
type Load struct {
	Transport  string  `json:"transport"`
	Era        string  `json:"era"`
	Conns      int     `json:"connections"`
	Depth      int     `json:"depth"`
	Processes  int     `json:"client_processes"`
	Rate       float64 `json:"offered_calls_per_second,omitempty"` // open loop; 0: closed
	CallBytes  int     `json:"call_bytes"`                         // as sent, head included
	ReplyBytes int     `json:"reply_bytes"`                        // mean, without head
	Seconds    float64 `json:"seconds"`

	Calls      uint64            `json:"calls"`    // good answers
	Refused    uint64            `json:"refused"`  // well-formed refusals
	Refusals   map[string]uint64 `json:"refusals"` // the same by code, as "-31000" or "HTTP 503"
	Mismatches uint64            `json:"mismatches"`
	Lost       uint64            `json:"lost"`   // calls whose answer never came
	Unsent     uint64            `json:"unsent"` // open loop: calls that were due and not sent
	Notices    uint64            `json:"notices"`
	Closed     uint64            `json:"closed"`     // connections that the server ended
	Reconnects uint64            `json:"reconnects"` // connections that were opened anew
	FirstFault string            `json:"first_fault,omitempty"`
	SlowChecks uint64            `json:"slow_checks"` // answers that the client had to parse
	// When the first fault and refusal came, seconds of the measured time; refusal 0: none.
	FaultAt   float64 `json:"first_fault_s,omitempty"`
	RefusalAt float64 `json:"first_refusal_s,omitempty"`
	PerSecond float64 `json:"calls_per_second"`
	Messages  float64 `json:"messages_per_second"` // requests, answers and notices

	Latency  *Histogram `json:"latency"`
	Refusal  *Histogram `json:"refusal_latency,omitempty"`
	Connect  *Histogram `json:"connect_latency,omitempty"` // socket, handshake included
	Life     *Histogram `json:"life_latency,omitempty"`    // churn: from connect to the last answer
	Timeline []Sample   `json:"timeline,omitempty"`
	// Minutes are the latencies minute by minute, of loads that took more than one.
	Minutes []*Histogram `json:"minutes,omitempty"`
	// ByMethod are the latencies of loads of several methods.
	ByMethod map[string]*Histogram `json:"latency_by_method,omitempty"`

	Server ServerUse `json:"server"`
	Client ClientUse `json:"client"`
}

// ServerUse is what the server's process spent. It is empty when its pid was not known.
type ServerUse struct {
	CPUSeconds  float64 `json:"cpu_seconds"`
	UserSeconds float64 `json:"user_seconds"` // exact to 10 ms
	PerCall     float64 `json:"cpu_us_per_call"`
	Share       float64 `json:"cpu_share"` // 1 is a whole core
	Source      string  `json:"source,omitempty"`
	Before      Memory  `json:"memory_before"` // before the first connection
	After       Memory  `json:"memory_after"`  // with all of them open
}

// ClientUse is what the client's processes spent, and everybody else on the machine.
type ClientUse struct {
	CPUSeconds  float64 `json:"cpu_seconds"`
	PerCall     float64 `json:"cpu_us_per_call"`
	Share       float64 `json:"cpu_share"`        // of all client processes together
	Busiest     float64 `json:"busiest_share"`    // of the one that used most
	OthersShare float64 `json:"others_cpu_share"` // cores used by all other processes
}

// Memory is what a process has resident, in bytes.
type Memory struct {
	RSS uint64 `json:"rss_bytes"`
	PSS uint64 `json:"pss_bytes,omitempty"` // shared pages counted by share; 0: not readable
}

// Sample is one second of a run, as it went by.
type Sample struct {
	At      float64 `json:"t"` // seconds since the start of the measured time; negative: warm-up
	Calls   uint64  `json:"calls"`
	Refused uint64  `json:"refused"`
	Conns   int     `json:"connections"`
	P50     float64 `json:"p50_us"`
	P99     float64 `json:"p99_us"` // with several client processes, of the slowest
	Max     float64 `json:"max_us"`
	RSS     uint64  `json:"rss_bytes,omitempty"`
	CPU     float64 `json:"server_cpu_share,omitempty"`
	FDs     int     `json:"server_descriptors,omitempty"`
}

// bottleneckShare is the part of its core from which on a client may be what limits a run.
const bottleneckShare = 0.9

// ClientBound reports whether the client, not the server, may have set the pace.
func (l *Load) ClientBound() bool { return l.Client.Busiest >= bottleneckShare }

// Err tells why l is no measurement: a wrong answer, a lost one, a lost connection, or no answer
// at all. Refusals are well-formed answers and the caller's to judge.
func (l *Load) Err() error {
	switch {
	case l.Mismatches > 0:
		return fmt.Errorf("run failed: %d wrong replies, first: %s", l.Mismatches, l.FirstFault)
	case l.Closed > 0:
		return fmt.Errorf("run failed: the server ended %d connections, first: %s",
			l.Closed, l.FirstFault)
	case l.Lost > 0:
		return fmt.Errorf("run failed: %d calls were never answered", l.Lost)
	case l.Calls == 0:
		return fmt.Errorf("run failed: no good reply, %d refused", l.Refused)
	}
	return nil
}

// Derive fills in what follows from the counts and times; callers do so after changing them.
func (l *Load) Derive() {
	if l.Seconds > 0 {
		l.PerSecond = float64(l.Calls) / l.Seconds
		l.Messages = float64(2*(l.Calls+l.Refused)+l.Notices) / l.Seconds
		l.Server.Share = l.Server.CPUSeconds / l.Seconds
		l.Client.Share = l.Client.CPUSeconds / l.Seconds
	}
	n := max(1, float64(l.Calls+l.Refused))
	l.Server.PerCall = l.Server.CPUSeconds * 1e6 / n
	l.Client.PerCall = l.Client.CPUSeconds * 1e6 / n
}

// Merge adds the load that another client process made at the same time to l: the sums of all
// that clients count, and of what the server's processes use, each of which one client looks at.
func (l *Load) Merge(other *Load) {
	bytes := uint64(l.ReplyBytes)*l.Calls + uint64(other.ReplyBytes)*other.Calls
	l.Processes += other.Processes
	l.Conns += other.Conns
	l.Rate += other.Rate
	l.Calls += other.Calls
	l.Refused += other.Refused
	for code, n := range other.Refusals {
		if l.Refusals == nil {
			l.Refusals = map[string]uint64{}
		}
		l.Refusals[code] += n
	}
	l.Mismatches += other.Mismatches
	l.Lost += other.Lost
	l.Unsent += other.Unsent
	l.Notices += other.Notices
	l.Closed += other.Closed
	l.Reconnects += other.Reconnects
	l.SlowChecks += other.SlowChecks
	if other.FirstFault != "" && (l.FirstFault == "" || other.FaultAt < l.FaultAt) {
		l.FirstFault, l.FaultAt = other.FirstFault, other.FaultAt
	}
	if l.RefusalAt == 0 || (other.RefusalAt != 0 && other.RefusalAt < l.RefusalAt) {
		l.RefusalAt = other.RefusalAt
	}
	if l.Calls > 0 {
		l.ReplyBytes = int(bytes / l.Calls)
	}
	l.Latency = merged(l.Latency, other.Latency)
	l.Refusal = merged(l.Refusal, other.Refusal)
	l.Connect = merged(l.Connect, other.Connect)
	l.Life = merged(l.Life, other.Life)
	l.Timeline = MergeTimelines(l.Timeline, other.Timeline)
	l.Server.add(&other.Server)
	for i, h := range other.Minutes {
		if i == len(l.Minutes) {
			l.Minutes = append(l.Minutes, NewHistogram())
		}
		l.Minutes[i].Merge(h)
	}
	for method, h := range other.ByMethod {
		if l.ByMethod == nil {
			l.ByMethod = map[string]*Histogram{}
		}
		l.ByMethod[method] = merged(l.ByMethod[method], h)
	}
	l.Client.CPUSeconds += other.Client.CPUSeconds
	l.Client.Busiest = max(l.Client.Busiest, other.Client.Busiest)
	// Each took the other for a stranger.
	l.Client.OthersShare = max(0, l.Client.OthersShare-other.Client.CPUSeconds/other.Seconds)
	l.Derive()
}

// add makes s the use of two processes.
func (s *ServerUse) add(other *ServerUse) {
	s.CPUSeconds += other.CPUSeconds
	s.UserSeconds += other.UserSeconds
	s.Before.add(other.Before)
	s.After.add(other.After)
	if s.Source == "" {
		s.Source = other.Source
	}
}

func (m *Memory) add(other Memory) {
	m.RSS += other.RSS
	m.PSS += other.PSS
}

func merged(into, from *Histogram) *Histogram {
	if into == nil {
		return from
	}
	into.Merge(from)
	return into
}

// MergeTimelines adds b to a second by second.
func MergeTimelines(a, b []Sample) []Sample {
	out := slices.Clone(a)
	for i, s := range b {
		if i >= len(out) {
			out = append(out, s)
			continue
		}
		o := &out[i]
		o.Calls, o.Refused, o.Conns = o.Calls+s.Calls, o.Refused+s.Refused, o.Conns+s.Conns
		o.P50, o.P99, o.Max = max(o.P50, s.P50), max(o.P99, s.P99), max(o.Max, s.Max)
		o.RSS, o.CPU, o.FDs = o.RSS+s.RSS, o.CPU+s.CPU, max(o.FDs, s.FDs)
	}
	return out
}

// WorstMinute returns the p99 of the minute in which it was worst, in microseconds: of the whole
// when the load took no longer.
func (l *Load) WorstMinute() float64 {
	if len(l.Minutes) == 0 {
		return l.Latency.Micros(99)
	}
	worst := 0.0
	for _, h := range l.Minutes {
		worst = max(worst, h.Micros(99))
	}
	return worst
}

// Methods returns the methods of ByMethod, sorted.
func (l *Load) Methods() []string { return slices.Sorted(maps.Keys(l.ByMethod)) }

// RefusalCodes returns the codes of refusals, sorted.
func (l *Load) RefusalCodes() []string { return slices.Sorted(maps.Keys(l.Refusals)) }
