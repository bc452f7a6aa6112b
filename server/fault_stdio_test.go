package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// counting is a call that takes a while and reports its progress.
func counting(id string, n int) string {
	call := modernCall(id, "count", fmt.Sprintf(`{"n":%d}`, n))
	return strings.Replace(call, `"_meta":{`, `"_meta":{"progressToken":"p",`, 1)
}

// rest reads to the end of the child's output; every line must be a JSON-RPC message. It returns
// the answers by id.
func (c *child) rest() map[string]string {
	c.t.Helper()
	_ = c.out.SetReadDeadline(time.Now().Add(patience))
	all, err := io.ReadAll(c.r)
	if err != nil {
		c.t.Fatalf("standard output does not end: %v", err)
	}
	answers := map[string]string{}
	for line := range strings.Lines(string(all)) {
		if id := c.checkMessage(line); id != "" {
			answers[id] = line
		}
	}
	return answers
}

// checkMessage checks that a line is a JSON-RPC message and returns its id.
func (c *child) checkMessage(line string) string {
	c.t.Helper()
	var m struct{ JSONRPC string }
	err := json.Unmarshal([]byte(line), &m)
	if err != nil || m.JSONRPC != "2.0" || !strings.HasSuffix(line, "\n") {
		c.t.Errorf("standard output has %q", line)
	}
	return replyID(line)
}

// The end of standard input: calls in flight are finished and answered, then the process exits
// with 0.
func TestFaultStdioEndOfInput(t *testing.T) {
	c := startEverything(t)
	c.line(counting("1", 20))
	c.line(modernCall("2", "greet", `{"name":"you"}`))
	c.line(counting("3", 10))
	c.in.Close()
	answers := c.rest()
	for _, id := range []string{"1", "2", "3"} {
		if got, ok := answers[id]; !ok || code(got) != 0 {
			t.Errorf("call %s was answered %q", id, got)
		}
	}
	c.waitExit(false)
}

// SIGTERM while calls are in flight: they are finished, then the process exits with 0, though
// its standard input is still open.
func TestFaultStdioSIGTERM(t *testing.T) {
	c := startEverything(t)
	c.line(counting("1", 20))
	if got := c.read(); !strings.Contains(got, "notifications/progress") {
		t.Fatalf("got %s", got)
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := c.rest()["1"]; !strings.Contains(got, "counted to 20") {
		t.Errorf("the call in flight was answered %q", got)
	}
	c.waitExit(false)
}

// Whatever tools do, standard output has nothing but messages: panics, logs and prints go to
// standard error.
func TestFaultStdioOutputIsOnlyMessages(t *testing.T) {
	c := startSelf(t, "noisy")
	tools := []string{
		"print", "crash", "crash_inline", "crash_async", "exit", "torn", "half", "echo",
	}
	for i, tool := range tools {
		c.line(modernCall(fmt.Sprint(i), tool, `{}`))
	}
	c.line("no JSON\x00\xff")
	c.line(modernCall(`"é"`, "echo", `{"message":"\u2028 \n \r \u0000"}`))
	c.in.Close()
	answers := c.rest()
	if len(answers) != len(tools)+2 {
		t.Errorf("%d answers: %q; want %d", len(answers), answers, len(tools)+2)
	}
	c.waitExit(false)
	for _, want := range []string{
		"boom", "to the standard logger", "to the structured logger", "to the runtime",
		"DEBUG to standard output",
	} {
		if !strings.Contains(c.stderr.String(), want) {
			t.Errorf("standard error lacks %q", want)
		}
	}
}

// When nobody reads standard output any more the process exits, also while a call is running.
func TestFaultStdioEPIPEOnStdout(t *testing.T) {
	for _, running := range []bool{false, true} {
		c := startEverything(t)
		c.ask(modernCall("1", "greet", `{"name":"you"}`))
		c.out.Close()
		if running {
			c.line(counting("2", 1000))
		}
		c.line(modernCall("3", "greet", `{"name":"you"}`))
		c.waitExit(true)
	}
}

// Standard input byte by byte gives the same answers.
func TestFaultStdioOneByteAtATime(t *testing.T) {
	c := startEverything(t)
	want := c.ask(modernCall("1", "greet", `{"name":"é 漢"}`))
	for range 10 {
		for _, b := range []byte(modernCall("1", "greet", `{"name":"é 漢"}`) + "\n") {
			if _, err := c.in.Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		if got := c.read(); got != want {
			t.Errorf("got %s; want %s", got, want)
		}
	}
	c.in.Close()
	c.waitExit(false)
}

// A parent that writes and does not read is held, not buffered without end; when it reads, all
// its answers are there, in order.
func TestFaultStdioParentDoesNotRead(t *testing.T) {
	c := startEverything(t)
	const calls = 6000
	name := strings.Repeat("n", 500)
	var written atomic.Int64
	go func() {
		for i := range calls {
			call := modernCall(fmt.Sprint(i), "greet", `{"name":"`+name+`"}`)
			if _, err := c.in.WriteString(call + "\n"); err != nil {
				return
			}
			written.Add(1)
		}
	}()
	waitStalled(t, &written)
	if n := written.Load(); n == calls {
		t.Error("all calls were taken from a parent that reads nothing")
	}
	if kb := residentKB(t, c.cmd.Process.Pid); kb > 200<<10 {
		t.Errorf("the child takes %d KB", kb)
	}
	for i := range calls {
		if got := c.read(); replyID(got) != fmt.Sprint(i) {
			t.Fatalf("answer %d is %.100s", i, got)
		}
	}
	c.in.Close()
	c.waitExit(false)
}

// waitStalled waits until a counter has stood still for a while.
func waitStalled(t *testing.T, counter *atomic.Int64) {
	t.Helper()
	const still = 40
	deadline, last, same := time.Now().Add(patience), int64(-1), 0
	for same < still {
		if now := counter.Load(); now == last && now > 0 {
			same++
		} else {
			last, same = now, 0
		}
		if time.Now().After(deadline) {
			t.Fatal("the counter never stands still")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func residentKB(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	var total, resident int
	if _, err := fmt.Sscan(string(text), &total, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize() >> 10
}

// A process that is stopped and continued goes on where it was.
func TestFaultStdioSIGSTOPAndSIGCONT(t *testing.T) {
	c := startEverything(t)
	c.line(counting("1", 20))
	c.read()
	for _, sig := range []os.Signal{syscall.SIGSTOP, nil, syscall.SIGCONT} {
		if sig == nil {
			c.line(modernCall("2", "greet", `{"name":"you"}`))
			continue
		}
		if err := c.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	c.in.Close()
	answers := c.rest()
	counted := strings.Contains(answers["1"], "counted to 20")
	if !counted || !strings.Contains(answers["2"], "Hello") {
		t.Errorf("the answers are %q", answers)
	}
	c.waitExit(false)
}
