//go:build vm

// Tests of children within real cgroups; make vm runs them on a machine that has these.
package server_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client/process"
	"github.com/mcploop/mcploop/server/gateway"
)

func init() {
	moreWays = func(how, id string) {
		switch how {
		case "eats":
			for text := "x"; ; text += text {
				answerText("0", text[:1])
			}
		case "burns":
			answerText(id, "burns")
			for n := 0; n >= 0; n = (n + 1) % 1000 {
			}
		case "forks":
			n := 0
			for exec.Command("sleep", "999").Start() == nil {
				n++
			}
			answerText(id, fmt.Sprintf("started %d", n))
		}
	}
}

// limited is an upstream of this binary within limits.
func limited(how string, l process.Limits) func(*gateway.Options) {
	return func(o *gateway.Options) {
		misbehaving(how)(o)
		o.Client.Limits = l
	}
}

// childCgroups are the cgroups of children that there are.
func childCgroups(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob("/sys/fs/cgroup/mcploop-*")
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// removesSick removes the sick upstream, of which nothing is left then.
func (r *running) removesSick() {
	r.t.Helper()
	if err := r.RemoveUpstream("sick"); err != nil {
		r.t.Error(err)
	}
	eventually(r.t, "its cgroup is removed", func() bool { return len(childCgroups(r.t)) == 0 })
}

// TestVMUpstreamEats: a call that eats memory ends its child alone, says why, and the child is
// started again.
func TestVMUpstreamEats(t *testing.T) {
	g := beside(t, limited("eats", process.Limits{Memory: 64 << 20}))
	g.has("sick__echo", true)
	const want = "it was killed at its memory limit of 67108864 bytes"
	if got := g.callSick(); code(got) != -31002 || !strings.Contains(got, want) {
		t.Errorf("got %s, want -31002 and %s", got, want)
	}
	g.unharmed()
	eventually(t, "it is started again, and fails again", func() bool {
		return strings.Contains(g.callSick(), want) && g.ofSick("restarts_total") > 0
	})
	g.unharmed()
	g.logs("memory 67108864 bytes by cgroup")
	g.logs(want)
	g.removesSick()
}

// TestVMUpstreamBurns: one that would take all processors is throttled, and nobody waits for it.
func TestVMUpstreamBurns(t *testing.T) {
	g := beside(t, limited("burns", process.Limits{CPU: 0.2}))
	g.has("sick__echo", true)
	if got := g.callSick(); !strings.Contains(got, "burns") {
		t.Fatalf("got %s", got)
	}
	dirs := childCgroups(t)
	if len(dirs) != 1 {
		t.Fatalf("got cgroups %v, want one", dirs)
	}
	eventually(t, "it is throttled", func() bool {
		g.unharmed()
		text, err := os.ReadFile(filepath.Join(dirs[0], "cpu.stat"))
		return err == nil && strings.Contains(string(text), "nr_throttled ") &&
			!strings.Contains(string(text), "nr_throttled 0\n")
	})
	g.removesSick()
}

// TestVMUpstreamForks: one that starts processes without end is refused more, and lives; those it
// has started end with it.
func TestVMUpstreamForks(t *testing.T) {
	g := beside(t, limited("forks", process.Limits{Pids: 40}))
	g.has("sick__echo", true)
	got := g.callSick()
	_, rest, _ := strings.Cut(got, "started ")
	var n int
	if _, err := fmt.Sscan(rest, &n); err != nil || n == 0 || n >= 40 {
		t.Errorf("got %s, want 1 to 39 that were started", got)
	}
	g.unharmed()
	g.removesSick()
	eventually(t, "they end", func() bool {
		out, err := exec.Command("ps").Output()
		return err == nil && !strings.Contains(string(out), "sleep 999")
	})
	g.logs("more than its limit of 40 were refused")
}
