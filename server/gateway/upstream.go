package gateway

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/pool"
)

// Upstream is one MCP server behind this one. Its methods are safe for concurrent use.
type Upstream struct {
	opt  Options
	host Host

	shared  []*instance                   // those of all clients; never changes
	tenants tenants                       // those of single clients
	live    atomic.Pointer[client.Client] // of the one that leads; nil while none does
	feed    atomic.Pointer[feed]          // of the last one that led; nil before it
	count   counters
	caching atomic.Pointer[[mcp.KindCount]Caching] // of its lists; nil before they came
	parked  parking                                // of shared
	stderr  *stderrRate                            // nil when the options say where it goes
	held    holding
	pages   pages
	said    atomic.Uint32 // kinds of which it says that they have changed, until it was asked
	guard   *guard
	tasks   *usage // of requests about tasks
	hidden  *usage // of resources that it does not list
	known   identities
	keys    *keys                        // nil: it has no tokens
	borne   map[string]map[string]string // headers by principals, of a Provider; immutable
	running chan struct{}                // holds an element for each call that a Provider runs

	life context.Context // from Start to Close
	stop context.CancelFunc
	all  sync.WaitGroup // instances that run
	heed chan struct{}  // has one element when clients listen to something else

	mu      sync.Mutex         // guards the rest
	lead    *instance          // of shared: asks for the lists, and is told of changes
	state   State              // of the best of shared
	reason  error              // of the last failure; nil when one of them is ready
	retry   time.Time          // when the next attempt begins, in StateWaiting
	offered map[itemKey]*Item  // by the names that clients see
	refused map[itemKey]string // why items are left out, as was logged
	past    history            // see Explain
	grace   *time.Timer        // withdraws all of them; nil while the upstream is there
}

// State is what an upstream is doing.
type State uint8

// The states of an upstream.
const (
	StateStarting State = iota // connecting, or asking for its tools
	StateReady
	StateLost    // its connection has ended and is cleared away
	StateWaiting // until the next attempt
	StateLogin   // until somebody has logged in
	StateClosed
)

// String returns the state's name in errors and metrics.
func (s State) String() string {
	return [...]string{
		"starting", "ready", "lost", "waiting", "login required", "closed",
	}[s]
}

type counters struct {
	calls, failed, cancelled, starts, changes, repeated, unlogged atomic.Uint64
	updates, logs, asks, asksRefused, strangers, completed        atomic.Uint64
	restarts, ousted                                              atomic.Uint64
	slowed, unsent                                                atomic.Uint64
	unheard                                                       atomic.Int64
	dropped                                                       client.Dropped
}

// Stats are the counters of an upstream since it was made. When nothing is in flight or held,
// Calls + Unsent are Failed + Cancelled + those that the upstream has answered.
type Stats struct {
	Calls     uint64 // carried over to it
	Unsent    uint64 // refused, or given up before: no connection, a breaker, too many of them
	Failed    uint64 // of both: answered by an error of ours
	Cancelled uint64 // of both: given up by their clients
	Starts    uint64 // attempts to connect
	Restarts  uint64 // of these, those in place of an instance that was lost, or failed to start
	Ousted    uint64 // instances of single clients that ended with their session, or were idle
	Changes   uint64 // of its lists
	Repeated  uint64 // sent once more, as a lost session had kept them from being run
	Logs      uint64 // messages that went to the clients whose calls they belong to
	Updates   uint64 // of resources, that it has told of
	Slowed    uint64 // times that it was not read on, as it had said too much
	Unlogged  uint64 // lines of a child's standard error that were too many for the log
	Asks      uint64 // requests for input that were handed on to clients
	// AsksRefused are those of legacy upstreams that no client could be asked.
	AsksRefused uint64
	Completed   uint64 // pages that a user was done with, of which a client was told
	Strangers   uint64 // calls that were refused, as there are no credentials for their clients
	// Strays are answers with an unknown or repeated id, Noise what was no message, TooLarge
	// messages above Client.MessageBytesMax: all were dropped.
	Strays, Noise, TooLarge uint64
	// TokensRenewed is how often another token took a token's place, TokensRefused how many
	// requests were refused for theirs, or for want of one.
	TokensRenewed, TokensRefused uint64

	Instances int // that are connected
	Tenants   int // of these and others, single clients', connected or not
	Held      int // calls that wait for their clients' answers
	Pages     int // that users of legacy clients were sent to, and may not be done with
	InFlight  int // not answered yet
	Heard     int // resources that it tells of, as clients listen to them
	Unheard   int // those that it does not, as Options.Subscriptions is reached

	Retried   uint64 // sent once more, as that was harmless
	Unretried uint64 // of these that would have been: there were too many already
	Delayed   uint64 // refused before the time that the upstream has named
	// How often a breaker opened, and what it refused: that of the upstream, those of its items.
	Opened, Refused, ItemsOpened, ItemsRefused uint64

	Breaker   pool.BreakerState // of the upstream
	ItemsOpen int               // items whose breaker is not closed
	Over      int               // items that were too many to be offered
	State     State

	Items [mcp.KindCount]int // offered now
}

