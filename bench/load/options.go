package load

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// The transports. A reply of echo is the request itself, a reply of http-fixed is any one
// answer that never changes; every other transport carries MCP.
const (
	TransportTCP        = "tcp"
	TransportUnix       = "unix"
	TransportStdio      = "stdio"
	TransportEcho       = "echo"
	TransportWS         = "ws" // legacy era only
	TransportHTTPModern = "http-modern"
	TransportHTTPLegacy = "http-legacy"
	TransportHTTPFixed  = "http-fixed"
)

// The eras of the line transports; the http transports carry theirs in the name.
const (
	EraLegacy = "legacy"
	EraModern = "modern"
)

// The methods that a load can call. Revision 2026-07-28 has no ping; there server/discover
// stands for it.
const (
	MethodCall = "tools/call"
	MethodList = "tools/list"
	MethodPing = "ping"

	MethodResources = "resources/list"
	MethodPrompts   = "prompts/list"
)

func methods() []string {
	return []string{MethodCall, MethodList, MethodPing, MethodResources, MethodPrompts}
}

// ConnsMax keeps a client process below the usual hard limit of 20,000 descriptors.
const ConnsMax = 19_000

// Transports returns the names of all transports.
func Transports() []string {
	return []string{
		TransportTCP, TransportUnix, TransportStdio, TransportEcho, TransportWS,
		TransportHTTPModern, TransportHTTPLegacy, TransportHTTPFixed,
	}
}

// Options describe one load. Start from DefaultOptions. They are plain data, so that another
// process can be told of them as JSON.
type Options struct {
	Transport string   // one of the Transport constants
	Addr      string   // host:port, or the path of a unix socket (it contains a slash)
	Via       string   // path of a unix socket of what carries on to Addr; default: nothing does
	Path      string   // http, ws: the endpoint, default /mcp
	Era       string   // tcp, unix, stdio: EraLegacy (default, initialize first) or EraModern
	Header    []string // http, ws: further header lines, "Name: value"
	Command   []string // stdio: the server to start; one connection only
	ChildCore int      // stdio: the core the server is bound to; -1 (default) binds nothing

	Conns int           // connections, 1..19000, default 64
	First int           // number of the first one, 0..99999; processes that share a load differ
	Ramp  time.Duration // they are opened evenly over it from the start; default 0: all at once
	Quiet bool          // not one byte is sent on them; for crowds, not for loads
	// Listen opens on each a stream that tells of changed tools: GET or subscriptions/listen; what
	// is no HTTP and legacy is one by itself. For crowds, not for loads.
	Listen bool

	Depth  int      // calls in flight on each connection, 1..4096, default 1
	Rate   float64  // open loop: calls due in a second, over all connections; 0: closed loop
	Burst  int      // open loop: that many are due at the same moment; default 1
	Lives  int      // calls after which a connection is closed and opened anew; 0: never
	Bytes  int      // size of a call without its _meta, newline included; default 120
	Method []string // called in turn on each connection; default tools/call
	// Tool is called, default echo. {part} in its name is the connection's number modulo Parts,
	// 1..100, in two digits: 00, 01, ... Not over modern HTTP, where a header repeats it.
	Tool   string
	Parts  int
	Args   string        // JSON object; {text} stands for a text that differs in every call
	Expect string        // text of the answer, {text} as in Args; empty: {text}, or any without one
	Span   time.Duration // measured time, default 3 s
	Warmup time.Duration // time before it, not measured, default 1 s

	Patience time.Duration // how long after its end answers are waited for, default 10 s

	PID    int       // the server's process; 0: CPU and memory are not measured (stdio knows)
	Stderr io.Writer `json:"-"` // stdio: where the server's stderr goes; nil discards
}

// DefaultOptions returns a load of 64 connections at depth 1 that calls echo for 3 s.
func DefaultOptions() Options {
	return Options{
		Transport: TransportTCP, Path: "/mcp", Era: EraLegacy, ChildCore: -1,
		Conns: 64, Depth: 1, Burst: 1, Bytes: 120, Method: []string{MethodCall},
		Span: 3 * time.Second, Warmup: time.Second, Patience: 10 * time.Second,
		Tool: "echo", Args: `{"message":"{text}"}`,
	}
}

