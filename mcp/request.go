package mcp

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/valyala/fastjson"
)

// Request is one call as its handler sees it. A blocking or async handler may keep it; an
// inline handler's Request, and all bytes it points to, are valid only until the handler
// returns.
type Request struct {
	Params CallParams
	// Version is the revision that this request speaks.
	Version Version
	// Client is the client's Implementation as raw JSON, nil when it did not say.
	Client json.RawMessage
	// Capabilities are the client's declared capabilities as raw JSON: of this request in the
	// modern era, of the handshake in the legacy one.
	Capabilities json.RawMessage
	// SessionID is the legacy HTTP session, "" elsewhere.
	SessionID string
	// Principal names who asks: the same text for the same credentials, "" for everybody without.
	Principal string
	// InputResponses are the client's answers to what an earlier InputRequired asked for, raw JSON
	// by its keys; InputState is the State of that InputRequired. Input and State decode them.
	InputResponses map[string]json.RawMessage
	InputState     json.RawMessage
	// InputRefusals are the raw JSON-RPC errors of a legacy client that was asked with Relay, by
	// the same keys as InputResponses.
	InputRefusals map[string]json.RawMessage
	// Meta is the request's _meta as raw JSON when it has members that the protocol itself does not
	// define, such as traceparent (SEP-414); else nil.
	Meta json.RawMessage
	// LogLevel is the least severity, 1 (debug) to 8, that the client wants to be told; 0: none.
	LogLevel int

	out    Notifier
	parser *fastjson.Parser
	listed []codec.Member // of Params.Arguments; nil: not listed
	mu     sync.Mutex     // guards last: handlers may report progress from several goroutines
	last   float64
	began  bool
}

// PrincipalOf is the Principal of the requests whose Authorization header has that hash. It says
// nothing about the credentials, and whoever compares principals tells nobody how much of one was
// right: a guess that is nearly right has quite another hash.
func PrincipalOf(sum [sha256.Size]byte) string {
	return base64.RawStdEncoding.EncodeToString(sum[:16])
}

// CallParams are the parameters of tools/call. Arguments is the raw JSON object, nil when the
// client sent none.
type CallParams struct {
	Name      string
	Arguments json.RawMessage
	Token     json.RawMessage // raw progress token, nil when the client wants no progress
}

// GetProgressToken returns the decoded progress token: nil, a string or a number.
func (p *CallParams) GetProgressToken() any {
	var token any
	if p.Token == nil || json.Unmarshal(p.Token, &token) != nil {
		return nil
	}
	return token
}

// Notifier carries a notification that belongs to a request to the request's own client.
type Notifier interface {
	// Notify sends one notification before the request's answer; an error when the request was
	// answered, cancelled, or its client has gone. It is safe for concurrent use.
	Notify(method string, params []byte) error
}

// ErrProgress is returned for a progress that does not grow (all revisions: MUST increase).
var ErrProgress = errors.New("mcp: progress must grow from one notification to the next")

// TaskStarter is a Notifier that can make a task of the call at hand.
type TaskStarter interface {
	// StartTask answers the request with a task and goes on; see Request.StartTask.
	StartTask() error
}

// ExtensionTasks is the extension by which a request is answered with a task (SEP-2663).
const ExtensionTasks = "io.modelcontextprotocol/tasks"

// ErrNoTask is what StartTask returns when the request cannot become a task: its client did not
// declare ExtensionTasks, or the server does not offer it. The handler may go on as it is.
var ErrNoTask = errors.New("mcp: the request cannot become a task")

// StartTask makes a task of a tools/call whose handler has begun: the client gets the task at once,
// the handler goes on, and what it returns is the task's result. A tool whose TaskSupport is set is
// a task from the start and need not call it.
func (r *Request) StartTask() error {
	if starter, ok := r.out.(TaskStarter); ok {
		return starter.StartTask()
	}
	return ErrNoTask
}

// StreamCloser is a Notifier that can end the HTTP answer at hand before the call's answer.
type StreamCloser interface {
	// CloseStream ends the event stream that carries the call; the client comes back after retry.
	// It does nothing where no client would. It is safe for concurrent use.
	CloseStream(retry time.Duration)
}

