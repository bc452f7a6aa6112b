package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/mcploop/mcploop/client/process"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/task"
)

// Options say what a server is and where its limits lie. The zero value of a field takes the
// default that its comment names; Name is the only field without one.
type Options struct {
	Name         string // the server's name in serverInfo; required
	Title        string // a name for people; default none
	Version      string // default "0.0.0"
	Description  string // what the server is for; default none
	WebsiteURL   string // where more is said of it; default none
	Icons        []mcp.Icon
	Instructions string // a hint to the model how to use the server; default none

	// CompletionHandler answers completion/complete for prompts and resource templates. It runs
	// on a worker. Without one the server declares no completions.
	CompletionHandler func(context.Context, *mcp.CompleteRequest) (*mcp.CompleteResult, error)

	HTTP  []string // addresses "host:port" for Streamable HTTP on /mcp, /health, /metrics
	TCP   []string // addresses "host:port" for newline-delimited JSON-RPC
	Unix  []string // paths of unix sockets for newline-delimited JSON-RPC
	Stdio bool     // serve standard input and output as one connection

	Limits   Limits
	Queue    Queue
	Loops    Loops
	Sessions Sessions
	Lists    Lists
	Security Security
	Input    Input
	Tasks    Tasks

	WebSocket WebSocket

	// KeepAlive is the time between comments on an open event stream, and within 1 s to 1 min that
	// in which its client acknowledges them; default 15 s.
	KeepAlive    time.Duration
	CallTimeout  time.Duration // longest run of one tool call; default 5 min, negative: none
	DrainTimeout time.Duration // longest wait for calls in flight at the end; default 30 s

	// Metrics writes further lines of /metrics in Prometheus text format. It is called at each
	// scrape, on goroutines of their own, also by several at once; default none.
	Metrics func(w io.Writer)

	// Keeper ends what the programs of upstreams have started when this process is killed. Default:
	// the programs alone are.
	Keeper *process.Keeper

	// Log gets the few lines of the control plane; default slog.Default(). Its handler is called
	// on a goroutine of its own and may block: LogLines may wait for it, default 1,024, then lines
	// are dropped and counted.
	Log      *slog.Logger
	LogLines int
}

// Limits bound what one peer and all peers together can take.
type Limits struct {
	Connections     int           // open at once over all doors; default 15,000
	MessageBytes    int           // one JSON-RPC message; default 4 MiB
	Depth           int           // nesting of JSON, 64..1000; default 128
	BatchMessages   int           // messages of one batch (2025-03-26); default 1,000
	InFlightPerConn int           // unanswered calls of one connection; default 1,024
	InFlightBytes   int           // of requests above 16 KiB; default 256 MiB
	HeadBytes       int           // head of one HTTP request; default 16 KiB
	Headers         int           // header fields of one HTTP request; default 100
	TargetBytes     int           // HTTP request target; default 8 KiB
	HeadTimeout     time.Duration // first to last byte of an HTTP head; default 5 s
	BodyTimeout     time.Duration // first to last byte of an HTTP body; default 30 s
	FrameTimeout    time.Duration // first to last byte of a line; default 30 s
	FirstTimeout    time.Duration // connect to first byte; default 10 s
	IdleTimeout     time.Duration // silence of a connection without calls; default 1 h
	OutboxHighBytes int           // unsent bytes at which reading pauses; default 256 KiB
	OutboxLowBytes  int           // unsent bytes at which reading resumes; default 64 KiB
	OutboxMaxBytes  int           // unsent bytes at which the peer is cut; default 1 MiB
	WriteTimeout    time.Duration // a peer above the low mark this long is cut; default 10 s
	Streams         int           // open streams, and tasks/result that wait; default 15,000
	// ProgressInterval is the least time between two progress notifications of a call once 10 went
	// out at once: one that comes earlier waits, and is replaced by later ones. Default 100 ms,
	// negative: none.
	ProgressInterval time.Duration
	Subscriptions    int // resources that one session or stream listens for; default 1,024
}

