package doctor

import "fmt"

// Status says how grave a finding is.
type Status string

// The three of them. Fail is what keeps the host from doing what is asked; Warn is what makes it
// slower, or what could not be read.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Finding is one thing that was looked at.
type Finding struct {
	Check  string `json:"check"`  // its name, dotted: descriptors.process
	Status Status `json:"status"` // ok, warn or fail
	Found  string `json:"found"`
	Wanted string `json:"wanted"`
	Why    string `json:"why"`
	Cure   string `json:"cure,omitempty"` // a command for root, or what to set; empty when ok
}

// Report is everything that was found for one Need.
type Report struct {
	Connections int       `json:"connections"`
	Rate        int       `json:"rate"` // messages per second
	Status      Status    `json:"status"`
	Findings    []Finding `json:"findings"`
}

// worst returns the gravest status of the findings.
func (r *Report) worst() Status {
	worst := OK
	for i := range r.Findings {
		switch r.Findings[i].Status {
		case Fail:
			return Fail
		case Warn:
			worst = Warn
		}
	}
	return worst
}

// judge completes f: its status is bad unless it is good, and what is good needs no cure.
func (f Finding) judge(good bool, bad Status) Finding {
	if good {
		f.Status, f.Cure = OK, ""
		return f
	}
	f.Status = bad
	return f
}

// unread is the finding in place of f when the file that would tell cannot be read.
func (f Finding) unread(path string) Finding {
	f.Status, f.Found = Warn, "cannot read "+path
	f.Cure = "run doctor where " + path + " can be read"
	return f
}

// SizeText prints a size in the largest unit that leaves one digit before the point.
func SizeText(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	value, i := float64(n), 0
	for value >= 1024 && i < len(units)-1 {
		value, i = value/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[i])
}
