package result

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestFileComesBack(t *testing.T) {
	f, name := sampleFile(), filepath.Join(t.TempDir(), "r.json")
	if err := f.Write(name); err != nil {
		t.Fatal(err)
	}
	got, err := Read(name)
	if err != nil {
		t.Fatal(err)
	}
	a, b := got.Steps[0].Load.Latency, f.Steps[0].Load.Latency
	for _, p := range []float64{0, 50, 99, 99.9, 100} {
		if a.Micros(p) != b.Micros(p) {
			t.Errorf("p%g: got %g, want %g", p, a.Micros(p), b.Micros(p))
		}
	}
	if a.Count() != 1000 || !a.h.Equals(b.h) {
		t.Errorf("got %d latencies, want those that were recorded", a.Count())
	}
	// What was read is written alike.
	again := filepath.Join(t.TempDir(), "again.json")
	if err := got.Write(again); err != nil {
		t.Fatal(err)
	}
	x, errX := os.ReadFile(name)
	y, errY := os.ReadFile(again)
	if errX != nil || errY != nil || !bytes.Equal(x, y) {
		t.Errorf("got another file after reading and writing it (%v, %v)", errX, errY)
	}
	got.Steps, f.Steps, got.Comparison, f.Comparison = nil, nil, nil, nil
	if !reflect.DeepEqual(got, f) {
		t.Errorf("got %+v, want %+v", got, f)
	}
}

func TestReadTellsWhatIsWrong(t *testing.T) {
	whole, err := json.Marshal(sampleFile())
	if err != nil {
		t.Fatal(err)
	}
	f := func(text, want string) {
		t.Helper()
		name := filepath.Join(t.TempDir(), "r.json")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read(name)
		if err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), "cannot read the result") {
			t.Errorf("%.40q: got %v, want an error with %q", text, err, want)
		}
	}
	f("", "no JSON")
	f("[1]", "no JSON")
	f(string(whole[:len(whole)/2]), "no JSON")
	f(string(whole)+"{}", "no JSON")
	f(`{}`, "format is 0")
	f(`{"format":2,"steps":"of another form"}`, "format is 2")
	f(`{"format":1,"steps":[{"name":"s","load":{}}]}`, `step "s" has no histogram`)
	f(`{"format":1,"steps":[{"name":"s","load":{"latency":null}}]}`, "no histogram")
	f(`{"format":1,"steps":[{"name":"s","load":{"latency":{}}}]}`, "cannot read a histogram")
	f(`{"format":1,"steps":[{"load":{"latency":{"hdr_v2_base64":"AAAA"}}}]}`, "histogram")
	f(`{"format":1,"comparison":{"cases":[{"rows":[{"name":"r","runs":[{}]}]}]}}`, "no histogram")
	if _, err := Read(filepath.Join(t.TempDir(), "nowhere")); err == nil {
		t.Error("got no error for a file that is not there")
	}
}

// FuzzParse: what can be read can be printed, compared and held against the targets.
func FuzzParse(f *testing.F) {
	whole, err := json.Marshal(sampleFile())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(`{"format":1,"steps":[{"name":"a"},{"name":"a","fault":"x"}]}`))
	f.Add([]byte(`{"format":1,"goals":[{"name":"g"}],"comparison":{"cases":[{"rows":[{}]}]}}`))
	sample := []*File{sampleFile()}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b)
		if err != nil {
			return
		}
		file.WriteText(io.Discard)
		d := Compare([]*File{file}, sample, 0.1)
		if err := d.WriteText(io.Discard); err != nil {
			t.Error(err)
		}
		if same := Compare([]*File{file}, []*File{file}, 0); len(faultless(same)) > 0 {
			t.Errorf("got %+v worse than itself", faultless(same))
		}
		for _, row := range Targets([]*File{file}) {
			if row.Note == "" || row.Verdict == "" {
				t.Errorf("got %+v, want a verdict and how it came about", row)
			}
		}
	})
}

// faultless are the rows that are worse, but for steps that are no measurement.
func faultless(d *Diff) []DiffRow {
	var out []DiffRow
	for _, r := range d.Worse() {
		if r.Note == "" {
			out = append(out, r)
		}
	}
	return out
}

func TestMergeAddsUp(t *testing.T) {
	a, b := sampleLoad(10, 1000, 2), sampleLoad(5, 500, 2)
	b.Refused, b.Refusals, b.FirstFault = 3, map[string]uint64{"-31000": 3}, "late"
	b.Refusal.Record(5000)
	b.Timeline = append(b.Timeline, Sample{At: 1, Calls: 7, Conns: 5})
	a.Merge(b)
	if a.Conns != 15 || a.Calls != 1500 || a.Refused != 3 || a.Processes != 2 || a.Rate != 200 {
		t.Errorf("got %+v, want the sums", a)
	}
	if a.PerSecond != 750 || a.Messages != 2*1503/2. || a.FirstFault != "late" {
		t.Errorf("got %g calls/s, %g messages/s, fault %q", a.PerSecond, a.Messages, a.FirstFault)
	}
	if got := a.RefusalCodes(); len(got) != 1 || a.Refusals["-31000"] != 3 {
		t.Errorf("got refusals %v", a.Refusals)
	}
	if a.Latency.Count() != 2000 || a.Refusal.Count() != 1 || a.Latency.Micros(50) < 499 {
		t.Errorf("got %d latencies, %d of refusals", a.Latency.Count(), a.Refusal.Count())
	}
	if n := len(a.Timeline); n != 3 || a.Timeline[1].Calls != 40 || a.Timeline[1].Conns != 15 ||
		a.Timeline[1].P99 != 21 || a.Timeline[2].Calls != 7 {
		t.Errorf("got timeline %+v", a.Timeline)
	}
}

func TestEachHasEveryLatency(t *testing.T) {
	h := NewHistogram()
	for i := range int64(5000) {
		h.Record(i * i * 100)
	}
	sum, last := int64(0), -1.0
	h.Each(func(low, high float64, count int64) {
		if low <= last || high < low || count <= 0 {
			t.Errorf("got %d from %g to %g after %g", count, low, high, last)
		}
		sum, last = sum+count, low
	})
	if sum != h.Count() || sum != 5000 {
		t.Errorf("got %d latencies, want 5000", sum)
	}
}
