package result

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// What a target came to.
const (
	Passed      Verdict = "pass"
	Failed      Verdict = "FAIL"
	NotMeasured Verdict = "not measured"
)

// TargetConns is how many connections the targets of the mission speak of. A run with fewer says
// nothing about them.
const TargetConns = 15_000

// Target is a figure of the mission and what was measured of it.
type Target struct {
	Name     string  `json:"name"`
	Operator string  `json:"operator"` // how Value is to stand to Limit: ">=", ">", "<"
	Limit    float64 `json:"limit"`
	Unit     string  `json:"unit"`
	Value    float64 `json:"value,omitempty"`
	Verdict  Verdict `json:"verdict"`
	Note     string  `json:"note"` // which step it was measured in and how, or why it was not
}

// Wanted prints the target, as "< 1 ms".
func (t *Target) Wanted() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", t.Operator, grouped(t.Limit), t.Unit))
}

// Measured prints what was measured, as "0.12 ms"; it is empty when nothing was.
func (t *Target) Measured() string {
	if t.Verdict == NotMeasured {
		return ""
	}
	if t.Unit == "%" {
		text := strconv.FormatFloat(t.Value, 'f', 4, 64)
		return strings.TrimRight(strings.TrimRight(text, "0"), ".") + " %"
	}
	return grouped(t.Value) + " " + t.Unit
}

// grouped is Number, with commas between thousands.
func grouped(v float64) string {
	if v == float64(int64(v)) || v >= 1000 {
		return Grouped(strconv.FormatFloat(v, 'f', 0, 64))
	}
	if s := strconv.FormatFloat(v, 'f', -1, 64); len(s) <= 6 {
		return s
	}
	return Number(v)
}

// Grouped puts commas between the thousands of a decimal number.
func Grouped(number string) string {
	whole, rest, dot := strings.Cut(number, ".")
	sign := strings.HasPrefix(whole, "-")
	whole = strings.TrimPrefix(whole, "-")
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if sign {
		whole = "-" + whole
	}
	if dot {
		whole += "." + rest
	}
	return whole
}

// Targets fills the table of the mission from what files measured. Nothing is extrapolated: only
// steps with TargetConns connections or more count. Throughput, latency and CPU are those of the
// step that moved most messages; memory, errors and connections those of the worst step.
func Targets(files []*File) []Target {
	e := evidenceOf(files)
	rows := []Target{e.throughput()}
	rows = append(rows, e.latency(50, 1), e.latency(95, 50), e.latency(99, 100))
	rows = append(rows, e.latency(99.9, 500), e.memory(), e.cpu(), e.pause())
	return append(rows, e.errorRate(), e.connections())
}

// WriteTargets prints the table for people and returns how many targets were failed.
func WriteTargets(w io.Writer, targets []Target) (failed int, err error) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "target\twanted\tmeasured\tverdict\thow, or why not")
	for i := range targets {
		r := &targets[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", r.Name, r.Wanted(), r.Measured(), r.Verdict, r.Note)
		if r.Verdict == Failed {
			failed++
		}
	}
	if err := t.Flush(); err != nil {
		return failed, fmt.Errorf("cannot print the targets: %w", err)
	}
	return failed, nil
}

// is fills in a measured value.
func (t Target) is(v float64, format string, args ...any) Target {
	met := v < t.Limit
	switch t.Operator {
	case ">=":
		met = v >= t.Limit
	case ">":
		met = v > t.Limit
	}
	t.Value, t.Verdict, t.Note = v, Failed, fmt.Sprintf(format, args...)
	if met {
		t.Verdict = Passed
	}
	return t
}

// unknown says why there is no value.
func (t Target) unknown(format string, args ...any) Target {
	t.Verdict, t.Note = NotMeasured, fmt.Sprintf(format, args...)
	return t
}
