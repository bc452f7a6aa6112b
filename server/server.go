package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/mcploop/mcploop/client/process"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/pool"
	"github.com/mcploop/mcploop/server/seal"
	"github.com/mcploop/mcploop/server/session"
	"github.com/mcploop/mcploop/shard"
)

// Server is one MCP server: its tools, its doors, its sessions. Make it with New.
type Server struct {
	opt        Options
	view             // everything that is offered
	views      views // parts of it that have paths of their own
	completion work  // Options.CompletionHandler

	ring         *seal.Ring // seals requestState
	tasks        tasks
	taskWork     map[mcp.Method]*work // tasks/get and its kin
	foreignTasks work                 // the same for tasks of upstreams

	group     *loop.Group
	states    []*loopState
	workers   *shard.Workers[*Call]
	turns     turns
	sessions  *session.Store
	buffers   *pool.Bytes
	spent     sync.Pool              // of *Call, see takeCall
	deflate   sync.Pool              // of *codec.WSDeflater
	inflaters chan *codec.WSInflater // see inflateLater
	set       *metrics.Set
	logs      *logWriter
	health    health
	trimmer   trimmer
	upstreams upstreams
	interest  interest
	caching   sync.Mutex                  // held by recache
	guardian  atomic.Pointer[originGuard] // of HTTP requests; see Adjust
	adjusted  atomic.Pointer[adjusted]
	drainTime atomic.Int64 // see drainTimeout
	kept      time.Time    // when comments were sent last; the ticker's
	date      atomic.Pointer[[]byte]
	began     time.Time
	clock     atomic.Int64 // ns since began, a second coarse: the sessions' clock

	resultsRefused atomic.Uint64 // results that did not conform to the tool's output schema

	heavy       atomic.Int64  // bytes of the large requests among them: see Call.load
	streams     atomic.Int64  // open subscriptions/listen, GET and HTTP+SSE streams
	away        atomic.Int64  // GET streams that nobody carries
	replayBytes atomic.Int64  // of the events that all sessions' logs keep
	asked       atomic.Uint64 // number of the last request to a legacy client
	panics      atomic.Uint64
	serving     atomic.Bool
	draining    atomic.Bool
	addrs       []Addr
	stop        context.CancelFunc
	ticking     sync.WaitGroup
}

// Addr is where a door listens.
type Addr struct {
	Door string // "http", "tcp", "unix"
	Addr net.Addr
}