// Queue is the queue of blocking calls and the workers that drain it.
type Queue struct {
	Max           int // waiting calls; default 10,000
	Workers       int // goroutines that run blocking tools; default 64 * GOMAXPROCS
	WarnPercent   int // of Max at which /health says degraded; default 75
	RejectPercent int // of Max at which further calls are refused; default 95
}

// Loops are the event loops.
type Loops struct {
	Count     int  // default GOMAXPROCS
	ReadBytes int  // read buffer of a loop; default 64 KiB
	Backlog   int  // listen(2) backlog; default 1,024
	Pin       bool // lock each loop to a thread and the thread to a core; default off
}

// Sessions are the legacy sessions of the HTTP door.
type Sessions struct {
	Max             int           // default 100,000
	MaxPerPrincipal int           // default: as Max
	IdleTTL         time.Duration // default 30 min
	Sweep           time.Duration // how often idle ones are looked for; default 5 s
	Shards          int           // power of two, 1..4096; default 256

	// What is kept of event streams for clients that come back: in each session for the answers
	// to POSTs, and once more for the GET stream. An event counts with its message and 48 bytes.
	ReplayEvents int           // default 1,000
	ReplayBytes  int           // default 1 MiB
	ReplayTotal  int           // bytes over all sessions; default 256 MiB
	ReplayTime   time.Duration // how long an event is kept, and a GET stream left; default 5 min
}

// Lists shape tools/list and server/discover.
type Lists struct {
	PageSize   int           // tools per page; default 1,000
	TTL        time.Duration // ttlMs of modern results; default 5 min
	CacheScope string        // "public" (default) or "private"
}

// Security is who may reach the HTTP door from a browser.
type Security struct {
	// AllowedHosts are further Host values, "name" or "name:port". Loopback names and every IP
	// address are allowed already: a rebound DNS name is neither.
	AllowedHosts []string
	// AllowedOrigins are further Origin values, "scheme://host[:port]", or "*". Loopback
	// origins and the server's own are allowed already.
	AllowedOrigins []string
	// Off turns both checks off. Only for a server behind a proxy that does them.
	Off bool
}

// WebSocket is the upgrade of GET /mcp on the HTTP doors.
type WebSocket struct {
	PingInterval time.Duration // a silent peer is asked whether it is there; default 30 s
	PongTimeout  time.Duration // and must answer in this time; default 10 s

	// Compression agrees to permessage-deflate without context takeover (RFC 7692) with clients
	// that offer it. Off by default: it costs far more time than a short message.
	Compression    bool
	CompressionMin int // bytes of a message from which on it is compressed; default 1 KiB
}

// Tasks are calls that go on after their request was answered: of tools with a TaskSupport, and
// of handlers that call Request.StartTask. 2026-07-28 has them as an extension (SEP-2663),
// 2025-11-25 as an experiment.
type Tasks struct {
	Store           task.Store    // default: in memory, bounded by the next three
	Max             int           // tasks kept, running or over; default 10,000
	MaxPerPrincipal int           // default: as Max
	ResultTotal     int           // bytes of the results of all tasks kept; default 256 MiB
	ResultBytes     int           // of the result of one task, in any store; default 4 MiB
	TTL             time.Duration // how long a task may run and be asked for, at most; default 1 h
	PollInterval    time.Duration // how often a client shall ask; default 1 s
}

// Input is what handlers ask clients for, see mcp.InputRequired.
type Input struct {
	// StateKeys seal the state that modern clients carry: each 32 random bytes. The first one
	// seals, all of them open; see package seal for how to exchange them. Nodes behind one
	// address need the same. Default: one that is gone with the process.
	StateKeys  [][]byte
	StateTTL   time.Duration // how long a client may take to come back; default 10 min
	StateBytes int           // state and answers of one request before sealing; default 64 KiB
	Timeout    time.Duration // how long a legacy client may think; default 10 min
	OpenMax    int           // unanswered requests to one legacy session; default 64
}