// Validate reports every fault of o.
func (o *Options) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if known := Transports(); !slices.Contains(known, o.Transport) {
		bad("cannot use transport %q: it is one of %s", o.Transport, strings.Join(known, ", "))
	}
	if o.Parts < 0 || o.Parts > 100 {
		bad("cannot make %d parts of the connections: set parts to 1..100", o.Parts)
	}
	if strings.Contains(o.Tool, partWord) && o.Transport == TransportHTTPModern {
		bad("cannot call %q over %s: a header repeats the name", o.Tool, o.Transport)
	}
	if o.Era != EraLegacy && o.Era != EraModern {
		bad("cannot use era %q: it is legacy or modern", o.Era)
	}
	if o.Transport == TransportWS && o.Era != EraLegacy {
		bad("cannot use era %q over %s: set era to legacy", o.Era, o.Transport)
	}
	if o.Transport == TransportStdio {
		if len(o.Command) == 0 {
			bad("cannot start a stdio server: give its command after the flags")
		}
		if o.Conns != 1 {
			bad("cannot open %d stdio connections: stdio has one, set connections to 1", o.Conns)
		}
	} else if o.Addr == "" {
		bad("cannot connect: no address given")
	}
	for _, m := range o.Method {
		if known := methods(); !slices.Contains(known, m) {
			bad("cannot call %q: the methods are %s", m, strings.Join(known, ", "))
		}
	}
	if len(o.Method) > 1 && o.unlikeMCP() {
		bad("cannot call %q over %s: it has one kind of message", o.Method, o.Transport)
	}
	errs = append(errs, o.validateNumbers())
	return errors.Join(errs...)
}

func (o *Options) validateNumbers() error {
	var errs []error
	inRange := func(what string, v, low, high int) {
		if v < low || v > high {
			errs = append(errs, fmt.Errorf("cannot use %s %d: it must be within %d..%d",
				what, v, low, high))
		}
	}
	inRange("connections", o.Conns, 1, ConnsMax)
	inRange("first connection", o.First, 0, 99_999)
	inRange("depth", o.Depth, 1, 4096)
	inRange("burst", o.Burst, 1, 1_000_000)
	inRange("calls of a life", o.Lives, 0, 1_000_000_000)
	inRange("payload", o.Bytes, 0, 16<<20)
	inRange("number of methods", len(o.Method), 1, methodsMax)
	if o.Span <= 0 || o.Warmup < 0 || o.Ramp < 0 || o.Patience < 0 {
		errs = append(errs, fmt.Errorf("cannot run for %v after %v with connections over %v: "+
			"give a positive duration", o.Span, o.Warmup, o.Ramp))
	}
	if o.Rate < 0 || o.Rate > rateMax {
		errs = append(errs, fmt.Errorf("cannot make %g calls a second: give 0 (closed loop) to %g",
			o.Rate, float64(rateMax)))
	}
	if o.Lives > 0 && (o.Rate > 0 || o.Transport == TransportStdio) {
		errs = append(errs,
			errors.New("cannot open connections anew in an open loop or over stdio"))
	}
	return errors.Join(errs...)
}

const (
	methodsMax = 100
	rateMax    = 100e6
)

// OverHTTP tells whether the transport is HTTP in either era.
func (o *Options) OverHTTP() bool { return o.http() }

func (o *Options) http() bool { return strings.HasPrefix(o.Transport, "http-") }

// unlikeMCP reports whether the peer is no MCP server.
func (o *Options) unlikeMCP() bool {
	return o.Transport == TransportEcho || o.Transport == TransportHTTPFixed
}

// modern reports whether a call carries the 2026-07-28 _meta.
func (o *Options) modern() bool {
	switch o.Transport {
	case TransportHTTPModern, TransportHTTPFixed:
		return true
	case TransportHTTPLegacy, TransportEcho:
		return false
	}
	return o.Era == EraModern
}

// initializes reports whether a connection starts with a handshake.
func (o *Options) initializes() bool { return !o.modern() && o.Transport != TransportEcho }

// FirstTool is the tool that the first connection calls.
func (o *Options) FirstTool() string { return strings.ReplaceAll(o.Tool, partWord, "00") }
