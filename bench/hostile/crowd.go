package hostile

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcploop/mcploop/bench/load"
)

// Options say how many peers there are and whom they bother.
type Options struct {
	Load  load.Options // whose server, and what a call of it looks like
	Peers int          // 1..19000
	// Every is how often each does something, and how long it stays away when the server has ended
	// its connection; 0 means 1 s.
	Every time.Duration
}

// Deeds is what the peers of one kind did.
type Deeds struct {
	Kind   string `json:"kind"`
	Opened int    `json:"opened"` // connections
	Failed int    `json:"failed"` // that could not be opened
	Ended  int    `json:"ended"`  // by the server
	Held   int    `json:"held"`   // open at the end
}

// Crowd is a number of hostile peers, each on a goroutine of its own.
type Crowd struct {
	opt     Options
	hello   []byte
	call    []byte
	dialing chan struct{} // bounds how many connect at once
	leaving context.Context
	leave   context.CancelFunc
	peers   sync.WaitGroup
	first   sync.WaitGroup // of each peer's first connection, or failure

	mu    sync.Mutex // guards deeds
	deeds []Deeds
}

// peer is one of them.
type peer struct {
	crowd *Crowd
	at    int
	conn  net.Conn
	hello []byte
	call  []byte
}

const dialingMax = 64

// Gather opens the connections and lets the peers do what they do until Leave.
func Gather(opt Options) (*Crowd, error) {
	if opt.Peers < 1 || opt.Peers > load.ConnsMax {
		return nil, fmt.Errorf("cannot gather %d hostile peers: give 1 to %d",
			opt.Peers, load.ConnsMax)
	}
	if opt.Every <= 0 {
		opt.Every = time.Second
	}
	hello, call, err := load.Spell(opt.Load)
	if err != nil {
		return nil, err
	}
	c := &Crowd{
		opt: opt, hello: hello, call: call,
		dialing: make(chan struct{}, dialingMax),
	}
	c.leaving, c.leave = context.WithCancel(context.Background())
	for _, k := range kinds() {
		c.deeds = append(c.deeds, Deeds{Kind: k.name})
	}
	for i := range opt.Peers {
		c.first.Add(1)
		c.peers.Go(func() { c.live(i) })
	}
	c.first.Wait()
	return c, nil
}

// Leave closes every connection and returns what was done.
func (c *Crowd) Leave() []Deeds {
	c.leave()
	c.peers.Wait()
	return c.deeds
}

// live is the life of peer i: it comes back when the server has ended its connection, at most
// once a second.
func (c *Crowd) live(i int) {
	arrived := sync.OnceFunc(c.first.Done)
	defer arrived()
	k := i % len(kinds())
	act := kinds()[k].act
	p := &peer{crowd: c, at: i, hello: c.hello, call: c.call}
	for !p.left() {
		err := p.dial()
		if err != nil {
			c.note(k, func(d *Deeds) { d.Failed++ })
			arrived()
			p.rest()
			continue
		}
		c.note(k, func(d *Deeds) { d.Opened++ })
		if kinds()[k].name == "deaf" {
			narrow(p.conn)
		}
		arrived()
		wake := context.AfterFunc(c.leaving, func() { _ = p.conn.SetDeadline(time.Unix(1, 0)) })
		err = act(p)
		wake()
		p.conn.Close()
		if err == nil || p.left() {
			c.note(k, func(d *Deeds) { d.Held++ })
			return
		}
		c.note(k, func(d *Deeds) { d.Ended++ })
		p.rest()
	}
}

func (c *Crowd) note(k int, what func(*Deeds)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	what(&c.deeds[k])
}

// left reports whether the crowd leaves.
func (p *peer) left() bool {
	return p.crowd.leaving.Err() != nil
}

// rest waits, or until the crowd leaves.
func (p *peer) rest() {
	timer := time.NewTimer(p.crowd.opt.Every)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.crowd.leaving.Done():
	}
}

// perSource keeps connections well within the ports of one source address.
const perSource = 10_000

// dial connects. On loopback the crowd has source addresses of its own, apart from those of good
// clients.
func (p *peer) dial() error {
	p.crowd.dialing <- struct{}{}
	defer func() { <-p.crowd.dialing }()
	addr, network := p.crowd.opt.Load.Addr, "tcp"
	d := net.Dialer{Timeout: 10 * time.Second}
	if strings.Contains(addr, "/") {
		network = "unix"
	} else if host, _, _ := net.SplitHostPort(addr); strings.HasPrefix(host, "127.") {
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 2, byte(1+p.at/perSource))}
		d.Control = lateBind
	}
	conn, err := d.Dial(network, addr)
	p.conn = conn
	return err
}

// lateBind lets the kernel choose the port when it knows the server's, so that ports are not used
// up.
func lateBind(_, _ string, c syscall.RawConn) error {
	var set error
	err := c.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
	if err != nil {
		return err
	}
	return set
}