// New makes an upstream that does nothing before Start.
func New(opt Options, host Host) (*Upstream, error) {
	opt = opt.withDefaults()
	if err := opt.validate(); err != nil {
		return nil, err
	}
	u := &Upstream{
		opt: opt, host: host, heed: make(chan struct{}, 1),
		offered: map[itemKey]*Item{}, refused: map[itemKey]string{},
	}
	u.guard = newGuard(&u.opt, func() { u.guard.lists.ask(u.doubt) })
	u.tasks, u.hidden = u.guard.newUsage(), u.guard.newUsage()
	u.known = opt.Credentials.identities(opt.Client.Headers)
	u.borne = opt.Credentials.byPrincipal()
	var err error
	if u.keys, err = newKeys(&opt, host.Log); err != nil {
		return nil, err
	}
	if opt.Provider != nil {
		u.running = make(chan struct{}, opt.Client.InFlightMax)
	}
	c := &u.opt.Client
	c.Group, c.Log, c.OnNotification = host.Group, host.Log, u.notified
	c.OnNoticesHeld, c.Dropped = u.slowed, &u.count.dropped
	c.OnRequest, u.held.max, u.pages.max = u.asked, opt.AsksMax, opt.AsksMax
	c.AsksMax = asksPerCall * opt.AsksMax
	if c.Capabilities == nil {
		c.Capabilities = legacyAble
	}
	u.tenants.all = map[string]*instance{}
	if len(c.Command) > 0 && c.Stderr == nil {
		u.stderr = &stderrRate{
			log: host.Log.With("upstream", opt.Name), max: opt.StderrLines, count: &u.count,
		}
	}
	g := newGate(opt.BackoffMin, opt.BackoffMax)
	for n := range opt.Instances {
		u.shared = append(u.shared, u.newInstance(n+1, g, &u.parked))
	}
	return u, nil
}

// Name is the upstream's name.
func (u *Upstream) Name() string { return u.opt.Name }

// NoticesMax is how many messages beside answers each of its instances may send a second; 0: there
// is no bound.
func (u *Upstream) NoticesMax() int { return max(0, u.opt.Client.NoticesPerSecond) }

// SubscriptionsMax is how many resources it may be asked to tell of.
func (u *Upstream) SubscriptionsMax() int { return u.opt.Subscriptions }

// About is what a server says of itself.
type About struct {
	Info         mcp.Implementation
	Capabilities json.RawMessage // ServerCapabilities
	Instructions string
}

// About is what the upstream said of itself when it connected; nil without a connection, and of a
// Provider. It takes no lock.
func (u *Upstream) About() *About {
	c := u.live.Load()
	if c == nil {
		return nil
	}
	return &About{c.ServerInfo(), c.ServerCapabilities(), c.Instructions()}
}

