package server_test

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server/gateway"
)

// upstreamRole is the part of a legacy MCP server on standard input and output with one tool, echo,
// which misbehaves as the rest of the role says.
const upstreamRole = "upstream "

// flood is what a child writes that writes too much, in bytes.
const flood = 100 << 20

// misbehaving is an upstream that this binary plays.
func misbehaving(how string) func(*gateway.Options) {
	return func(o *gateway.Options) {
		o.Client = client.Options{
			Command: []string{os.Args[0]}, Era: client.Legacy, CloseGrace: 50 * time.Millisecond,
			Env: append(client.PlainEnv(), childVariable+"="+upstreamRole+how),
		}
		o.Timeout = time.Hour // who is answered, is so for another reason
		o.BreakerFailures = -1
	}
}

// misbehave answers until its input ends, and a call as how says.
func misbehave(how string) error {
	if how == "stubborn" {
		signal.Ignore(syscall.SIGTERM)
	}
	in := bufio.NewScanner(os.Stdin)
	for n := 0; in.Scan(); {
		line := in.Text()
		_, rest, _ := strings.Cut(line, `"id":`)
		id, _, _ := strings.Cut(rest, ",")
		switch {
		case rest == "":
		case strings.Contains(line, `"method":"initialize"`):
			answer(id, fakeInitialize)
		case strings.Contains(line, `"method":"tools/list"`):
			answer(id, toolsOf(how))
		case strings.Contains(line, `"method":"tools/call"`):
			n++
			misanswer(how, n, id, in)
		default:
			answer(id, "{}")
		}
	}
	if how == "stubborn" {
		<-time.After(10 * patience)
	}
	return nil
}

func answer(id, result string) {
	fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":%s}`+"\n", id, result)
}

// answerText answers a call.
func answerText(id, text string) {
	answer(id, fmt.Sprintf(`{"content":[{"type":"text","text":%q}]}`, text))
}

// moreWays are those that need a machine of their own; nil elsewhere.
var moreWays func(how, id string)

// misanswer answers the nth call.
func misanswer(how string, n int, id string, in *bufio.Scanner) {
	if moreWays != nil {
		moreWays(how, id)
	}
	switch how {
	case "dies", harmlessRole + "dies":
		os.Exit(41)
	case "half":
		fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"te`, id)
		os.Exit(42)
	case "noise":
		fmt.Print("DEBUG a call\n\x1b[31mred\x1b[0m\n\xff\xfe\xc0\xaf\n\n{\"half\":\n[1\n\x00\n")
	case "long line":
		if n == 1 {
			answerText(id, strings.Repeat("x", flood))
			return
		}
		fmt.Print(strings.Repeat("y", flood), "\n")
	case "shouts":
		line := []byte(strings.Repeat("z", 99) + "\n")
		for size := 0; size < flood; size += len(line) {
			_, _ = os.Stderr.Write(line)
		}
	case "strays":
		answerText("1", "never issued")
		answerText(`"`+id+`"`, "of another type")
		answerText(id+"0", "wrong")
		answerText(id, fmt.Sprint("fine ", n))
	case "asks":
		fmt.Println(`{"jsonrpc":"2.0","id":"a","method":"no/such","params":{}}`)
		in.Scan()
		answerText(id, in.Text())
		return
	default:
		if misanswerMore(how, n, id, in) {
			return
		}
	}
	answerText(id, fmt.Sprintf("fine %d of %d", n, os.Getpid()))
}

// callSick calls the tool of the sick upstream.
func (r *running) callSick() string {
	r.t.Helper()
	return r.text(r.post(modernCall("1", "sick__echo", "{}")))
}

// TestUpstreamChildMisbehaves: what a real child does wrong costs the call that it is about, and
// nobody else anything.
func TestUpstreamChildMisbehaves(t *testing.T) {
	f := func(how string, check func(t *testing.T, g *running)) {
		t.Run(how, func(t *testing.T) {
			g := beside(t, misbehaving(how))
			g.has("sick__echo", true)
			check(t, g)
			g.unharmed()
			if log := g.log.String(); strings.Contains(log, "panicked") {
				t.Errorf("the log says:\n%s", log)
			}
		})
	}
	died := func(status int) func(*testing.T, *running) {
		return func(t *testing.T, g *running) {
			got := g.callSick()
			want := fmt.Sprintf("exit status %d", status)
			if code(got) != -31002 || !strings.Contains(got, want) {
				t.Errorf("got %s, want -31002 and %s", got, want)
			}
			eventually(t, "it is started again, and fails again", func() bool {
				got := g.callSick()
				if code(got) != -31002 {
					t.Errorf("got %s", got)
				}
				return g.ofSick("restarts_total") > 0 && strings.Contains(got, want)
			})
			g.has("sick__echo", true) // within the grace
		}
	}
	f("dies", died(41))
	f("half", died(42))
	fine := func(count int) func(*testing.T, *running) {
		return func(t *testing.T, g *running) {
			for range count {
				if got := g.callSick(); !strings.Contains(got, "fine") {
					t.Errorf("got %.300s", got)
				}
			}
			if n := g.ofSick("starts_total"); n != 1 {
				t.Errorf("it was started %v times, want once", n)
			}
		}
	}
	dropping := func(count int, want dropped) func(*testing.T, *running) {
		return func(t *testing.T, g *running) {
			fine(count)(t, g)
			g.hasDropped(want)
		}
	}
	f("noise", dropping(10, dropped{noise: 60}))
	f("strays", dropping(10, dropped{strays: 40}))
	f("shouts", fine(1))
	f("long line", func(t *testing.T, g *running) {
		if got := g.callSick(); code(got) != -31002 || !strings.Contains(got, "too large") {
			t.Errorf("got %.300s, want that the answer is too large", got)
		}
		dropping(2, dropped{tooLarge: 3})(t, g)
		runtime.GC()
		var m runtime.MemStats
		if runtime.ReadMemStats(&m); m.HeapInuse > flood {
			t.Errorf("%d bytes are in use after lines of %d", m.HeapInuse, flood)
		}
	})
	f("asks", func(t *testing.T, g *running) {
		got := g.callSick()
		if !strings.Contains(got, "-32601") || !strings.Contains(got, `\"id\":\"a\"`) {
			t.Errorf("the child heard %s, want its request refused", got)
		}
	})
	f("stubborn", func(_ *testing.T, g *running) { g.drainAndStartAnew() })
}