func orInt(v *int, byDefault int) {
	if *v == 0 {
		*v = byDefault
	}
}

func orDuration(v *time.Duration, byDefault time.Duration) {
	if *v == 0 {
		*v = byDefault
	}
}

func (o *Options) setDefaults() {
	if o.Version == "" {
		o.Version = "0.0.0"
	}
	orInt(&o.LogLines, 1024)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Lists.CacheScope == "" {
		o.Lists.CacheScope = "public"
	}
	orInt(&o.Queue.Max, 10_000)
	orInt(&o.Queue.WarnPercent, 75)
	orInt(&o.Queue.RejectPercent, 95)
	orInt(&o.Queue.Workers, 64*runtime.GOMAXPROCS(0))
	orInt(&o.Lists.PageSize, 1000)
	orInt(&o.Sessions.Max, 100_000)
	orInt(&o.Sessions.MaxPerPrincipal, o.Sessions.Max)
	orInt(&o.Sessions.Shards, 256)
	orInt(&o.Sessions.ReplayEvents, 1000)
	orInt(&o.Sessions.ReplayBytes, 1<<20)
	orInt(&o.Sessions.ReplayTotal, 256<<20)
	orDuration(&o.Sessions.IdleTTL, 30*time.Minute)
	orDuration(&o.Sessions.Sweep, 5*time.Second)
	orDuration(&o.Sessions.ReplayTime, 5*time.Minute)
	orDuration(&o.Lists.TTL, 5*time.Minute)
	orDuration(&o.KeepAlive, 15*time.Second)
	orDuration(&o.CallTimeout, 5*time.Minute)
	orDuration(&o.DrainTimeout, 30*time.Second)
	orDuration(&o.WebSocket.PingInterval, 30*time.Second)
	orDuration(&o.WebSocket.PongTimeout, 10*time.Second)
	orInt(&o.WebSocket.CompressionMin, 1<<10)
	orInt(&o.Tasks.Max, 10_000)
	orInt(&o.Tasks.MaxPerPrincipal, o.Tasks.Max)
	orInt(&o.Tasks.ResultBytes, 4<<20)
	orInt(&o.Tasks.ResultTotal, 256<<20)
	orDuration(&o.Tasks.TTL, time.Hour)
	orDuration(&o.Tasks.PollInterval, time.Second)
	orDuration(&o.Input.StateTTL, 10*time.Minute)
	orDuration(&o.Input.Timeout, 10*time.Minute)
	orInt(&o.Input.StateBytes, 64<<10)
	orInt(&o.Input.OpenMax, 64)
	o.Limits.setDefaults()
}

func (l *Limits) setDefaults() {
	orInt(&l.Connections, 15_000)
	orInt(&l.MessageBytes, 4<<20)
	orInt(&l.Depth, 128)
	orInt(&l.BatchMessages, 1000)
	orInt(&l.InFlightPerConn, 1024)
	orInt(&l.InFlightBytes, 256<<20)
	orInt(&l.HeadBytes, 16<<10)
	orInt(&l.Headers, 100)
	orInt(&l.TargetBytes, 8<<10)
	orInt(&l.OutboxHighBytes, 256<<10)
	orInt(&l.OutboxLowBytes, 64<<10)
	orInt(&l.OutboxMaxBytes, 1<<20)
	orInt(&l.Streams, 15_000)
	orInt(&l.Subscriptions, 1024)
	orDuration(&l.ProgressInterval, 100*time.Millisecond)
	orDuration(&l.HeadTimeout, 5*time.Second)
	orDuration(&l.BodyTimeout, 30*time.Second)
	orDuration(&l.FrameTimeout, 30*time.Second)
	orDuration(&l.FirstTimeout, 10*time.Second)
	orDuration(&l.IdleTimeout, time.Hour)
	orDuration(&l.WriteTimeout, 10*time.Second)
}

// validate returns all faults of the options at once.
func (o *Options) validate() error {
	if err := errors.Join(o.faults()...); err != nil {
		return fmt.Errorf("cannot make a server: %w", err)
	}
	return nil
}

