package server_test

import (
	"bufio"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/client/process"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// notUTF8 are what a child puts into the answers to its first calls: no such byte at all, half a
// surrogate pair, a character in more bytes than it needs, one that is cut, one beyond Unicode.
var notUTF8 = []string{"\xff", "\xed\xa0\x80", "\xc0\xaf", "\xe2\x82", "\xf4\x90\x80\x80"}

// asksWhatNobodyCan are the requests of a child for which a client needs a capability.
var asksWhatNobodyCan = map[string]string{
	"sampling/createMessage": `{"messages":[{"role":"user","content":{"type":"text",` +
		`"text":"hi"}}],"maxTokens":1}`,
	"elicitation/create": `{"message":"Name?","requestedSchema":{"type":"object",` +
		`"properties":{"name":{"type":"string"}}}}`,
	"roots/list": `{}`,
}

// shouted is how many bytes this child has written to its standard error.
var shouted atomic.Int64

// misanswerMore answers the nth call in these further ways; false: how is none of them.
func misanswerMore(how string, n int, id string, in *bufio.Scanner) bool {
	switch how {
	case "no utf-8":
		if n > len(notUTF8) {
			return false
		}
		answer(id, `{"content":[{"type":"text","text":"a`+notUTF8[n-1]+`b"}]}`)
	case "asks what nobody can":
		heard := ""
		for method, params := range asksWhatNobodyCan {
			fmt.Printf(`{"jsonrpc":"2.0","id":%q,"method":%q,"params":%s}`+"\n", method, method,
				params)
		}
		for n := 0; n < len(asksWhatNobodyCan) && in.Scan(); {
			if strings.Contains(in.Text(), `"id":"`) {
				n++
				heard += in.Text()
			}
		}
		answerText(id, heard)
	case "shouts on":
		if n == 1 {
			go shoutOn()
		}
		answerText(id, fmt.Sprintf("shouted %d.", shouted.Load()))
	default:
		return false
	}
	return true
}

func shoutOn() {
	lines := []byte(strings.Repeat(strings.Repeat("z", 99)+"\n", 100))
	for {
		n, _ := os.Stderr.Write(lines)
		shouted.Add(int64(n))
	}
}

// TestUpstreamChildDiesUntilNobodyAsks: a child that dies in every call is started again five
// times; then no call comes to it, and it lives.
func TestUpstreamChildDiesUntilNobodyAsks(t *testing.T) {
	g := beside(t, func(o *gateway.Options) {
		misbehaving("dies")(o)
		o.BreakerFailures, o.BreakerOpenFor = 5, time.Hour
	})
	g.has("sick__echo", true)
	isBack := func(starts float64) {
		eventually(t, fmt.Sprint("start ", starts), func() bool {
			return g.ofSick("starts_total") == starts && g.ofSick("up") == 1
		})
	}
	for n := range 5 {
		isBack(float64(n + 1))
		if got := g.callSick(); code(got) != -31002 || !strings.Contains(got, "exit status 41") {
			t.Fatalf("call %d got %s, want -31002 and how the child ended", n, got)
		}
	}
	isBack(6)
	for range 20 {
		if got := g.callSick(); code(got) != -31002 || !strings.Contains(got, `"state":"open"`) {
			t.Fatalf("got %s, want that the breaker is open", got)
		}
	}
	g.unharmed()
	if starts, up := g.ofSick("starts_total"), g.ofSick("up"); starts != 6 || up != 1 {
		t.Errorf("it was started %v times and is up: %v; want 6, and 1", starts, up)
	}
}

// TestUpstreamChildInheritsNothing: a child of a server with open doors, connections and a keeper
// has three descriptors, and of the environment what it needs.
func TestUpstreamChildInheritsNothing(t *testing.T) {
	const secret = "canary-of-the-environment"
	t.Setenv("MCPLOOP_TEST_SECRET", secret)
	t.Setenv("LC_TEST", "passes")
	loose, err := unix.Open("/dev/null", unix.O_RDONLY, 0) // somebody here forgot O_CLOEXEC
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(loose) }()
	dir := t.TempDir()
	g := withKeeper(t, func(o *gateway.Options) {
		shell("cd " + dir + `; ls /proc/self/fd >fds; tr '\0' '\n' </proc/$$/environ >env; exec ` +
			everything(t) + " -stdio")(o)
	})
	g.has("sick__test_simple_text", true)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got := strings.Fields(read("fds")); strings.Join(got, " ") != "0 1 2 3" { // 3: ls's own
		t.Errorf("the child has descriptors %v, want 0 1 2", got)
	}
	env := read("env")
	if strings.Contains(env, secret) {
		t.Errorf("the child knows the secret:\n%s", env)
	}
	want := append(client.PlainEnv(), "MCPLOOP_CHILD=")
	for _, entry := range strings.Split(strings.TrimSpace(env), "\n") {
		name, _, _ := strings.Cut(entry, "=")
		if !slices.ContainsFunc(want, func(w string) bool {
			return strings.HasPrefix(w, name+"=")
		}) {
			t.Errorf("the child has %s", entry)
		}
	}
	for _, name := range []string{"\nPATH=", "\nLC_TEST=passes", "\nMCPLOOP_CHILD="} {
		if !strings.Contains("\n"+env, name) {
			t.Errorf("the child has no %q:\n%s", name[1:], env)
		}
	}
}

