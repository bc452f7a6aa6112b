package history

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

var seedFlag = flag.Uint64("seed", 0, "of operations and cuts; 0 is another one each time")

// everything is the real binary with all its doors open.
type everything struct {
	t               *testing.T
	http, tcp, unix string
	stdio           link
	pid             int
}

// freeAddr is an address that nobody listens on.
func freeAddr(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func startEverything(t *testing.T) *everything {
	dir := t.TempDir()
	binary := filepath.Join(dir, "everything")
	build := exec.Command("go", "build", "-o", binary, "../../examples/everything")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the example: %v\n%s", err, text)
	}
	e := &everything{
		t: t, http: freeAddr(t), tcp: freeAddr(t), unix: filepath.Join(dir, "e.sock"),
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
			t.Errorf("the server ended with %v", err)
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

// Clients of both eras work over every transport while their connections are cut at random; what
// they saw must keep N1, N4, N5 and N8, and the server must be afterwards as it was before.
func TestNothingIsLostWhileConnectionsAreCut(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-args -seed %d makes the same random choices, if not the same races", seed)
	e := startEverything(t)
	http.DefaultClient.CloseIdleConnections()
	before, descriptors := e.values(), e.descriptors()
	log := &Log{}
	cutters := map[string]*cutter{}
	for i, to := range [][2]string{{"tcp", e.tcp}, {"unix", e.unix}, {"tcp", e.http}} {
		cutters[to[1]] = startCutter(t, to[0], to[1], seed+uint64(i))
	}
	ended, peers := e.begin(log, cutters, seed)
	for range peers {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	verdict(t, log)
	for _, c := range cutters {
		if c.cuts.Load() == 0 {
			t.Error("a cutter has not cut anything")
		}
	}
	e.recovered(before, descriptors)
}

// begin starts clients of both eras on every transport, half of them through a cutter. Each tells
// ended when it is done.
func (e *everything) begin(log *Log, cutters map[string]*cutter, seed uint64) (chan error, int) {
	ended := make(chan error)
	peers := 0
	begin := func(p *peer, talk func() error) {
		p.log = log
		p.random = rand.New(rand.NewPCG(seed, uint64(peers)))
		peers++
		go func() { ended <- talk() }()
	}
	links := []struct {
		name, network, addr string
		dial                func(network, addr string) (link, error)
	}{
		{"tcp", "tcp", e.tcp, dialLine},
		{"unix", "unix", e.unix, dialLine},
		{"ws", "tcp", e.http, dialWS},
	}
	for i := range 4 * clientsEach {
		modern, calm := i%2 == 0, i%4 < 2
		name := fmt.Sprintf("%d-modern=%v-calm=%v", i, modern, calm)
		for _, l := range links {
			network, addr := l.network, l.addr
			if !calm {
				network, addr = "tcp", cutters[l.addr].addr
			}
			p := &peer{name: l.name + name, modern: modern, calm: calm}
			begin(p, func() error {
				return p.talk(operations, func() (link, error) { return l.dial(network, addr) })
			})
		}
		addr := e.http
		if !calm {
			addr = cutters[e.http].addr
		}
		w := &web{
			peer: &peer{name: "http" + name, modern: modern, calm: calm},
			url:  "http://" + addr + "/mcp",
		}
		w.chatty = !modern && !calm // so that many of its streams are cut and resumed
		begin(w.peer, func() error { return w.talk(operations) })
	}
	stdio := &peer{name: "stdio", calm: true}
	begin(stdio, func() error { return stdio.session(e.stdio, operations) })
	return ended, peers
}

func verdict(t *testing.T, log *Log) {
	t.Helper()
	events := log.Events()
	for i, v := range Check(events) {
		if i < 20 {
			t.Error(v)
		}
	}
	counts := map[Kind]int{}
	for _, one := range events {
		counts[one.Kind]++
	}
	t.Logf("%d requests, %d answers, %d progress, %d stream events, %d cuts, %d resumptions",
		counts[Sent], counts[Answer], counts[Note], counts[Marked], counts[Cut], counts[Resumed])
	if counts[Cut] == 0 || counts[Resumed] == 0 || counts[Answer] == 0 {
		t.Error("nothing was cut, resumed or answered: the run shows nothing")
	}
}

// recovered waits until the server has let go of everything, and checks that its counts add up.
func (e *everything) recovered(before map[string]float64, descriptors int) {
	e.t.Helper()
	var now map[string]float64
	e.eventually("no call is in flight and no connection is left", func() bool {
		http.DefaultClient.CloseIdleConnections()
		now = e.values()
		return now["mcploop_calls_in_flight"] == 0 &&
			now["mcploop_connections"] <= before["mcploop_connections"]+1
	})
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
	const mib = 1 << 20
	rss := now["process_resident_memory_anon_bytes"]
	if rss > before["process_resident_memory_anon_bytes"]+64*mib {
		e.t.Errorf("%v MiB of memory after the run", rss/mib)
	}
}
