package plan

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/bench/fake"
	"github.com/mcploop/mcploop/bench/fleet"
	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/bench/result"
)

func TestMain(m *testing.M) {
	switch {
	case fake.Serve(os.Args[1:]):
		return
	case len(os.Args) == 2 && os.Args[1] == "worker":
		if err := fleet.Worker(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func contains(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("got %q, want it to contain %q", got, want)
	}
}

func TestRunInterleavesRows(t *testing.T) {
	server, client := Cores()
	if server == client {
		t.Skip("a comparison needs two cores")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	row := func(name string, args ...string) Row {
		command := append([]string{"{bin}"}, args...)
		return Row{Name: name, Command: command, Transport: load.TransportTCP}
	}
	pipe := row("c", "fake-stdio")
	pipe.Transport = load.TransportStdio
	dead := row("dead", "fake-lines", "no address")
	dead.Cure = "make it"
	var progress, table bytes.Buffer
	res, err := Run(t.Context(), Options{
		Plan: Plan{
			Name: "test", Reference: "a",
			Rows: []Row{
				row("a", "fake-lines", "{addr}"), row("b", "fake-lines", "{addr}"), pipe,
				dead,
			},
			Cases: []Case{{"few", 4, 2, 0}},
		},
		Bin: exe, Client: []string{exe, "worker"}, Rounds: 2,
		ServerCore: server, ClientCore: client,
		Span: 60 * time.Millisecond, Warmup: 20 * time.Millisecond, Progress: &progress,
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
	one := result.Spread{Median: 1, Min: 1, Max: 1}
	if rows[0].CPURatio != one || rows[0].RateRatio != one {
		t.Errorf("got %+v and %+v for the reference, want 1", rows[0].CPURatio, rows[0].RateRatio)
	}
	cure := "; if it is not there: make it"
	if len(rows[3].Runs) != 0 || !strings.HasSuffix(rows[3].Fault, cure) {
		t.Errorf("got %+v, want the dead server's row to say so", rows[3])
	}
	if err := res.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"test few", "a ", "b ", "not measured: server"} {
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
	for name, p := range Builtin() {
		if err := p.Validate(); err != nil {
			t.Errorf("plan %q: %v", name, err)
		}
	}
	p, err := Read("tcp")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Only("epoll-echo"); err != nil || len(p.Rows) != 2 {
		t.Errorf("got %d rows, %v, want the named one and the reference", len(p.Rows), err)
	}
	if err := p.Only("nobody"); err == nil {
		t.Error("got no error for an unknown row")
	}
	file := filepath.Join(t.TempDir(), "plan.json")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(Builtin()["http"])
	if err != nil {
		t.Fatal(err)
	}
	write(string(b))
	if p, err = Read(file); err != nil || p.Name != "http" || len(p.Rows) < 5 {
		t.Errorf("got %+v, %v", p, err)
	}
	write(`{"name":"x","rowz":[]}`)
	if _, err = Read(file); err == nil {
		t.Error("got no error for an unknown member")
	}
	bad := Plan{Reference: "r", Rows: []Row{{Name: "a"}, {Name: "a", Command: []string{"x"}}}}
	for _, want := range []string{"two rows", "no command", "no transport", "no row", "no case"} {
		contains(t, fmt.Sprint(bad.Validate()), want)
	}
}

func TestProcsShareTheCores(t *testing.T) {
	opt := Options{ServerCore: 0, ClientCore: 1}
	if s, c := opt.cores(Row{}); s != 0 || c != 1 {
		t.Errorf("got cores %d and %d, want one for each", s, c)
	}
	if s, c := opt.cores(Row{Procs: 2}); s != -1 || c != -1 {
		t.Errorf("got cores %d and %d, want any for both", s, c)
	}
}
