package scenario

import (
	"flag"
	"strings"
	"time"

	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/client"
)

// Settings are the flags that all scenarios share. A scenario that a flag means nothing to says
// so in its description; it never reads it in another sense.
type Settings struct {
	URL  string // http://host:port/path, or https
	WS   string // ws://host:port/path, or wss
	TLS  client.TLS
	TCP  string // host:port; several, comma separated, are one server in several processes
	Unix string // path
	Era  string // auto, modern or legacy

	Connections int
	Depth       int           // calls in flight on each connection
	Rate        float64       // calls a second, all connections; 0: closed loop
	Load        float64       // without a rate: per cent of the capacity, which is measured first
	Burst       int           // open loop: calls that are due at the same moment
	Duration    time.Duration // measured time of each step
	Warmup      time.Duration // before it
	Payload     int           // bytes of a call
	Calls       int           // churn: calls in the life of a connection
	Control     string        // neighbours, lists: URL of what upstreams are controlled by
	Trigger     string        // listen: tool that changes the list of tools
	Abandon     bool          // idle: sessions are left behind
	Bound       time.Duration // ladder: a load whose p99 is longer is not held

	Tool   string
	Parts  int
	Args   string
	Expect string
	Header headers

	Processes int // clients; 0: as many as the connections need
	PID       int // of the server; 0: found by its listening socket
	Metrics   string
	Core      int // that clients are bound to; -1: any
	Realtime  bool
	ServerLog bool
}

// headers is a repeatable flag.
type headers []string

func (h *headers) String() string { return strings.Join(*h, ", ") }

func (h *headers) Set(line string) error {
	*h = append(*h, line)
	return nil
}

// DefaultSettings returns what flags are when they are not given.
func DefaultSettings() Settings {
	o := load.DefaultOptions()
	return Settings{
		Era: eraAuto, Connections: o.Conns, Depth: o.Depth, Burst: o.Burst, Load: 80,
		Duration: 10 * time.Second, Warmup: 2 * time.Second, Payload: o.Bytes,
		Calls: 1, Bound: 100 * time.Millisecond, Tool: o.Tool, Args: o.Args, Core: -1,
	}
}

// Bind makes flags of s, whose values are the defaults.
func (s *Settings) Bind(fs *flag.FlagSet) {
	fs.StringVar(&s.URL, "url", s.URL, "server: `http://host:port/path`, or https")
	fs.StringVar(&s.WS, "ws", s.WS, "server: `ws://host:port/path`, or wss")
	fs.StringVar(&s.TLS.CAFile, "ca-file", s.TLS.CAFile,
		"https, wss: PEM `file` of the authorities to trust in place of the system's")
	fs.BoolVar(&s.TLS.SkipVerify, "insecure", s.TLS.SkipVerify,
		"https, wss: believe any certificate")
	fs.StringVar(&s.TCP, "tcp", s.TCP, "server: `host:port`, lines over TCP; several by commas")
	fs.StringVar(&s.Unix, "unix", s.Unix, "server: `path` of a unix socket, lines")
	fs.StringVar(&s.Era, "era", s.Era, "auto, modern (2026-07-28) or legacy (with initialize)")
	fs.IntVar(&s.Connections, "connections", s.Connections, "connections of all clients together")
	fs.IntVar(&s.Depth, "depth", s.Depth, "`calls` in flight on each connection, at most")
	fs.Float64Var(&s.Rate, "rate", s.Rate, "`calls` due each second (open loop); 0: closed loop")
	fs.Float64Var(&s.Load, "load", s.Load, "soak, slow: without --rate, `per cent` of the capacity")
	fs.IntVar(&s.Burst, "burst", s.Burst, "open loop: `calls` that are due at the same moment")
	fs.DurationVar(&s.Duration, "duration", s.Duration, "measured time of each step")
	fs.DurationVar(&s.Warmup, "warmup", s.Warmup, "time before it, not measured")
	fs.IntVar(&s.Payload, "payload", s.Payload, "`bytes` of a call, without _meta and HTTP head")
	fs.IntVar(&s.Calls, "calls", s.Calls, "churn: `calls` in the life of a connection")
	fs.StringVar(&s.Trigger, "trigger", s.Trigger,
		"listen: `name` of a tool that changes the list of tools")
	fs.StringVar(&s.Control, "control", s.Control,
		"neighbours, lists: `URL` that controls the upstreams behind the server")
	fs.BoolVar(&s.Abandon, "abandon", s.Abandon,
		"idle, legacy HTTP: leave sessions behind, wait for --duration, read the memory again")
	fs.DurationVar(&s.Bound, "bound", s.Bound, "ladder: a load whose p99 is longer is not held")
	fs.StringVar(&s.Tool, "tool", s.Tool, "`name` of the tool to call")
	fs.IntVar(&s.Parts, "parts", s.Parts,
		"parts of the connections; {part} in --tool is the `number` of each one's: 00, 01, ...")
	fs.StringVar(&s.Args, "args", s.Args, "its arguments as `JSON`; {text} differs in every call")
	fs.StringVar(&s.Expect, "expect", s.Expect, "`text` of its answer; empty: {text}")
	fs.Var(&s.Header, "header", "HTTP and WebSocket: a further `\"Name: value\"` (repeatable)")
	fs.IntVar(&s.Processes, "processes", s.Processes, "client processes; 0: as many as needed")
	fs.IntVar(&s.PID, "pid", s.PID, "the server's `process`; 0: found by its listening socket")
	fs.StringVar(&s.Metrics, "metrics", s.Metrics, "`URL` of the server's Prometheus metrics")
	fs.IntVar(&s.Core, "client-core", s.Core, "`core` that clients are bound to; -1: any")
	fs.BoolVar(&s.Realtime, "realtime", s.Realtime,
		"run clients before all else on their cores (chrt -f 10; needs root)")
	fs.BoolVar(&s.ServerLog, "server-log", s.ServerLog, "show what a started server prints")
}