// CloseStream ends the event stream that carries this call, not the call: its client connects
// again after retry and gets what it missed. Only 2025-11-25 over HTTP has that (SEP-1699);
// elsewhere, and in inline handlers, it does nothing.
func (r *Request) CloseStream(retry time.Duration) {
	if closer, ok := r.out.(StreamCloser); ok {
		closer.CloseStream(retry)
	}
}

// Bind connects r to its way back. parser may be nil; the server lends its loop's to inline
// handlers. Called once, before the handler.
func (r *Request) Bind(out Notifier, parser *fastjson.Parser) { r.out, r.parser = out, parser }

// Args parses the arguments as a fastjson value, which is valid until the next call of Args and
// no longer than the request. No arguments are an empty object.
func (r *Request) Args() (*fastjson.Value, error) {
	if r.parser == nil {
		r.parser = &fastjson.Parser{}
	}
	raw := r.Params.Arguments
	if raw == nil {
		raw = emptyObject
	}
	v, err := r.parser.ParseBytes(raw)
	if err != nil { // fastjson's own text would quote the whole input
		return nil, codec.ErrInvalidParams.With("cannot parse arguments")
	}
	return v, nil
}

var emptyObject = []byte("{}")

// List hands over the members of Params.Arguments that the scanner has listed, nil when it has not.
// The server calls it, before the handler.
func (r *Request) List(members []codec.Member) { r.listed = members }

// Arg returns the raw JSON of one argument, or nil when it is absent. It costs a fraction of
// Args when a raw handler wants one or two. The view lives as long as the arguments.
func (r *Request) Arg(name string) json.RawMessage {
	if r.listed == nil {
		return codec.Find(r.Params.Arguments, name)
	}
	for i := range r.listed {
		if m := &r.listed[i]; string(m.Key) == name {
			return m.Value
		}
	}
	return nil
}

// HasCapability tells whether the client declared the capability, e.g. "sampling", or a part of it
// behind a point: "sampling.tools", "elicitation.form", "elicitation.url".
func (r *Request) HasCapability(name string) bool { return declares(r.Capabilities, name) }

// HasExtension tells whether the client declared the extension, e.g.
// "io.modelcontextprotocol/tasks".
func (r *Request) HasExtension(name string) bool {
	return codec.Find(codec.Find(r.Capabilities, "extensions"), name) != nil
}

// NotifyProgress tells the client how far the call has come. It does nothing when the client
// gave no progress token. It returns ErrProgress when p does not grow.
func (r *Request) NotifyProgress(_ context.Context, p ProgressNotificationParams) error {
	if r.Params.Token == nil || r.out == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.began && p.Progress <= r.last {
		return fmt.Errorf("%w: got %v after %v", ErrProgress, p.Progress, r.last)
	}
	r.began, r.last = true, p.Progress
	buf := append([]byte(nil), `{"progressToken":`...)
	buf = append(buf, r.Params.Token...)
	buf = append(buf, `,"progress":`...)
	buf = strconv.AppendFloat(buf, p.Progress, 'f', -1, 64)
	if p.Total > 0 {
		buf = append(buf, `,"total":`...)
		buf = strconv.AppendFloat(buf, p.Total, 'f', -1, 64)
	}
	if p.Message != "" && r.Version >= V20250326 {
		buf = append(buf, `,"message":`...)
		buf = codec.AppendString(buf, p.Message)
	}
	return r.out.Notify(NotifyProgress, append(buf, '}'))
}

// Log sends a log message to the client when it asked for that level: by logging/setLevel in
// the legacy era, by the request's own logLevel in the modern one. data is any value that
// marshals to JSON. An unknown level is an error.
func (r *Request) Log(_ context.Context, level LoggingLevel, logger string, data any) error {
	severity := level.Severity()
	if severity == 0 {
		return fmt.Errorf("cannot log at level %q: want one of %v", level, levels)
	}
	if r.LogLevel == 0 || severity < r.LogLevel || r.out == nil {
		return nil
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("cannot log data: %w", err)
	}
	buf := append([]byte(nil), `{"level":"`...)
	buf = append(buf, level...)
	buf = append(buf, '"')
	if logger != "" {
		buf = append(buf, `,"logger":`...)
		buf = codec.AppendString(buf, logger)
	}
	buf = append(buf, `,"data":`...)
	buf = append(buf, raw...)
	return r.out.Notify(NotifyMessage, append(buf, '}'))
}
