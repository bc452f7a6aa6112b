package server_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// shell is an upstream that the shell plays.
func shell(script string) func(*gateway.Options) {
	return func(o *gateway.Options) {
		o.Client = client.Options{Command: []string{"/bin/sh", "-c", script}, Era: client.Legacy}
	}
}

// TestUpstreamChildCrashLoop: a child that ends as soon as it has begun, or when it is spoken to,
// is started again, and leaves neither a process nor a descriptor.
func TestUpstreamChildCrashLoop(t *testing.T) {
	f := func(name string, crashes int, script string) {
		t.Run(name, func(t *testing.T) {
			pids := filepath.Join(t.TempDir(), "pids")
			g := beside(t, func(o *gateway.Options) {
				shell("echo $$ >>" + pids + "; " + script)(o)
				o.BackoffMin, o.BackoffMax = time.Millisecond, 2*time.Millisecond
			})
			eventually(t, "the first crash", func() bool { return g.ofSick("starts_total") > 2 })
			before := openFiles(t)
			eventually(t, fmt.Sprint(crashes, " crashes"), func() bool {
				g.unharmed()
				return g.ofSick("starts_total") > float64(crashes)
			})
			g.drainBeside()()
			if after := openFiles(t); after > before {
				t.Errorf("%d descriptors are open after %d crashes, %d before", after, crashes,
					before)
			}
			text, err := os.ReadFile(pids)
			if err != nil {
				t.Fatal(err)
			}
			started := strings.Fields(string(text))
			if len(started) < crashes {
				t.Errorf("%d processes were started, want %d", len(started), crashes)
			}
			eventually(t, "nothing of their process groups is left", func() bool {
				return len(leftOf(t, started)) == 0
			})
		})
	}
	f("at once", 50, "exit 3")
	f("after the first line", 50, "read line; exit 3")
	f("with a grandchild", 5, "sleep 600 & exit 3") // each is given a second to close its stderr
}

// leftOf are the processes of these groups that run, or that this process has not waited for.
// What init has not waited for is init's.
func leftOf(t *testing.T, groups []string) (left []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ") // behind the name: state, parent, group
		f := strings.Fields(rest)
		ours := f[0] != "Z" || f[1] == strconv.Itoa(os.Getpid())
		if ours && slices.Contains(groups, f[2]) {
			left = append(left, string(text))
		}
	}
	return left
}

// TestUpstreamChildPrintsGarbage: lines that are no message do not disturb; a child that prints
// nothing else is given up.
func TestUpstreamChildPrintsGarbage(t *testing.T) {
	g := beside(t, shell(`echo 'npm WARN deprecated'; echo '{"jsonrpc":'; exec `+
		everything(t)+` -stdio`))
	g.has("sick__test_simple_text", true)
	got := g.text(g.post(modernCall("1", "sick__test_simple_text", "{}")))
	if !strings.Contains(got, "simple text") {
		t.Errorf("got %s", got)
	}
	g.unharmed()

	g = beside(t, shell("exec yes garbage"))
	eventually(t, "it is given up, and tried again", func() bool {
		g.unharmed()
		return g.ofSick("starts_total") >= 3
	})
	if got := g.ofSick("up"); got != 0 {
		t.Errorf("got up %v, want 0", got)
	}
}

// TestUpstreamChildSpeaksOnStderr: what it says there comes into the log under its name, in lines,
// and no flood of it does.
func TestUpstreamChildSpeaksOnStderr(t *testing.T) {
	g := beside(t, func(o *gateway.Options) {
		shell(`echo 'cannot find my key' >&2; yes flood | head -n 10000 >&2; exec ` +
			everything(t) + ` -stdio`)(o)
		o.StderrLines = 5
	})
	g.has("sick__test_simple_text", true)
	want := `msg="upstream says" upstream=sick text="cannot find my key"`
	eventually(t, "the log has the line", func() bool {
		return strings.Contains(g.log.String(), want)
	})
	eventually(t, "the rest is counted", func() bool {
		return g.ofSick("stderr_lines_dropped_total") > 1000
	})
	if n := strings.Count(g.log.String(), "text=flood"); n > 1000 {
		t.Errorf("the log has %d lines of the flood", n)
	}
	g.unharmed()
}

// TestUpstreamAnswerIsHuge: an answer above the limit fails its own call alone.
func TestUpstreamAnswerIsHuge(t *testing.T) {
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		if m.Method == "tools/call" && strings.Contains(string(m.Params), "huge") {
			return `{"content":[{"type":"text","text":"` + strings.Repeat("x", 5<<20) + `"}]}`
		}
		return well(c, m)
	})
	g := beside(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + fake.addr, Era: client.Legacy}
	})
	g.has("sick__echo", true)
	for range 3 {
		got := g.text(g.post(modernCall("1", "sick__echo", `{"huge":1}`)))
		if code(got) != -31002 || !strings.Contains(got, "too large") {
			t.Errorf("got %.200s, want that it is too large", got)
		}
		got = g.text(g.post(modernCall("2", "sick__echo", `{"small":1}`)))
		if !strings.Contains(got, `{"small":1}`) {
			t.Errorf("got %.200s after a huge answer", got)
		}
		g.unharmed()
	}
	if got := g.ofSick("starts_total"); got != 1 {
		t.Errorf("it was connected %v times, want once", got)
	}
}

// TestUpstreamAsksForInput: a tool that asks for input fails, as nobody here can give any yet.
func TestUpstreamAsksForInput(t *testing.T) {
	fake := startFake(t, func(c *fakeConn, m *fakeMessage) string {
		if m.Method == "tools/call" {
			return `{"resultType":"input_required","inputRequests":{}}`
		}
		return well(c, m)
	})
	g := beside(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "tcp://" + fake.addr, Version: mcp.LatestLegacy.String()}
	})
	g.has("sick__echo", true)
	got := g.text(g.post(modernCall("1", "sick__echo", "{}")))
	if code(got) != -31002 || !strings.Contains(got, "input") {
		t.Errorf("got %s, want that nobody here can give input", got)
	}
}