// withKeeper is a gateway to sick alone whose children are kept.
func withKeeper(t *testing.T, sick func(*gateway.Options)) *running {
	t.Helper()
	log := &syncBuffer{}
	k := process.NewKeeper([]string{"/usr/bin/env", childVariable + "=keeper", os.Args[0]},
		slog.New(slog.NewTextHandler(log, nil)))
	t.Cleanup(func() {
		k.Close()
		// The next tests' orphans are not this process's, as nobody here waits for them any more.
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); err != nil {
			t.Error(err)
		}
	})
	g := start(t, func(o *server.Options) { o.Keeper = k }, func(s *server.Server) {
		opt := gateway.Options{Name: "sick"}
		sick(&opt)
		if err := s.AddUpstream(opt); err != nil {
			t.Fatal(err)
		}
	})
	g.logs("upstream is ready")
	if said := log.String(); said != "" {
		t.Errorf("there is no keeper:\n%s", said)
	}
	return g
}

// TestUpstreamChildBreaksUTF8: an answer that is no UTF-8 fails its call alone, at once; none of
// its bytes reaches a client.
func TestUpstreamChildBreaksUTF8(t *testing.T) {
	g := beside(t, misbehaving("no utf-8"))
	g.has("sick__echo", true)
	c := g.dialTCP()
	for n := range notUTF8 {
		got := c.ask(modernCall(fmt.Sprint(n), "sick__echo", "{}"))
		if code(got) != -31002 || replyID(got) != fmt.Sprint(n) || !utf8.ValidString(got) {
			t.Errorf("%q got %q, want -31002 in UTF-8", notUTF8[n], got)
		}
	}
	if got := c.ask(modernCall("99", "sick__echo", "{}")); !strings.Contains(got, "fine") ||
		replyID(got) != "99" {
		t.Errorf("the next call got %s", got)
	}
	g.unharmed()
	if n := g.ofSick("starts_total"); n != 1 {
		t.Errorf("it was started %v times, want once", n)
	}
}

// TestUpstreamChildAsksWhatItsClientCannot: sampling, elicitation and roots of a client without
// these capabilities are refused, each once, and the call goes on.
func TestUpstreamChildAsksWhatItsClientCannot(t *testing.T) {
	g := beside(t, misbehaving("asks what nobody can"))
	g.has("sick__echo", true)
	legacy := g.dialTCP()
	legacy.initialize("2025-11-25")
	for client, got := range map[string]string{
		"modern": g.text(g.post(modernCall("1", "sick__echo", "{}"))),
		"legacy": legacy.ask(legacyCall("1", "sick__echo", "{}")),
	} {
		for _, method := range slices.Sorted(maps.Keys(asksWhatNobodyCan)) {
			if n := strings.Count(got, `\"id\":\"`+method+`\"`); n != 1 {
				t.Errorf("%s: %d answers to %s in %s", client, n, method, got)
			}
		}
		if n := strings.Count(got, `\"error\":{\"code\":-`); n != len(asksWhatNobodyCan) {
			t.Errorf("%s: %d requests are refused in %s", client, n, got)
		}
	}
	g.unharmed()
}

// TestUpstreamChildShoutsOn: while a child floods its standard error it and others are called, and
// neither memory nor the log takes what it writes.
func TestUpstreamChildShoutsOn(t *testing.T) {
	const lines = 7
	g := beside(t, func(o *gateway.Options) {
		misbehaving("shouts on")(o)
		o.StderrLines = lines
	})
	g.has("sick__echo", true)
	began := time.Now()
	eventually(t, "it has written much", func() bool {
		g.unharmed()
		got := g.callSick()
		var written int
		_, rest, _ := strings.Cut(got, "shouted ")
		if _, err := fmt.Sscan(strings.TrimSuffix(rest, "."), &written); rest == "" {
			t.Errorf("got %s: %v", got, err)
		}
		var m runtime.MemStats
		if runtime.ReadMemStats(&m); m.HeapInuse > flood {
			t.Fatalf("%d bytes are in use after %d", m.HeapInuse, written)
		}
		return written > 3*flood
	})
	log := g.log.String()
	most := lines * int(time.Since(began)/time.Second+2) // of a slow machine the more
	if n := strings.Count(log, "text=zzz"); n == 0 || n > most {
		t.Errorf("the log has %d lines of the flood, want 1 to %d", n, most)
	}
	if n := g.ofSick("stderr_lines_dropped_total"); n < 2*flood/100 {
		t.Errorf("%v lines were dropped, want more", n)
	}
	if n := g.ofSick("starts_total"); n != 1 {
		t.Errorf("it was started %v times, want once", n)
	}
}
