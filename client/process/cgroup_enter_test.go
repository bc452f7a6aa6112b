package process_test

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client/process"
)

// TestCgroupThatCannotBeEntered: a program runs all the same where it cannot be started into a
// cgroup (here it is a plain directory), with what else there is, and nothing is left.
func TestCgroupThatCannotBeEntered(t *testing.T) {
	home := t.TempDir()
	undo := process.SetHome(home)
	defer undo()
	var log bytes.Buffer
	p, err := process.Start(process.Spec{
		Command: []string{"sh", "-c", "exit 3"},
		Limits:  process.Limits{Memory: 512 << 20, Pids: 10},
		Log:     slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil || err.Error() != "exit status 3" {
		t.Errorf("it ended by %v, want exit status 3", err)
	}
	for _, want := range []string{
		"level=WARN", "for each process by RLIMIT_DATA",
		"pids not in force: no program can be started into a cgroup",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log says %s, want %q in it", &log, want)
		}
	}
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		t.Errorf("directories are left: %v, %v", left, err)
	}
}
