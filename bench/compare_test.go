package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCompare(t *testing.T) {
	server, client := coresFor()
	if server == client {
		t.Skip("a comparison needs two cores")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	row := func(name string, args ...string) Row {
		return Row{Name: name, Command: append([]string{"{bin}"}, args...), Transport: TransportTCP}
	}
	pipe := row("c", "test-stdio")
	pipe.Transport = TransportStdio
	var progress, table bytes.Buffer
	res, err := Compare(t.Context(), CompareOptions{
		Plan: Plan{
			Name: "test", Reference: "a",
			Rows: []Row{
				row("a", "test-server", "{addr}"), row("b", "test-server", "{addr}"), pipe,
				row("dead", "test-server", "no address"),
			},
			Cases: []Case{{"few", 4, 2, 0}},
		},
		Bin: exe, Client: []string{exe}, Rounds: 2, ServerCore: server, ClientCore: client,
		Duration: 60 * time.Millisecond, Warmup: 20 * time.Millisecond, Progress: &progress,
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := res.Cases[0].Rows
	for _, r := range rows[:3] {
		if len(r.Runs) != 2 || r.Fault != "" || r.CPU.Median <= 0 || r.CPURatio.Median <= 0 {
			t.Errorf("row %q: got %+v", r.Name, r)
		}
	}
	if one := (Spread{1, 1, 1}); rows[0].CPURatio != one || rows[0].RateRatio != one {
		t.Errorf("got %+v and %+v for the reference, want 1", rows[0].CPURatio, rows[0].RateRatio)
	}
	if len(rows[3].Runs) != 0 || rows[3].Fault == "" {
		t.Errorf("got %+v, want the dead server's row to say so", rows[3])
	}
	if err := res.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{res.Host.Kernel, "test few", "a ", "b ", "not measured: server"} {
		contains(t, table.String(), want)
	}
	var order []string
	for line := range strings.Lines(progress.String()) {
		if name := strings.Fields(line)[3]; name != "dead:" {
			order = append(order, name)
		}
	}
	if got := strings.Join(order, ""); got != "a:b:c:a:b:c:" {
		t.Errorf("got order %q, want the rows interleaved", got)
	}
}

func TestPlans(t *testing.T) {
	for name, p := range plans() {
		if err := p.Validate(); err != nil {
			t.Errorf("plan %q: %v", name, err)
		}
	}
	p, err := readPlan("tcp")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.only("epoll-echo"); err != nil || len(p.Rows) != 2 {
		t.Errorf("got %d rows, %v, want the named one and the reference", len(p.Rows), err)
	}
	if err := p.only("nobody"); err == nil {
		t.Error("got no error for an unknown row")
	}
	file := filepath.Join(t.TempDir(), "plan.json")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(plans()["http"])
	if err != nil {
		t.Fatal(err)
	}
	write(string(b))
	if p, err = readPlan(file); err != nil || p.Name != "http" || len(p.Rows) < 5 {
		t.Errorf("got %+v, %v", p, err)
	}
	write(`{"name":"x","rowz":[]}`)
	if _, err = readPlan(file); err == nil {
		t.Error("got no error for an unknown member")
	}
	bad := Plan{Reference: "r", Rows: []Row{{Name: "a"}, {Name: "a", Command: []string{"x"}}}}
	for _, want := range []string{"two rows", "no command", "no transport", "no row", "no case"} {
		contains(t, fmt.Sprint(bad.Validate()), want)
	}
}

func TestMainSubcommands(t *testing.T) {
	f := func(want int, text string, args ...string) {
		t.Helper()
		var out, errOut bytes.Buffer
		if got := Main(args, &out, &errOut); got != want {
			t.Errorf("%q: got exit %d, want %d: %s", args, got, want, errOut.String())
		}
		contains(t, out.String()+errOut.String(), text)
	}
	addr := startLines(t, "tcp", nil)
	f(2, "usage")
	f(2, "no subcommand", "burn")
	f(2, "connections", "load", "-h")
	f(1, "no address", "load")
	f(1, "cannot find plan", "compare", "-plan", "nothing")
	f(0, "messages", "load", "-addr", addr, "-d", "50ms", "-warmup", "10ms")
	f(0, `"messages_per_second"`, "load", "-json", "-addr", addr, "-d", "50ms", "-warmup", "10ms")
	f(1, "no good reply", "load", "-addr", addr, "-tool", "fail", "-d", "50ms", "-warmup", "10ms")
	pid := fmt.Sprint(os.Getpid())
	f(0, "each", "idle", "-addr", addr, "-c", "50", "-pid", pid, "-hold", "20ms")
	f(1, "pid", "idle", "-addr", addr)
}