// InFlightMax is how many calls may wait for all its instances at the same time.
func (u *Upstream) InFlightMax() int { return u.InstancesMax() * u.opt.Client.InFlightMax }

// InstancesMax is how many instances there may be, TenantsMax how many of these are single
// clients'.
func (u *Upstream) InstancesMax() int { return len(u.shared) + u.TenantsMax() }

// TenantsMax is described with InstancesMax.
func (u *Upstream) TenantsMax() int {
	if u.opt.Share == ShareAll {
		return 0
	}
	return u.opt.InstancesMax
}

// AsksMax is how many calls may wait for their clients' answers at the same time.
func (u *Upstream) AsksMax() int { return u.opt.AsksMax }

// stateNow is the state.
func (u *Upstream) stateNow() State {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state
}

// ListMax is how many items of each kind it may offer.
func (u *Upstream) ListMax() int { return u.opt.ListMax }

// Start begins to connect and returns at once: an upstream that is not there holds nobody up.
func (u *Upstream) Start() {
	u.life, u.stop = context.WithCancel(context.Background())
	if w, ok := u.opt.Provider.(Watcher); ok {
		w.Watch(u.host.Updated)
	}
	u.all.Go(func() { u.keys.watch(u.life) })
	for _, i := range u.shared {
		u.all.Go(func() { i.run(u.life) })
	}
}

// Close ends the connections and, over stdio, the processes; calls in flight fail. It returns when
// all is gone. It is called once, after Start.
func (u *Upstream) Close() {
	u.tenants.close() // first: a call that waits goes to no instance that ends
	u.stop()
	u.failQueue()
	u.all.Wait()
	u.closeProvider()
	u.keys.close()
	u.close()
}

// Stats returns the counters.
func (u *Upstream) Stats() Stats {
	n := &u.count
	s := Stats{
		Calls: n.calls.Load(), Failed: n.failed.Load(), Cancelled: n.cancelled.Load(),
		Starts: n.starts.Load(), Changes: n.changes.Load(),
		Repeated: n.repeated.Load(), Updates: n.updates.Load(), Logs: n.logs.Load(),
		Unlogged: n.unlogged.Load(), Slowed: n.slowed.Load(),
		Asks: n.asks.Load(), AsksRefused: n.asksRefused.Load(), Held: u.held.len(),
		Strangers: n.strangers.Load(), Completed: n.completed.Load(), Pages: u.pages.count(),
		Unsent:   n.unsent.Load(),
		Restarts: n.restarts.Load(), Ousted: n.ousted.Load(),
		Strays: n.dropped.Strays.Load(), Noise: n.dropped.Noise.Load(),
		TooLarge: n.dropped.TooLarge.Load(),
	}
	own := u.tenants.list()
	s.Tenants = len(own)
	for _, i := range slices.Concat(u.shared, own) {
		if c := i.live.Load(); c != nil {
			s.Instances++
			s.InFlight += c.Mux().InFlight()
		}
	}
	if u.opt.Provider != nil {
		s.InFlight = len(u.running)
	}
	if f := u.feed.Load(); f != nil {
		s.Heard = f.size()
	}
	s.Unheard = int(n.unheard.Load())
	u.guard.stats(&s)
	u.keys.stats(&s)
	u.mu.Lock()
	defer u.mu.Unlock()
	for key, item := range u.offered {
		s.Items[key.kind]++
		if item.use.breaker.State() != pool.BreakerClosed {
			s.ItemsOpen++
		}
	}
	s.State = u.state
	return s
}

// Heed has the upstream ask for what clients listen to now. It returns at once and takes no lock.
func (u *Upstream) Heed() {
	select {
	case u.heed <- struct{}{}:
	default: // it will ask anyway
	}
}

// doubt has each instance look after its connection, and the one that leads after the lists.
func (u *Upstream) doubt() {
	for _, i := range u.shared {
		i.doubt()
	}
}
