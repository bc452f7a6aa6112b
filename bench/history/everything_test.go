package history

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// everything is the real binary with all its doors open.
type everything struct {
	t               *testing.T
	http, tcp, unix string
	stdio           link
	pid             int
	binary          string
}

// freeAddr is an address that nobody listens on. Its host is one of the 16 million of loopback, as
// a port that is free on 127.0.0.1 is soon taken by a connection of somebody else.
func freeAddr(t *testing.T) string {
	host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func startEverything(t *testing.T) *everything {
	dir := t.TempDir()
	binary := filepath.Join(dir, "everything")
	build := exec.Command("go", "build", "-race="+raceDetector(), "-o", binary,
		"../../examples/everything")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the example: %v\n%s", err, text)
	}
	e := &everything{
		t: t, http: freeAddr(t), tcp: freeAddr(t), unix: filepath.Join(dir, "e.sock"),
		binary: binary,
	}
	ctx, stop := context.WithTimeout(context.Background(), 8*time.Minute)
	cmd := exec.CommandContext(ctx, binary, "-stdio", "-http", e.http, "-tcp", e.tcp,
		"-unix", e.unix)
	var log strings.Builder
	cmd.Stderr = &log
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e.pid = cmd.Process.Pid
	e.stdio = lineLink{in, bufio.NewReader(out)}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = e.stdio.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended with %v:\n%s", err, log.String())
		}
		stop()
		for _, word := range []string{"panic", "DATA RACE"} {
			if strings.Contains(log.String(), word) {
				t.Errorf("the log has a %s:\n%s", word, log.String())
			}
		}
	})
	e.eventually("it listens", func() bool {
		c, err := net.Dial("unix", e.unix)
		if err == nil {
			c.Close()
		}
		resp, failed := http.Get("http://" + e.http + "/readyz")
		if failed == nil {
			resp.Body.Close()
		}
		return err == nil && failed == nil && resp.StatusCode == http.StatusOK
	})
	return e
}

// raceDetector is "true" when the test is built with it; so is the server then.
func raceDetector() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, one := range info.Settings {
			if one.Key == "-race" {
				return one.Value
			}
		}
	}
	return "false"
}

func (e *everything) eventually(what string, is func() bool) {
	e.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(end) {
			e.t.Errorf("waited in vain until %s", what)
			return
		}
	}
}

// values reads /metrics.
func (e *everything) values() map[string]float64 {
	e.t.Helper()
	resp, err := http.Get("http://" + e.http + "/metrics")
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	values := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		var name string
		var value float64
		if n, _ := fmt.Sscan(line, &name, &value); n == 2 {
			values[name] = value
		}
	}
	return values
}

func (e *everything) descriptors() int {
	list, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", e.pid))
	return len(list)
}

// idle waits until the server has let go of everything.
func (e *everything) idle(before map[string]float64) (now map[string]float64) {
	e.t.Helper()
	e.eventually("no call is in flight and no connection is left", func() bool {
		http.DefaultClient.CloseIdleConnections()
		now = e.values()
		return now["mcploop_calls_in_flight"] == 0 && now["mcploop_streams"] == 0 &&
			now["mcploop_connections"] <= before["mcploop_connections"]+1
	})
	return now
}

// recovered checks that the idle server's counts add up, and that it is as it was before.
func (e *everything) recovered(before map[string]float64, descriptors int) {
	e.t.Helper()
	now := e.idle(before)
	accepted := now["mcploop_calls_accepted_total"]
	ended := now["mcploop_calls_completed_total"] + now["mcploop_calls_cancelled_total"]
	if accepted == 0 || accepted != ended {
		e.t.Errorf("%v calls were accepted, %v ended", accepted, ended)
	}
	workers := float64(64 * runtime.GOMAXPROCS(0)) // the default; they begin when needed and stay
	if n := now["go_goroutines"]; n > before["go_goroutines"]+workers+5 {
		e.t.Errorf("%v goroutines; before the run %v", n, before["go_goroutines"])
	}
	e.eventually("the descriptors are given back", func() bool {
		http.DefaultClient.CloseIdleConnections()
		return e.descriptors() <= descriptors+2
	})
	grown, limit := now[anonymous]-before[anonymous], float64(memoryMiB<<20)
	if raceDetector() == "true" {
		limit *= 5 // which keeps as much again and more about each byte
	}
	e.t.Logf("the server has grown by %.1f MiB; %.0f is the limit", grown/(1<<20), limit/(1<<20))
	if grown > limit {
		e.t.Errorf("%v bytes of memory after the run, %v before", now[anonymous], before[anonymous])
	}
}

// anonymous is the server's memory without its binary.
const anonymous = "process_resident_memory_anon_bytes"
