package history

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// siege is visitors of both eras at every door of a gateway, and what is done to its connections
// and to what stands behind it meanwhile.
type siege struct {
	*gate
	log      *Log
	seed     uint64
	cutters  []*cutter
	visitors []*visitor

	mu   sync.Mutex     // guards done
	done map[string]int // what was done, how often
}

// Visitors of both eras work at every door of a gateway, while their connections and those to the
// servers behind it are cut, these servers are killed, and the configuration changes. What they saw
// and what the servers ran must keep N1, N2, N3, N5 and N8.
func TestNothingIsLostThroughTheGateway(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-args -seed %d makes the same random choices, if not the same races", seed)
	s := &siege{log: &Log{}, seed: seed, done: map[string]int{}}
	s.gate = startGate(t, upstreams(), func(u *upstream, network, addr string) string {
		if u.calm || strings.HasPrefix(u.name, "fall") {
			return addr
		}
		s.cutters = append(s.cutters, startCutter(t, network, addr, 8000, 7, seed+s.next()))
		if network == "unix" {
			return s.cutters[len(s.cutters)-1].alsoUnix(t)
		}
		return s.cutters[len(s.cutters)-1].addr
	})
	before, descriptors := s.values(), s.descriptors()
	s.invite()
	s.besiege()
	end := s.idle(before)
	s.verdict(end)
	s.remains(before, end, descriptors)
}

func (s *siege) next() uint64 { return uint64(len(s.cutters)) }

// invite makes the visitors: for each door two of each era, of which one has a cutter before it.
func (s *siege) invite() {
	line := func(
		dial func(_, _ string) (link, error), network, addr string,
	) func() (channel, error) {
		return func() (channel, error) {
			l, err := dial(network, addr)
			if err != nil {
				return nil, err
			}
			return lineChannel{l}, nil
		}
	}
	targets := make([]*target, 0, len(s.behinds))
	for _, u := range s.behinds {
		targets = append(targets, &u.target)
	}
	cut := map[string]string{}
	for network, addr := range map[string]string{"tcp": s.tcp, "unix": s.unix, "http": s.http} {
		of := "tcp"
		if network == "unix" {
			of = network
		}
		c := startCutter(s.t, of, addr, 3000, 6, s.seed+100+uint64(len(cut)))
		s.cutters = append(s.cutters, c)
		cut[network] = c.addr
	}
	for i := range 4 * visitorsEach {
		for _, door := range []string{"tcp", "unix", "ws", "sse", "http"} {
			v := &visitor{
				modern: i%2 == 0, calm: i%4 < 2, log: s.log, targets: targets,
				version: []string{"2025-06-18", "2025-11-25", "2025-03-26"}[i/4%3],
				number:  (len(s.visitors) + 1) * 1_000_000,
				random:  rand.New(rand.NewPCG(s.seed, uint64(len(s.visitors)))),
			}
			v.name = fmt.Sprintf("%s-%d", door, len(s.visitors))
			s.visitors = append(s.visitors, v)
			network, addr, web := "tcp", s.http, s.http
			switch {
			case !v.calm && (door == "tcp" || door == "unix"):
				addr = cut[door]
			case !v.calm:
				addr, web = cut["http"], cut["http"]
			case door == "tcp":
				addr = s.tcp
			case door == "unix":
				network, addr = "unix", s.unix
			}
			switch door {
			case "ws":
				v.dial = line(dialWS, network, addr)
			case "sse":
				v.version, v.dial = "2024-11-05", line(dialSSE, network, addr)
			case "http":
				v.web, v.dial = true, func() (channel, error) { return v.dialWeb(web) }
			default:
				v.dial = line(dialLine, network, addr)
			}
		}
	}
}

