package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// Format is the version of the form of files; a reader refuses any other.
const Format = 1

// File is the record of one run of bench.
type File struct {
	Format   int               `json:"format"`
	Scenario string            `json:"scenario"`
	About    string            `json:"about"` // what the scenario does, one sentence
	Host     Host              `json:"host"`
	Server   Server            `json:"server"`
	Settings map[string]string `json:"settings"` // every flag in force
	Began    time.Time         `json:"began"`
	Seconds  float64           `json:"seconds"`
	Steps    []Step            `json:"steps"`
	Goals    []Goal            `json:"goals,omitempty"`
	// Comparison is what servers side by side came to.
	Comparison *Comparison `json:"comparison,omitempty"`
	Warnings   []string    `json:"warnings,omitempty"`
}

// Server is who was measured, as far as it could be known from outside.
type Server struct {
	Target  string `json:"target"`            // URL, address or command
	PID     int    `json:"pid,omitempty"`     // 0: not on this machine, or not found
	Command string `json:"command,omitempty"` // of that process
	Cores   int    `json:"cores,omitempty"`   // that it may run on
	Procs   string `json:"gomaxprocs,omitempty"`
	Loops   int    `json:"loops,omitempty"` // event loops, of a server that tells
	Name    string `json:"name,omitempty"`  // by its own word; empty: it gives none
	Version string `json:"version,omitempty"`
}

// Step is one part of a run: a rung of the ladder, a size of payload, a state of the crowd.
type Step struct {
	Name     string    `json:"name"`
	Load     *Load     `json:"load,omitempty"`
	Measures []Measure `json:"measures,omitempty"` // what is no load of calls, or is made of it
	Verdict  string    `json:"verdict,omitempty"`  // what they come to, one sentence
	Fault    string    `json:"fault,omitempty"`    // why the step is no measurement
}

// Better says which way a measure improves.
type Better string

// The ways in which a measure improves.
const (
	Less    Better = "less"
	More    Better = "more"
	Neither Better = "" // it only describes the run
)

// Measure is one figure with a name that stays the same from run to run.
type Measure struct {
	Name   string  `json:"name"` // for people and for comparisons: "p99"
	Unit   string  `json:"unit"` // "us", "KB", "/s", "" for a ratio or a number
	Value  float64 `json:"value"`
	Better Better  `json:"better,omitempty"`
}

// Add adds a measure to s.
func (s *Step) Add(name, unit string, value float64, better Better) {
	s.Measures = append(s.Measures, Measure{name, unit, value, better})
}

// All returns every measure of s: those of its load, then its own.
func (s *Step) All() []Measure {
	if s.Load == nil {
		return s.Measures
	}
	return append(s.Load.measures(), s.Measures...)
}

// measures are a load's figures in the order in which they are shown.
func (l *Load) measures() []Measure {
	ms := []Measure{
		{"calls", "/s", l.PerSecond, More},
		{"messages", "/s", l.Messages, More},
		{"refused", "", float64(l.Refused), Less},
		{"failed", "", float64(l.Mismatches + l.Lost + l.Unsent + l.Closed), Less},
	}
	if h := l.Latency; h != nil && h.Count() > 0 {
		ms = append(ms,
			Measure{"p50", "us", h.Micros(50), Less}, Measure{"p95", "us", h.Micros(95), Less},
			Measure{"p99", "us", h.Micros(99), Less}, Measure{"p99.9", "us", h.Micros(99.9), Less},
			Measure{"max", "us", h.Max(), Less})
	}
	if h := l.Refusal; h != nil && h.Count() > 0 {
		ms = append(ms, Measure{"refusal p99", "us", h.Micros(99), Less})
	}
	for _, m := range l.Methods() {
		h := l.ByMethod[m]
		ms = append(ms, Measure{"p50 " + m, "us", h.Micros(50), Less},
			Measure{"p99 " + m, "us", h.Micros(99), Less})
	}
	if h := l.Life; h != nil && h.Count() > 0 {
		ms = append(ms, Measure{"life p99", "us", h.Micros(99), Less})
	}
	if l.Server.Source != "" {
		ms = append(ms,
			Measure{"server CPU", "us/call", l.Server.PerCall, Less},
			Measure{"server cores", "", l.Server.Share, Neither},
			Measure{"server memory", "MB", float64(l.Server.After.RSS) / (1 << 20), Less})
	}
	return append(ms, Measure{"client cores", "", l.Client.Share, Neither})
}

// Goal is a figure that the project has to reach, and what was measured of it.
type Goal struct {
	Name    string  `json:"name"`
	Work    string  `json:"work"` // what is done, and against what
	Unit    string  `json:"unit"`
	Better  Better  `json:"better"`
	Limit   float64 `json:"limit"` // at least (or at most) this
	Aim     float64 `json:"aim,omitempty"`
	Value   *Spread `json:"value,omitempty"` // nil: not measured, Note says why
	Command string  `json:"command"`         // that measures it; empty: it was not run
	Note    string  `json:"note,omitempty"`
}

// Met reports whether the goal was measured and reached.
func (g *Goal) Met() bool {
	switch {
	case g.Value == nil:
		return false
	case g.Better == More:
		return g.Value.Median >= g.Limit
	}
	return g.Value.Median <= g.Limit
}

// Err returns the faults of all steps; nil when each is a measurement.
func (f *File) Err() error {
	var errs []error
	for i := range f.Steps {
		s := &f.Steps[i]
		if s.Fault != "" {
			errs = append(errs, fmt.Errorf("%s: %s", s.Name, s.Fault))
		}
	}
	return errors.Join(errs...)
}

// Warn notes what a reader of the figures must know.
func (f *File) Warn(format string, args ...any) {
	f.Warnings = append(f.Warnings, fmt.Sprintf(format, args...))
}

// Write writes f to the file name.
func (f *File) Write(name string) error {
	b, err := json.MarshalIndent(f, "", "  ")
	if err == nil {
		err = os.WriteFile(name, append(b, '\n'), 0o644) //nolint:gosec // results are for everybody
	}
	if err != nil {
		return fmt.Errorf("cannot write the result %q: %w", name, err)
	}
	return nil
}

// Read reads a file that Write wrote. Whatever it returns can be printed.
func Read(name string) (*File, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the result: %w", err)
	}
	f, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("cannot read the result %q: %w", name, err)
	}
	return f, nil
}

// Parse reads what Write writes into a file.
func Parse(b []byte) (*File, error) {
	// The format first: of another one nothing else can be said to be wrong.
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("it is no JSON of a result: %w", err)
	}
	if head.Format != Format {
		return nil, fmt.Errorf("its format is %d, this program reads %d", head.Format, Format)
	}
	f := new(File)
	if err := json.Unmarshal(b, f); err != nil {
		return nil, err
	}
	return f, f.complete()
}

// complete reports what is missing without which f cannot be printed.
func (f *File) complete() error {
	for i := range f.Steps {
		s := &f.Steps[i]
		if s.Load != nil && !s.Load.complete() {
			return fmt.Errorf("step %q has no histogram of its latencies", s.Name)
		}
	}
	if f.Comparison == nil {
		return nil
	}
	for _, c := range f.Comparison.Cases {
		for _, r := range c.Rows {
			for i := range r.Runs {
				if !r.Runs[i].complete() {
					return fmt.Errorf("a run of %q, %q has no histogram of its latencies", c.Name,
						r.Name)
				}
			}
		}
	}
	return nil
}

func (l *Load) complete() bool {
	return l.Latency != nil && (l.Refused == 0 || l.Refusal != nil)
}
