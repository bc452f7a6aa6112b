package client_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server"
)

// playChild is what the test binary does as a server process.
func playChild(role string) int {
	switch role {
	case "server":
		s, err := server.New(server.Options{Name: "fixture", Version: "1.2.3", Stdio: true})
		if err != nil {
			panic(err)
		}
		if err := newFixture().addTools(s); err != nil {
			panic(err)
		}
		if s.Serve(context.Background()) != nil {
			return 1
		}
		return 0
	case "dies":
		return playScript(func(n int, _ string) { os.Exit(40 + n) })
	case "answers-and-dies":
		return playScript(func(n int, id string) {
			if n == 1 {
				fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":{"answer":42}}`+"\n", id)
				os.Exit(0)
			}
		})
	case "noisy":
		return playScript(func(_ int, id string) {
			fmt.Printf("DEBUG got one\n\x1b[31mred\x1b[0m\n\xff\xfe\n\n{\"half\":\n")
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":{}}`+"\n", id)
		})
	case "babbles":
		return playScript(func(int, string) {
			for {
				if _, err := fmt.Println("DEBUG nothing but this"); err != nil {
					os.Exit(1)
				}
			}
		})
	case "shouts":
		return playScript(func(n int, id string) {
			if _, err := os.Stderr.Write(make([]byte, shoutBytes)); err != nil {
				os.Exit(1)
			}
			fmt.Print(result(id, n))
		})
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		grandchild := exec.Command("sleep", "1000")
		if grandchild.Start() != nil {
			return 1
		}
		code := playScript(func(_ int, id string) {
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":{"pids":[%d,%d]}}`+"\n",
				id, os.Getpid(), grandchild.Process.Pid)
		})
		_ = code
		select {} // stdin has ended; it does not care
	}
	return 2
}

const shoutBytes = 100 << 20

// playScript agrees on the legacy era, then hands every request to play with its number.
func playScript(play func(n int, id string)) int {
	lines := bufio.NewScanner(os.Stdin)
	for n := 0; lines.Scan(); {
		line := lines.Text()
		_, rest, ok := strings.Cut(line, `"id":`)
		if !ok {
			continue // a notification
		}
		id, _, _ := strings.Cut(rest, ",")
		if strings.Contains(line, `"method":"initialize"`) {
			fmt.Printf(initializeAnswer+"\n", id)
			continue
		}
		n++
		play(n, id)
	}
	return 0
}

const initializeAnswer = `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25",` +
	`"capabilities":{"tools":{}},"serverInfo":{"name":"script","version":"0"}}}`

func TestChildDies(t *testing.T) {
	opt := playedBy(t, "dies")
	opt.Era = client.Legacy
	c := connect(t, opt)
	_, err := c.Raw(testContext(t), "any", nil)
	wantError(t, err, client.ErrGone)
	if err == nil || !strings.Contains(err.Error(), "exit status 41") {
		t.Errorf("got %v, want it to name the exit status", err)
	}
	_, err = c.Raw(testContext(t), "any", nil)
	wantError(t, err, client.ErrGone)
}

func TestChildDiesAtStart(t *testing.T) {
	_, err := client.Connect(testContext(t), client.Options{
		Command: []string{"sh", "-c", "exit 7"}, Era: client.Legacy,
	})
	wantError(t, err, client.ErrGone)
	if err == nil || !strings.Contains(err.Error(), "exit status 7") {
		t.Errorf("got %v, want it to name the exit status", err)
	}
	_, err = client.Connect(testContext(t), client.Options{Command: []string{"/no/such/program"}})
	wantError(t, err, os.ErrNotExist)
}

// TestChildLastWords reads the answer that a process wrote just before it ended.
func TestChildLastWords(t *testing.T) {
	opt := playedBy(t, "answers-and-dies")
	opt.Era = client.Legacy
	c := connect(t, opt)
	raw, err := c.Raw(testContext(t), "any", nil)
	if err != nil || string(raw) != `{"answer":42}` {
		t.Errorf("got %s, %v", raw, err)
	}
}

func TestChildNoise(t *testing.T) {
	opt := playedBy(t, "noisy")
	opt.Era, opt.NoiseMax = client.Legacy, 4
	c := connect(t, opt)
	for range 3 {
		if _, err := c.Raw(testContext(t), "any", nil); err != nil {
			t.Errorf("got %v through noise", err)
		}
	}
	if got := c.Stats().Noise; got != 12 {
		t.Errorf("got %d lines of noise, want 12", got)
	}
}

func TestChildBabbles(t *testing.T) {
	opt := playedBy(t, "babbles")
	opt.Era, opt.NoiseMax = client.Legacy, 100
	c := connect(t, opt)
	_, err := c.Raw(testContext(t), "any", nil)
	wantError(t, err, client.ErrAnswer)
}

// TestChildStubborn: end of input and SIGTERM do not end it; SIGKILL ends it and its child.
func TestChildStubborn(t *testing.T) {
	opt := playedBy(t, "stubborn")
	opt.Era, opt.CloseGrace = client.Legacy, 50*time.Millisecond
	c := connect(t, opt)
	raw, err := c.Raw(testContext(t), "any", nil)
	if err != nil {
		t.Fatal(err)
	}
	var own, grandchild int
	if _, err := fmt.Sscanf(string(raw), `{"pids":[%d,%d]}`, &own, &grandchild); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for _, pid := range []int{own, grandchild} {
		waitUntil(t, "the process is gone", func() bool { return !alive(pid) })
	}
}

// alive tells whether pid runs; a zombie that init has not reaped yet does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestChildEnvironment(t *testing.T) {
	t.Setenv("MCPLOOP_TEST_SECRET", "hush")
	var stderr strings.Builder
	c, err := client.Connect(testContext(t), client.Options{
		Command: []string{"sh", "-c", "env >&2; pwd >&2"}, Dir: "/", Stderr: &stderr,
	})
	if err == nil {
		_ = c.Close()
		t.Fatal("got a connection to a shell script")
	}
	if got := stderr.String(); strings.Contains(got, "SECRET") || !strings.Contains(got, "PATH=") ||
		!strings.Contains(got, "\n/\n") {
		t.Errorf("got environment and directory %q", got)
	}
}

// A child inherits standard input, output and error, and nothing else: also not what this process
// has inherited itself, which is open for its children.
func TestChildDescriptors(t *testing.T) {
	inherited, err := syscall.Open(os.DevNull, syscall.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(inherited) }()
	var stderr strings.Builder
	c, err := client.Connect(testContext(t), client.Options{
		Command: []string{"sh", "-c", "exec >&2; ls /proc/$$/fd; exit"},
		Stderr:  &stderr, Era: client.Legacy,
	})
	if err == nil {
		_ = c.Close()
		t.Fatal("got a connection to a shell script")
	}
	if got := strings.Fields(stderr.String()); !slices.Equal(got, []string{"0", "1", "2"}) {
		t.Errorf("the child has descriptors %q", got)
	}
}
