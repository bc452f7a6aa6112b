package bench

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

// connsMax keeps a client process below the usual hard limit of 20,000 descriptors.
const connsMax = 19_000

var transports = []string{
	TransportTCP, TransportUnix, TransportStdio, TransportEcho, TransportWS,
	TransportHTTPModern, TransportHTTPLegacy, TransportHTTPFixed,
}

// Options describe one load. Start from DefaultOptions.
type Options struct {
	Transport string   // one of the Transport constants
	Addr      string   // host:port, or the path of a unix socket (it contains a slash)
	Path      string   // http: the endpoint, default /mcp
	Era       string   // tcp, unix, stdio: EraLegacy (default, initialize first) or EraModern
	Command   []string // stdio: the server to start; one connection only
	ChildCore int      // stdio: the core the server is bound to; -1 (default) binds nothing

	Conns    int           // connections, 1..19000, default 64
	Depth    int           // calls in flight on each connection, 1..4096, default 1
	Threads  int           // client threads, default 1
	Bytes    int           // size of a message without its _meta, newline included; default 120
	Duration time.Duration // measured time, default 3 s
	Warmup   time.Duration // time before it, not measured, default 1 s

	Tool   string // default echo
	Args   string // JSON object; {text} stands for a text that differs in every call
	Expect string // text of the answer; empty: the text of the call, or any if it has none

	PID    int       // the server's process; 0: CPU and memory are not measured (stdio knows)
	Stderr io.Writer // stdio: where the server's stderr goes; nil discards
}

// DefaultOptions returns a load of 64 connections at depth 1 that calls echo for 3 s.
func DefaultOptions() Options {
	return Options{
		Transport: TransportTCP, Path: "/mcp", Era: EraLegacy, ChildCore: -1,
		Conns: 64, Depth: 1, Threads: 1, Bytes: 120,
		Duration: 3 * time.Second, Warmup: time.Second,
		Tool: "echo", Args: `{"message":"{text}"}`,
	}
}

// Validate reports every fault of o.
func (o *Options) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !slices.Contains(transports, o.Transport) {
		bad("cannot use transport %q: it is one of %s", o.Transport, strings.Join(transports, ", "))
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
		if o.Conns != 1 || o.Threads != 1 {
			bad("cannot open %d stdio connections: stdio has one, set connections to 1", o.Conns)
		}
	} else if o.Addr == "" {
		bad("cannot connect: no address given")
	}
	inRange := func(what string, v, low, high int) {
		if v < low || v > high {
			bad("cannot use %s %d: it must be within %d..%d", what, v, low, high)
		}
	}
	inRange("connections", o.Conns, 1, connsMax)
	inRange("depth", o.Depth, 1, 4096)
	inRange("threads", o.Threads, 1, max(1, min(64, o.Conns)))
	inRange("bytes", o.Bytes, 0, 16<<20)
	if o.Duration <= 0 || o.Warmup < 0 {
		bad("cannot run for %v after %v: give a positive duration", o.Duration, o.Warmup)
	}
	return errors.Join(errs...)
}

func (o *Options) http() bool { return strings.HasPrefix(o.Transport, "http-") }

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