// drainAndStartAnew ends the server, which ends its children however they resist, and starts it
// again.
func (r *running) drainAndStartAnew() {
	r.t.Helper()
	got := r.callSick()
	_, of, _ := strings.Cut(got, " of ")
	pid, _ := strconv.Atoi(of[:max(0, strings.IndexAny(of, `"\`))])
	if pid == 0 {
		r.t.Fatalf("got %s, want the number of the process", got)
	}
	if err := r.RemoveUpstream("sick"); err != nil {
		r.t.Fatal(err)
	}
	eventually(r.t, "it is killed", func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH })
}

// TestUpstreamChildIsStopped: calls of a child that does not run end by their time, and it goes on
// when it runs again.
func TestUpstreamChildIsStopped(t *testing.T) {
	g := beside(t, func(o *gateway.Options) {
		misbehaving("nothing")(o)
		o.Timeout = 200 * time.Millisecond
	})
	g.has("sick__echo", true)
	_, of, _ := strings.Cut(g.callSick(), " of ")
	pid, err := strconv.Atoi(of[:max(0, strings.IndexAny(of, `"\`))])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if got := g.callSick(); code(got) != -31001 {
		t.Errorf("got %s, want -31001", got)
	}
	g.unharmed()
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it goes on", func() bool { return strings.Contains(g.callSick(), "fine") })
	if n := g.ofSick("starts_total"); n != 1 {
		t.Errorf("it was started %v times, want once", n)
	}
}

// TestUpstreamThousandCrashes: of 1,000 children that crash, in each of the ways in which they can,
// neither a process nor a zombie, a descriptor or a goroutine is left. Under the race detector,
// where a start takes long, they are 100.
func TestUpstreamThousandCrashes(t *testing.T) {
	ways := map[string]struct {
		crashes int
		script  string
	}{
		"start":      {400, "exit 3"},
		"killed":     {200, "kill -9 $$"},
		"call":       {200, "read line; exit 3"},
		"grandchild": {100, "sleep 600 & exit 3"},
		"daemon":     {100, "setsid sleep 600 & exit 3"},
	}
	if underRace() {
		for name, way := range ways {
			way.crashes /= 10
			ways[name] = way
		}
	}
	g := start(t, nil)
	before, goroutines := openFiles(t), runtime.NumGoroutine()
	dir := t.TempDir()
	for name, way := range ways {
		opt := gateway.Options{
			Name: name, BackoffMin: time.Millisecond, BackoffMax: time.Millisecond,
		}
		shell("cd " + dir + "; echo $$ >>" + dir + "/" + name + "; " + way.script)(&opt)
		if err := g.AddUpstream(opt); err != nil {
			t.Fatal(err)
		}
	}
	for name, way := range ways {
		eventually(t, fmt.Sprint(way.crashes, " crashes, ", name), func() bool {
			return g.metric(`mcploop_upstream_starts_total{upstream="`+name+`"}`) >
				float64(way.crashes)
		})
	}
	for name := range ways {
		if err := g.RemoveUpstream(name); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "descriptors are back", func() bool { return openFiles(t) <= before })
	eventually(t, "goroutines are back", func() bool {
		return runtime.NumGoroutine() <= goroutines+goroutineSlack
	})
	for name, way := range ways {
		text, err := os.ReadFile(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		started := strings.Fields(string(text))
		if len(started) < way.crashes {
			t.Errorf("%s: %d processes were started, want %d", name, len(started), way.crashes)
		}
		eventually(t, "nothing of their groups is left", func() bool {
			return len(leftOf(t, started)) == 0
		})
	}
	if left := workingIn(t, dir); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

// workingIn are the processes whose working directory that is, whatever their group is.
func workingIn(t *testing.T, dir string) (found []string) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if at, err := os.Readlink(link); err == nil && at == dir {
			found = append(found, link)
		}
	}
	return found
}
