package result

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
)

// one returns a file with one step of one measure.
func one(name string, better Better, values ...float64) []*File {
	var files []*File
	for _, v := range values {
		m := Measure{name, "us", v, better}
		files = append(files, &File{Steps: []Step{{Name: "step", Measures: []Measure{m}}}})
	}
	return files
}

func TestCompareKnowsWhatIsBetter(t *testing.T) {
	f := func(better Better, a, b []float64, change float64, want Verdict) {
		t.Helper()
		d := Compare(one("m", better, a...), one("m", better, b...), 0.1)
		if len(d.Rows) != 1 {
			t.Fatalf("got %d rows, want 1", len(d.Rows))
		}
		got := math.NaN() // from 0
		if r := d.Rows[0]; r.Change != nil {
			got = *r.Change
		}
		if d.Rows[0].Verdict != want || fmt.Sprintf("%.2f", got) != fmt.Sprintf("%.2f", change) {
			t.Errorf("%v to %v, %q is better: got %q, %.2f, want %q, %.2f", a, b, better,
				d.Rows[0].Verdict, got, want, change)
		}
		if worse := len(d.Worse()); (worse == 1) != (want == Worsened) {
			t.Errorf("%v to %v: got %d worse", a, b, worse)
		}
	}
	v := func(values ...float64) []float64 { return values }
	f(Less, v(100), v(111), 0.11, Worsened)
	f(Less, v(100), v(110), 0.10, Unchanged)
	f(Less, v(100), v(89), -0.11, Improved)
	f(More, v(100), v(89), -0.11, Worsened)
	f(More, v(100), v(120), 0.20, Improved)
	f(Neither, v(100), v(500), 4, Untold)
	f(Less, v(0), v(0), math.NaN(), Unchanged)
	f(Less, v(0), v(1), math.NaN(), Worsened)
	f(More, v(0), v(1), math.NaN(), Improved)
	// Runs of both sides that overlap are noise, however far their medians lie apart.
	f(Less, v(100, 101, 150), v(140, 160, 170), 0.58, Unclear)
	f(Less, v(100, 101, 150), v(151, 160, 170), 0.58, Worsened)
	f(Less, v(100, 101, 150), v(140), 0.39, Unclear)
	f(More, v(100, 101, 150), v(160), 0.58, Improved)
}

func TestCompareMatchesParts(t *testing.T) {
	a, b := sampleFile(), sampleFile()
	b.Steps = append(b.Steps[:1], Step{Name: "three", Measures: []Measure{{"x", "", 1, More}}})
	b.Steps[0].Measures[0].Name = "renamed"
	b.Steps[0].Load = sampleLoad(10, 500, 2)
	row := &b.Comparison.Cases[0].Rows[1]
	row.CPU = Spread{2 * row.CPU.Median, 2 * row.CPU.Min, 2 * row.CPU.Max}
	b.Goals[0].Value = &Spread{2, 1.9, 2.1}
	d := Compare([]*File{a}, []*File{b}, 0.1)
	got := map[string]Verdict{}
	for _, r := range d.Rows {
		got[r.Part+"/"+r.Name] = r.Verdict
	}
	for name, want := range map[string]Verdict{
		"one/calls": Worsened, "one/p99": Unchanged, "one/server CPU": Worsened,
		"one/client cores": Untold, "tcp C=1, us/server CPU": Worsened,
		"tcp C=1, us/calls": Unchanged, "tcp C=1, ref/server CPU": Unchanged,
		"goal speed/calls": Worsened,
	} {
		if v, ok := got[name]; v != want || !ok {
			t.Errorf("%s: got %q (%v), want %q", name, v, ok, want)
		}
	}
	if got := strings.Join(d.OnlyA, ";"); got != "one: resumed;two" {
		t.Errorf("only in A: got %q", got)
	}
	if got := strings.Join(d.OnlyB, ";"); got != "one: renamed;three" {
		t.Errorf("only in B: got %q", got)
	}
	d.Ignore([]string{"calls", "messages"})
	for _, r := range d.Worse() {
		if r.Name == "calls" {
			t.Errorf("got %+v worse, though it is ignored", r)
		}
	}
}

func TestCompareTellsOfFaults(t *testing.T) {
	good, bad := sampleFile(), sampleFile()
	bad.Steps[0].Fault = "3 wrong replies"
	d := Compare([]*File{good}, []*File{bad}, 0.1)
	if w := d.Worse(); len(w) != 1 || w[0].Note != "3 wrong replies" {
		t.Errorf("got %+v, want the fault of B to be worse", w)
	}
	d = Compare([]*File{bad}, []*File{good}, 0.1)
	if len(d.Worse()) != 0 || !strings.Contains(strings.Join(d.Warnings, ";"), "wrong replies") {
		t.Errorf("got %+v, %v, want a warning of A's fault", d.Worse(), d.Warnings)
	}
}

func TestCompareWarnsOfOtherCircumstances(t *testing.T) {
	a, b := sampleFile(), sampleFile()
	b.Host.Name, b.Host.Kernel, b.Host.Cores = "other", "6.2", 32
	b.Host.Commit = "def" // is what a comparison is for
	b.Settings = map[string]string{"rate": "200", "json": "b.json", "depth": "4"}
	b.Server.Cores = 1
	d := Compare([]*File{a}, []*File{b}, 0.1)
	text := strings.Join(d.Warnings, "\n")
	for _, want := range []string{
		`host differs: "host" and "other"`, "kernel", `number of cores differs: "2" and "32"`,
		`setting --rate differs: "100" and "200"`, "--depth", "the server's cores",
		"A: it rained", "B: it rained",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("got %q, want it to tell of %q", text, want)
		}
	}
	for _, word := range []string{"commit", "--json"} {
		if strings.Contains(text, word) {
			t.Errorf("got %q, which should not tell of %q", text, word)
		}
	}
	var out bytes.Buffer
	if err := d.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"A: commit abc", "B: commit def", "warning: host", "the same,"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got %s\nwant it to contain %q", out.String(), want)
		}
	}
}
