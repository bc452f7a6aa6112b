package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/mcploop/mcploop/client/process"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/mcp"
)

// Era says which family of revisions a client speaks.
type Era uint8

// The eras that Options may ask for.
const (
	// Auto asks server/discover first and falls back to initialize when the server does not
	// know it, or does not answer within Options.ProbeTimeout.
	Auto Era = iota
	Modern
	Legacy
)

// String returns "auto", "modern" or "legacy".
func (e Era) String() string {
	switch e {
	case Modern:
		return "modern"
	case Legacy:
		return "legacy"
	}
	return "auto"
}

// ParseEra returns the era named s; "" is Auto.
func ParseEra(s string) (Era, error) {
	switch s {
	case "", "auto":
		return Auto, nil
	case "modern":
		return Modern, nil
	case "legacy":
		return Legacy, nil
	}
	return Auto, fmt.Errorf(`cannot use era %q; say "auto", "modern" or "legacy"`, s)
}

// Options say which server a client speaks to and where its limits lie. One of URL and Command
// is required; the zero value of any other field takes the default that its comment names.
type Options struct {
	// URL is "http://host:port/path" for Streamable HTTP, "ws://host:port/path" for WebSocket,
	// "sse://host:port/path" for HTTP+SSE of 2024-11-05, "tcp://host:port" or "unix:///path". An
	// http server that refuses initialize is asked for HTTP+SSE as well. https, wss, sses and tls
	// are the same over TLS.
	URL string
	TLS TLS // of https, wss, sses and tls
	// Command is a program with its arguments that speaks MCP on its stdin and stdout.
	Command []string
	Dir     string    // working directory of Command; default: this process's
	Env     []string  // environment of Command as "K=V"; default: PlainEnv()
	Stderr  io.Writer // gets what Command writes to stderr; default: dropped
	// Limits are what Command and all that it starts may use; Log says which are in force.
	Limits process.Limits
	// Keeper ends what Command has started when this process is killed. Default: Command alone is.
	Keeper *process.Keeper

	Era     Era
	Version string // pins one revision, e.g. "2025-06-18"; default: the newest of the era

	ClientInfo mcp.Implementation // default {"mcploop-client","0.0.0"}
	// Capabilities marshals to a JSON object; default {}. To it come those that Elicit, Sample and
	// Roots stand for, unless it has them.
	Capabilities any
	Headers      map[string]string // further HTTP request headers, e.g. Authorization
	Tokens       *Tokens           // give Authorization a value that changes; default: none do

	// OnNotification is told of every notification that belongs to no call, on a loop: it must
	// not block. params is raw JSON, valid until it returns. Default: they are dropped.
	OnNotification func(method string, params []byte)

	// OnRequest takes what a legacy server asks of its client, ping excepted, on a loop: it must
	// not block, and may answer later. Capabilities must say what it can. Default: Elicit, Sample
	// and Roots; what they cannot is refused.
	OnRequest func(*Ask)

	// Elicit, Sample and Roots answer what a server asks of the user, the model and the host: by
	// requests of its own in the legacy era, by an answer input_required in the modern one, which
	// the blocking API then answers for its caller. Each runs on a goroutine that may wait; ctx
	// ends when the server wants no answer any more. An error refuses. Nil: the server is told that
	// there is none. Elicitation by URL is declared by Capabilities alone.
	Elicit func(ctx context.Context, params *mcp.ElicitParams) (*mcp.ElicitResult, error)
	Sample func(
		ctx context.Context, params *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error)
	Roots func(ctx context.Context) (*mcp.ListRootsResult, error)

	DialTimeout  time.Duration // one connect; default 10 s
	ProbeTimeout time.Duration // server/discover of Auto; default 5 s
	CallTimeout  time.Duration // longest wait for an answer, beside ctx; default 5 min
	IdleTimeout  time.Duration // an unused HTTP connection is closed; default 30 s
	CloseGrace   time.Duration // Command's time before SIGTERM and SIGKILL each; default 2 s

	MessageBytesMax int // one message of the server; default 4 MiB
	InFlightMax     int // unanswered calls, 1..1,000,000; default 4096. Lists, ping: 16 more
	AsksMax         int // unanswered requests of the server; default 1024
	HTTPConnsMax    int // HTTP connections, one unanswered call each; default 32
	OutboxBytesMax  int // unsent bytes at which further calls are refused; default 512 KiB
	NoiseMax        int // successive lines that are no message until the server is given up; 1000
	// NoticesPerSecond is how many messages beside the answers to calls are taken, each KiB of one
	// being one more, and 16 more for each answer: where more come, the connections that bring them
	// are read no faster. Default 10,000, negative: no bound. OnNoticesHeld is told each time that
	// one of them has to wait, on a loop: it must not block. Default: nobody is.
	NoticesPerSecond int
	OnNoticesHeld    func()
	// Dropped counts what nobody gets of what the server sends, as Stats do. Default: they alone.
	Dropped *Dropped

	// Group is where the connections live; it must be started, and it outlives the client.
	// Default: a group with one loop, which Close ends.
	Group *loop.Group
	Log   *slog.Logger // faults, tools that are left out; default slog.Default()
}