// New makes a server that does not listen yet. The error names every fault of the options.
func New(opt Options) (*Server, error) {
	opt.setDefaults()
	if err := opt.validate(); err != nil {
		return nil, err
	}
	logs := newLogQueue(opt.Log.Handler(), opt.LogLines)
	opt.Log = slog.New(logs)
	s := &Server{
		opt: opt, logs: logs.logWriter, buffers: pool.NewBytes(0), set: metrics.NewSet(),
		began: time.Now(),
	}
	s.adjusted.Store(adjustedAs(&opt))
	s.deflate.New = func() any { return &codec.WSDeflater{} }
	s.inflaters = make(chan *codec.WSInflater, (runtime.GOMAXPROCS(0)+1)/2)
	for range cap(s.inflaters) {
		s.inflaters <- &codec.WSInflater{}
	}
	if err := s.makeCatalogues(); err != nil {
		return nil, err
	}
	var err error
	if s.ring, err = seal.New(opt.Input.StateKeys...); err != nil {
		return nil, fmt.Errorf("cannot use Input.StateKeys: %w", err)
	}
	s.sessions, err = session.New(session.Options{
		Max: opt.Sessions.Max, MaxPerPrincipal: opt.Sessions.MaxPerPrincipal,
		IdleTTL: opt.Sessions.IdleTTL, Shards: opt.Sessions.Shards, Now: s.clock.Load,
		OnEnd: func(old *session.Session, _ session.Reason) {
			if p, ok := old.State.(*peer); ok {
				p.calls.cancelAll(ErrDisconnected)
				p.closeGet()
				p.closeLog()
				s.endTasks(p)
				s.leaveUpstreams(p)
			}
			if lc, ok := old.State.(*lineConn); ok {
				s.endSSE(lc)
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("cannot make the session table: %w", err)
	}
	if err := s.makeLoops(); err != nil {
		return nil, err
	}
	s.renewDate(time.Now())
	s.makeCompletion()
	s.makeTasks()
	s.takeAdjustable(&opt)
	s.registerMetrics()
	return s, nil
}

func (s *Server) makeLoops() error {
	o := &s.opt
	group, err := loop.New(loop.Options{
		Loops: o.Loops.Count, ReadBytes: o.Loops.ReadBytes, Backlog: o.Loops.Backlog,
		Pin: o.Loops.Pin, ConnsMax: o.Limits.Connections,
		CarryMax:     o.Limits.MessageBytes + o.Limits.HeadBytes + 64<<10,
		DialCarryMax: upstreamCarryMax,
		OutboxHigh:   o.Limits.OutboxHighBytes, OutboxLow: o.Limits.OutboxLowBytes,
		OutboxMax: o.Limits.OutboxMaxBytes, WriteTimeout: o.Limits.WriteTimeout,
		Log: o.Log, Buffers: s.buffers,
	})
	if err != nil {
		return fmt.Errorf("cannot make the loops: %w", err)
	}
	s.group = group
	for _, l := range group.Loops() {
		ls := &loopState{
			s: s, loop: l,
			scanner: codec.Scanner{DepthMax: o.Limits.Depth, BatchMax: o.Limits.BatchMessages},
		}
		ls.in.ls, ls.audience.interest = ls, &s.interest
		ls.expiry.now = l.Clock
		ls.inline.Bind(nil, &ls.parser)
		s.states = append(s.states, ls)
	}
	s.workers, err = shard.NewWorkers(shard.WorkersOptions{
		Count: o.Queue.Workers, Rings: len(s.states), Slots: o.Queue.Max,
		WarnPercent: o.Queue.WarnPercent, RejectPercent: o.Queue.RejectPercent,
		OnDrop:  func(item any) { item.(*Call).dropped() },
		OnPanic: func(item, _ any, _ []byte) { item.(*Call).escaped() },
	}, s.runTurn)
	if err != nil {
		return fmt.Errorf("cannot make the workers: %w", err)
	}
	s.turns = make(turns, s.workers.Count())
	return nil
}

// ackTimeout: the client of an event stream that has vanished without a word is found within two
// times Options.KeepAlive, one until the next comment and one until it had to be acknowledged. What
// is a second or less, or a minute or more, is no time in which to judge a network.
func ackTimeout(keepAlive time.Duration) time.Duration {
	return min(max(keepAlive, time.Second), time.Minute)
}

// stateOf is the server's share of the connection's loop.
func (s *Server) stateOf(c *loop.Conn) *loopState { return s.states[c.Loop().Index()] }

// Serve listens, serves until ctx ends, and drains. It returns nil after a clean end. When
// Options.Stdio is the only door it also ends with standard input.
func (s *Server) Serve(ctx context.Context) error {
	if err := s.Start(); err != nil {
		return err
	}
	return s.Wait(ctx)
}

// Wait is the second half of Serve, for who calls Start: it waits until ctx ends and drains.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-s.stdioEnded(): // nobody is left who could ask for a task
		s.failTasks()
	}
	drain, cancel := context.WithTimeout(context.Background(), s.drainTimeout())
	defer cancel()
	return s.Drain(drain)
}

// stdioEnded is closed when standard input has ended and everything was written; it is nil,
// which blocks, when there is another door.
func (s *Server) stdioEnded() <-chan struct{} {
	if !s.opt.Stdio || len(s.addrs) > 0 {
		return nil
	}
	return s.group.StdDone()
}

// Start opens every door and returns. An error names the address; nothing listens then.
func (s *Server) Start() error {
	if s.serving.Swap(true) {
		return errors.New("cannot start a server twice")
	}
	go s.logs.write()
	s.group.Start()
	if err := s.openDoors(); err != nil {
		hard, cancel := context.WithCancel(context.Background())
		cancel()
		return errors.Join(err, s.Drain(hard))
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.ticking.Go(func() { s.tick(ctx) })
	s.startUpstreams()
	return nil
}

func (s *Server) openDoors() error {
	o, stdout := &s.opt, os.Stdout
	if o.Stdio { // before any handler runs: what it prints must not mix with messages
		os.Stdout = os.Stderr
	}
	line := &lineDoor{
		s: s, first: o.Limits.FirstTimeout, frameTime: o.Limits.FrameTimeout,
		idle: o.Limits.IdleTimeout,
	}
	web := s.newHTTPDoor()
	for _, addr := range o.HTTP {
		if err := s.listenOn("http", "tcp", addr, web); err != nil {
			return err
		}
	}
	for _, addr := range o.TCP {
		if err := s.listenOn("tcp", "tcp", addr, line); err != nil {
			return err
		}
	}
	for _, path := range o.Unix {
		if err := s.listenOn("unix", "unix", path, line); err != nil {
			return err
		}
	}
	if !o.Stdio {
		return nil
	}
	if _, err := s.group.Std(os.Stdin, stdout, &lineDoor{s: s}); err != nil {
		return fmt.Errorf("cannot serve standard input and output: %w", err)
	}
	return nil
}

func (s *Server) listenOn(door, network, addr string, h loop.Handler) error {
	l, err := s.group.Listen(network, addr, h)
	if err != nil {
		return fmt.Errorf("cannot open the %s door on %q: %w", door, addr, err)
	}
	s.addrs = append(s.addrs, Addr{Door: door, Addr: l.Addr()})
	return nil
}

// Log is the server's log, which never blocks; its lines are written from Start on.
func (s *Server) Log() *slog.Logger { return s.opt.Log }

// Keeper is Options.Keeper, for programs beside those of upstreams.
func (s *Server) Keeper() *process.Keeper { return s.opt.Keeper }

// Addrs are the addresses that the doors listen on, once Start has returned.
func (s *Server) Addrs() []Addr { return s.addrs }

// Drain ends the server: no new connection, no new call; calls in flight are answered and their
// answers written until ctx ends, then everything closes. Tasks go on until ctx is about to end;
// those that are left fail with a reason, and as long as there are some, connections stay open and
// tasks can be asked for. It returns ctx's error when something had to be cut.
func (s *Server) Drain(ctx context.Context) error {
	s.draining.Store(true)
	s.drainTasks(ctx)
	err := s.group.Quiesce(ctx)
	if s.stop != nil {
		s.stop()
		s.ticking.Wait()
	}
	if s.serving.Load() {
		s.closeUpstreams()
	}
	if loopsErr := s.group.Drain(ctx); err == nil {
		err = loopsErr
	}
	if workersErr := s.workers.Close(ctx); err == nil {
		err = workersErr
	}
	for _, ls := range s.states {
		ls.expiry.stop()
	}
	s.sessions.Close()
	s.tasks.settle(ctx)
	if s.serving.Load() {
		s.logs.stop()
	}
	return err
}

// tick does once a second what needs no message: the Date header, the health snapshot, idle
// sessions, keep-alive comments.
func (s *Server) tick(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	swept := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			s.renewDate(now)
			s.clock.Store(int64(now.Sub(s.began)))
			s.health.sample(s, now)
			if now.Sub(swept) >= s.opt.Sessions.Sweep {
				swept = now
				s.sessions.Sweep()
				s.tasks.store.Sweep()
				s.sweepReplay()
			}
			s.spread(&s.view, 0, "")
			s.tasks.lookAgain()
			s.keepAlive(now)
			s.trim(now)
		}
	}
}

// keepAlive sends a comment on every open stream of a listener that is due for one.
func (s *Server) keepAlive(now time.Time) {
	if now.Sub(s.kept) < s.opt.KeepAlive {
		return
	}
	s.kept = now
	for _, ls := range s.states {
		_ = ls.loop.Post(ls.commentAll)
	}
}

func (s *Server) renewDate(now time.Time) {
	date := codec.AppendDate(nil, now)
	s.date.Store(&date)
}

func (s *Server) dateValue() []byte { return *s.date.Load() }
