package bench

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/bench/fake"
	"github.com/mcploop/mcploop/bench/result"
)

// asBench in the environment makes the test binary the command itself.
const asBench = "MCPLOOP_TEST_AS_BENCH"

func TestMain(m *testing.M) {
	if os.Getenv(asBench) != "" {
		os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// run runs a subcommand and returns its exit code and what it printed.
func run(args ...string) (code int, out, errOut string) {
	var o, e bytes.Buffer
	code = Main(args, &o, &e)
	return code, o.String(), e.String()
}

// write writes a result of one step with a p99 of so many us.
func write(t *testing.T, p99 float64) string {
	t.Helper()
	f := &result.File{
		Format: result.Format, Scenario: "open", About: "a test",
		Steps: []result.Step{{Name: "step", Measures: []result.Measure{
			{Name: "p99", Unit: "us", Value: p99, Better: result.Less},
		}}},
	}
	name := filepath.Join(t.TempDir(), "r.json")
	if err := f.Write(name); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCompareExits(t *testing.T) {
	a, b := write(t, 100), write(t, 130)
	f := func(want int, text string, args ...string) {
		t.Helper()
		code, out, errOut := run(append([]string{"compare"}, args...)...)
		if code != want || !strings.Contains(out+errOut, text) {
			t.Errorf("%q: got %d, %s%s, want %d and %q", args, code, out, errOut, want, text)
		}
	}
	f(1, "1 measures are worse by more than 10%", a, b)
	f(1, "WORSE", a, b, "--threshold", "29%")
	f(0, "same", a, b, "--threshold", "30%")
	f(0, "same", "--threshold=30%", a, b)
	f(0, "better", b, a)
	f(0, "0 worse", a, b, "--ignore", "p50,p99")
	f(0, "noise", a+","+write(t, 140), write(t, 135))
	f(1, "give a share like 10%", a, b, "--threshold", "10")
	f(1, "give A.json and B.json", a)
	f(1, "cannot read the result", a, filepath.Join(t.TempDir(), "none.json"))
	other := filepath.Join(t.TempDir(), "empty.json")
	if err := (&result.File{Format: result.Format}).Write(other); err != nil {
		t.Fatal(err)
	}
	f(1, "nothing to compare", a, other)

	to := filepath.Join(t.TempDir(), "diff.json")
	f(1, "worse", a, b, "--json", to)
	text, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	var d result.Diff
	if err := json.Unmarshal(text, &d); err != nil || len(d.Worse()) != 1 ||
		d.Worse()[0].Name != "p99" {
		t.Errorf("got %s, %v", text, err)
	}
}

func TestReportAndTargetsExit(t *testing.T) {
	a, html := write(t, 100), filepath.Join(t.TempDir(), "r.html")
	if code, _, errOut := run("report", a, a, "--html", html); code != 0 {
		t.Errorf("got %d, %s", code, errOut)
	}
	page, err := os.ReadFile(html)
	if err != nil || !strings.Contains(string(page), "100 µs") {
		t.Errorf("got %.60q, %v, want a page with the value", page, err)
	}
	if code, out, _ := run("report", a); code != 0 || !strings.HasPrefix(out, "<!doctype html>") {
		t.Errorf("got %d, %.40q, want the page", code, out)
	}
	if code, _, errOut := run("report"); code != 1 || !strings.Contains(errOut, "no result") {
		t.Errorf("got %d, %s", code, errOut)
	}
	code, out, errOut := run("targets", a)
	if code != 0 || strings.Count(out, "not measured") != 10 {
		t.Errorf("got %d, %s%s, want ten targets that nothing is known of", code, out, errOut)
	}
	if code, _, errOut := run("targets"); code != 1 || !strings.Contains(errOut, "no result") {
		t.Errorf("got %d, %s", code, errOut)
	}
}

func TestScenarioWritesItsFiles(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	name, html := filepath.Join(dir, "r.json"), filepath.Join(dir, "r.html")
	cmd := exec.CommandContext(t.Context(), exe, "closed", "--tcp", fake.Lines(t, "tcp", nil),
		"--connections", "2", "--duration", "1500ms", "--warmup", "100ms",
		"--json", name, "--html", html)
	cmd.Env = append(os.Environ(), asBench+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f, err := result.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Steps) != 1 || f.Steps[0].Load.Calls == 0 || f.Settings["connections"] != "2" {
		t.Errorf("got %+v", f)
	}
	page, err := os.ReadFile(html)
	if err != nil || !strings.Contains(string(page), `data-kind="percentiles"`) {
		t.Errorf("got %.60q, %v, want the page of the run", page, err)
	}
}