// Bounds of limits: the index part of an id must be able to name every call, the answers to the
// server and the stream that belongs to no call.
const (
	inFlightCeiling = 1_000_000
	asksCeiling     = 1<<indexBits - inFlightCeiling - 1000
)

func (o Options) withDefaults() Options {
	if o.ClientInfo.Name == "" {
		o.ClientInfo = mcp.Implementation{Name: "mcploop-client", Version: "0.0.0"}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	setDefault(&o.DialTimeout, 10*time.Second)
	setDefault(&o.ProbeTimeout, 5*time.Second)
	setDefault(&o.CallTimeout, 5*time.Minute)
	setDefault(&o.IdleTimeout, 30*time.Second)
	setDefault(&o.CloseGrace, 2*time.Second)
	setDefault(&o.MessageBytesMax, codec.LineBytesMaxDefault)
	setDefault(&o.InFlightMax, 4096)
	setDefault(&o.AsksMax, 1024)
	setDefault(&o.HTTPConnsMax, 32)
	setDefault(&o.OutboxBytesMax, 512<<10)
	setDefault(&o.NoiseMax, 1000)
	setDefault(&o.NoticesPerSecond, 10_000)
	return o
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// outboxMax is more than may gather unsent: a call is refused before, see link.overloaded.
func (o *Options) outboxMax() int { return 2*o.OutboxBytesMax + 1<<20 }

// overSSE: the transport of 2024-11-05, which knows no modern era.
func (o *Options) overSSE() bool {
	return strings.HasPrefix(o.URL, "sse:") || strings.HasPrefix(o.URL, "sses:")
}

// validate reports every fault. withDefaults ran before.
func (o *Options) validate() error {
	var faults []error
	if (o.URL == "") == (len(o.Command) == 0) {
		faults = append(faults,
			errors.New("cannot connect: set either Options.URL or Options.Command"))
	}
	for _, f := range []struct {
		name        string
		value, high int64
	}{
		{"DialTimeout", int64(o.DialTimeout), 1 << 62},
		{"ProbeTimeout", int64(o.ProbeTimeout), 1 << 62},
		{"CallTimeout", int64(o.CallTimeout), 1 << 62},
		{"IdleTimeout", int64(o.IdleTimeout), 1 << 62},
		{"CloseGrace", int64(o.CloseGrace), 1 << 62},
		{"MessageBytesMax", int64(o.MessageBytesMax), 1 << 30},
		{"InFlightMax", int64(o.InFlightMax), inFlightCeiling},
		{"AsksMax", int64(o.AsksMax), asksCeiling},
		{"HTTPConnsMax", int64(o.HTTPConnsMax), 1 << 16},
		{"OutboxBytesMax", int64(o.OutboxBytesMax), 1 << 30},
		{"NoiseMax", int64(o.NoiseMax), 1 << 30},
	} {
		if f.value < 1 || f.value > f.high {
			faults = append(faults, fmt.Errorf("cannot use Options.%s = %d; set it to 1..%d",
				f.name, f.value, f.high))
		}
	}
	if v := mcp.ParseVersion([]byte(o.Version)); o.overSSE() && (o.Era == Modern || v.Modern()) {
		faults = append(faults, errors.New("cannot use the modern era over HTTP+SSE"))
	} else if o.Version != "" {
		switch {
		case v == mcp.NoVersion:
			faults = append(faults, fmt.Errorf("cannot use version %q; say one of %v",
				o.Version, mcp.SupportedVersions()))
		case o.Era == Modern && !v.Modern(), o.Era == Legacy && v.Modern():
			faults = append(faults, fmt.Errorf("cannot use version %q in the %s era",
				o.Version, o.Era))
		}
	}
	faults = append(faults, CheckHeaders(o.Headers), o.tokenFaults(), o.TLS.validate(o.URL))
	return errors.Join(faults...)
}