func (o *Options) faults() (faults []error) {
	if o.Name == "" {
		faults = append(faults, errors.New("option Name is empty; give the server a name"))
	}
	if o.Limits.Depth < 64 || o.Limits.Depth > 1000 {
		faults = append(faults, fmt.Errorf("Limits.Depth is %d; want 64..1000", o.Limits.Depth))
	}
	faults = append(faults, o.negative()...)
	l := &o.Limits
	if l.OutboxLowBytes > l.OutboxHighBytes || l.OutboxHighBytes > l.OutboxMaxBytes {
		faults = append(faults, fmt.Errorf("Limits.Outbox low %d, high %d, max %d are out of "+
			"order; want low <= high <= max",
			l.OutboxLowBytes, l.OutboxHighBytes, l.OutboxMaxBytes))
	}
	if q := &o.Queue; q.WarnPercent > q.RejectPercent {
		faults = append(faults, fmt.Errorf("Queue.WarnPercent is %d, Queue.RejectPercent is %d; "+
			"want warn <= reject", q.WarnPercent, q.RejectPercent))
	}
	if s := o.Lists.CacheScope; s != "public" && s != "private" {
		faults = append(faults, fmt.Errorf("Lists.CacheScope is %q; want public or private", s))
	}
	return faults
}

// negative names the limits below 0. Those of loops, workers and sessions are checked by who
// they are handed to.
func (o *Options) negative() []error {
	l := &o.Limits
	var faults []error
	for name, v := range map[string]int{
		"Limits.MessageBytes": l.MessageBytes, "Limits.BatchMessages": l.BatchMessages,
		"Limits.InFlightPerConn": l.InFlightPerConn, "Limits.HeadBytes": l.HeadBytes,
		"Limits.InFlightBytes": l.InFlightBytes,
		"Limits.Headers":       l.Headers, "Limits.TargetBytes": l.TargetBytes,
		"Limits.Streams": l.Streams, "Limits.Subscriptions": l.Subscriptions,
		"LogLines":         o.LogLines,
		"Input.StateBytes": o.Input.StateBytes, "Input.OpenMax": o.Input.OpenMax,
		"Tasks.Max": o.Tasks.Max, "Tasks.MaxPerPrincipal": o.Tasks.MaxPerPrincipal,
		"Tasks.ResultBytes": o.Tasks.ResultBytes, "Tasks.ResultTotal": o.Tasks.ResultTotal,
		"WebSocket.CompressionMin": o.WebSocket.CompressionMin,
	} {
		if v < 0 {
			faults = append(faults, fmt.Errorf("option %s is %d; want more than 0", name, v))
		}
	}
	for name, v := range map[string]time.Duration{
		"Limits.HeadTimeout": l.HeadTimeout, "Limits.BodyTimeout": l.BodyTimeout,
		"Limits.FrameTimeout": l.FrameTimeout, "Limits.FirstTimeout": l.FirstTimeout,
		"Limits.IdleTimeout": l.IdleTimeout, "Sessions.Sweep": o.Sessions.Sweep,
		"Sessions.ReplayTime": o.Sessions.ReplayTime,
		"Lists.TTL":           o.Lists.TTL, "DrainTimeout": o.DrainTimeout,
		"KeepAlive": o.KeepAlive, "Input.StateTTL": o.Input.StateTTL,
		"Input.Timeout": o.Input.Timeout,
		"Tasks.TTL":     o.Tasks.TTL, "Tasks.PollInterval": o.Tasks.PollInterval,
		"WebSocket.PingInterval": o.WebSocket.PingInterval,
		"WebSocket.PongTimeout":  o.WebSocket.PongTimeout,
	} {
		if v < 0 {
			faults = append(faults, fmt.Errorf("%s is %s; want more than 0", name, v))
		}
	}
	if o.Lists.PageSize < 0 {
		fault := fmt.Errorf("Lists.PageSize is %d; want more than 0", o.Lists.PageSize)
		faults = append(faults, fault)
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return faults
}
