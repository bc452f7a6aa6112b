package history

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
)

var seedFlag = flag.Uint64("seed", 0, "of operations and cuts; 0 is another one each time")

// run is clients of both eras on every transport, and what they saw.
type run struct {
	*everything
	t       *testing.T
	log     *Log
	seed    uint64
	cutters map[string]*cutter
	ended   chan error
	peers   []*peer
}

// Clients of both eras work over every transport while their connections are cut at random; what
// they saw must keep N1, N4, N5 and N8, and the server must be afterwards as it was before.
func TestNothingIsLostWhileConnectionsAreCut(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-args -seed %d makes the same random choices, if not the same races", seed)
	r := &run{
		everything: startEverything(t), t: t, log: &Log{}, seed: seed,
		cutters: map[string]*cutter{}, ended: make(chan error),
	}
	http.DefaultClient.CloseIdleConnections()
	before, descriptors := r.values(), r.descriptors()
	// Over HTTP a request has some 700 bytes, else 300: few connections end within the first one.
	r.cutters[r.tcp] = startCutter(t, "tcp", r.tcp, 300, 8, seed)
	r.cutters[r.unix] = startCutter(t, "unix", r.unix, 300, 8, seed+1)
	r.cutters[r.http] = startCutter(t, "tcp", r.http, 700, 8, seed+2)
	// Streams that belong to no request carry little.
	r.cutters[Push] = startCutter(t, "tcp", r.http, 400, 3, seed+3)
	r.beginAll()
	for range r.peers {
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
	}
	r.idle(before)
	r.audit()
	r.verdict()
	for _, c := range r.cutters {
		if c.cuts.Load() == 0 {
			t.Error("a cutter has not cut anything")
		}
	}
	r.recovered(before, descriptors)
}

// begin starts one client, which tells ended when it is done.
func (r *run) begin(p *peer, talk func() error) {
	p.log = r.log
	p.random = rand.New(rand.NewPCG(r.seed, uint64(len(r.peers))))
	r.peers = append(r.peers, p)
	go func() { r.ended <- talk() }()
}

// groupOf is what a client's outcomes are counted under.
func groupOf(p *peer, door string) string {
	switch {
	case p.calm:
		return "uncut"
	case door != "http":
		return door
	case p.modern:
		return door + ".2026-07-28"
	}
	return door + "." + p.version
}

// legacyVersions have Streamable HTTP and its event ids. The first one primes its streams.
var legacyVersions = []string{"2025-11-25", "2025-03-26", "2025-06-18"}

// beginAll starts clients of both eras on every transport, half of them through a cutter.
func (r *run) beginAll() {
	links := []struct {
		door, network, addr string
		dial                func(network, addr string) (link, error)
	}{
		{"tcp", "tcp", r.tcp, dialLine},
		{"unix", "unix", r.unix, dialLine},
		{"ws", "tcp", r.http, dialWS},
		{"sse", "tcp", r.http, dialSSE},
	}
	for i := range 4 * clientsEach {
		calm := i%4 < 2
		is := func(door string) *peer {
			p := &peer{
				modern: i%2 == 0, calm: calm, logs: i%8 > 1, version: legacyVersions[i/4%3],
			}
			if door == "sse" {
				p.version = "2024-11-05"
			}
			p.name = groupOf(p, door) + fmt.Sprintf("-%s.%d", door, i)
			return p
		}
		for _, l := range links {
			network, addr, p := l.network, l.addr, is(l.door)
			if !calm {
				network, addr = "tcp", r.cutters[l.addr].addr
			}
			r.begin(p, func() error {
				return p.talk(operations, func() (link, error) { return l.dial(network, addr) })
			})
		}
		w := &web{peer: is("http"), addr: r.http, earAddr: r.http}
		if !calm {
			w.addr, w.earAddr = r.cutters[r.http].addr, r.cutters[Push].addr
		}
		w.chatty = !w.modern && !calm // so that many of its streams are cut and resumed
		r.begin(w.peer, func() error { return w.talk(operations) })
	}
	stdio := &peer{name: "uncut-stdio", calm: true, mixed: true, logs: true, version: "2025-11-25"}
	r.begin(stdio, func() error { return stdio.session(r.stdio, operations) })
	children(r.begin, r.binary)
}

// audit reads every list once more on a connection that nobody cuts, after the last call has
// ended: what was acknowledged is there once, what was not is there once or not at all.
func (r *run) audit() {
	r.t.Helper()
	l, err := dialLine("tcp", r.tcp)
	if err != nil {
		r.t.Fatal(err)
	}
	defer l.Close()
	for _, p := range r.peers {
		if p.name == "" {
			continue // children, whose lists have gone with them
		}
		reader := &peer{
			name: p.name, modern: true, calm: true, log: r.log, conn: -2, sent: p.sent,
			waiting: map[string]bool{},
		}
		request, e := reader.call(Read, 0)
		if err := reader.ask(l, request, e); err != nil {
			r.t.Fatal(err)
		}
		if err := reader.hear(l, func() bool { return len(reader.waiting) == 0 }); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *run) verdict() {
	r.t.Helper()
	events := r.log.Events()
	for i, v := range Check(events) {
		if i < 20 {
			r.t.Error(v)
		}
	}
	counts, pushed := map[Kind]int{}, map[Kind]int{}
	for _, one := range events {
		counts[one.Kind]++
		if one.ID == Push {
			pushed[one.Kind]++
		}
	}
	r.t.Logf("%d requests, %d answers, %d progress, %d log messages, %d changes told, "+
		"%d stream events, %d cuts, %d resumptions", counts[Sent], counts[Answer], counts[Note],
		counts[Logged], counts[Told], counts[Marked], counts[Cut], counts[Resumed])
	r.t.Logf("streams that no request asked for: %d events with ids, %d cuts, %d resumptions",
		pushed[Marked], pushed[Cut], pushed[Resumed])
	for _, share := range Shares(events) {
		r.t.Log(share)
	}
	for kind := Sent; kind <= Deaf; kind++ {
		if counts[kind] == 0 && kind != Failed {
			r.t.Errorf("kind %d of events has not happened: the run shows nothing of it", kind)
		}
	}
	if pushed[Marked] == 0 || pushed[Cut] == 0 || pushed[Resumed] == 0 {
		r.t.Error("no stream without a request was cut and resumed: the run shows nothing of it")
	}
}