// besiege lets the visitors work until they have done all, and does its worst meanwhile.
func (s *siege) besiege() {
	stop := make(chan struct{})
	var worst, work sync.WaitGroup
	for i, one := range []struct {
		every time.Duration
		do    func(*rand.Rand) error
	}{
		{100 * time.Millisecond, s.killChild},
		{250 * time.Millisecond, s.restart},
		{300 * time.Millisecond, func(*rand.Rand) error {
			s.did("reloads")
			return s.reload()
		}},
	} {
		random := rand.New(rand.NewPCG(s.seed, 1000+uint64(i)))
		worst.Go(func() {
			tick := time.NewTicker(one.every)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
				if err := one.do(random); err != nil {
					s.t.Error(err)
					return
				}
			}
		})
	}
	for _, v := range s.visitors {
		work.Go(func() {
			if err := v.talk(visits); err != nil {
				s.t.Error(err)
			}
		})
	}
	work.Wait()
	close(stop)
	worst.Wait()
}

func (s *siege) did(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[what]++
}

// killChild kills a process that the gateway has started.
func (s *siege) killChild(random *rand.Rand) error {
	pids := s.children([]string{"kid", "kids", "mine"}[random.IntN(3)])
	if len(pids) == 0 {
		return nil // it is about to be started again
	}
	err := syscall.Kill(pids[random.IntN(len(pids))], syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	s.did("children killed")
	return err
}

// restart kills a server and starts it again at the same address.
func (s *siege) restart(random *rand.Rand) error {
	name := []string{"fall", "fallen"}[random.IntN(2)]
	for _, u := range s.behinds {
		if u.name == name {
			u.kill()
			u.launch(s.gate, u.doors[0], u.addr)
			s.did("servers restarted")
		}
	}
	return nil
}

// idle waits until the gateway has let go of everything.
func (s *siege) idle(before map[string]float64) map[string]float64 {
	now := map[string]float64{}
	s.eventually("nothing is in flight or held, and no connection is left", func() bool {
		http.DefaultClient.CloseIdleConnections()
		now = s.values()
		left := now["mcploop_calls_in_flight"] + now["mcploop_streams"]
		for _, u := range s.behinds {
			for _, gauge := range []string{"in_flight", "held", "leaving", "following"} {
				left += Counters(now).of(u.name, gauge)
			}
		}
		return left == 0 && now["mcploop_connections"] <= before["mcploop_connections"]+1
	})
	return now
}

func (s *siege) verdict(end map[string]float64) {
	for _, e := range s.recorded() {
		s.log.Add(e)
	}
	events := s.log.Events()
	found := append(Check(events), Balance(events, end)...)
	for i, v := range found {
		if i < 30 {
			s.t.Error(v)
		}
	}
	counts := map[Kind]int{}
	for _, e := range events {
		counts[e.Kind]++
	}
	s.t.Logf("%d violations; %d requests, %d results, %d failures, %d runs, %d progress, "+
		"%d questions, %d cancelled, %d changes told, %d cuts seen", len(found), counts[Sent],
		counts[Answer], counts[Failed], counts[Ran], counts[Note], counts[Asked], counts[GaveUp],
		counts[Told], counts[Cut])
	for _, kind := range []Kind{Answer, Failed, Ran, Note, Asked, GaveUp, Told, Cut} {
		if counts[kind] == 0 {
			s.t.Errorf("kind %d of events has not happened: the run shows nothing of it", kind)
		}
	}
	cuts := int64(0)
	for _, c := range s.cutters {
		cuts += c.cuts.Load()
	}
	all := map[string]int{}
	for _, v := range s.visitors {
		for what, n := range v.counted {
			all[what] += n
		}
	}
	s.t.Logf("%d cuts, %v; visitors saw %v", cuts, s.done, all)
}

// remains checks that nothing is left of what was, and that what was not touched went on.
func (s *siege) remains(before, end map[string]float64, descriptors int) {
	t := s.t
	for _, u := range s.behinds {
		starts := Counters(end).of(u.name, "starts_total")
		if u.name == "keep" && starts != 1 {
			t.Errorf("keep was started %v times, though nobody touched it", starts)
		}
	}
	s.eventually("no zombie and no process more than the configuration has", func() bool {
		return len(s.children("")) <= 7+int(Counters(s.values()).of("mine", "client_instances"))
	})
	workers := float64(64 * runtime.GOMAXPROCS(0))
	if n := end["go_goroutines"]; n > before["go_goroutines"]+workers+100 {
		t.Errorf("%v goroutines; before the run %v", n, before["go_goroutines"])
	}
	t.Logf("%d descriptors, %d before", s.descriptors(), descriptors)
}
