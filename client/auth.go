package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/codec"
)

// TokenSource is where the tokens of one server come from. Its methods may wait, for another
// server or for a person; they are called on a goroutine, one at a time.
type TokenSource interface {
	// Token returns the whole value of Authorization, such as "Bearer …"; "": none is sent, as it
	// is not known whether the server wants one. From renew on, which is before it ends, it is
	// asked for again; zero: never. After an error what was sent so far is in use, until the
	// server refuses it.
	Token(ctx context.Context) (value string, renew time.Time, err error)
	// Refused is told that a request with the value of the last Token was answered by 401, or by
	// 403 for want of scope; challenge is what WWW-Authenticate says. Nil: the next Token has
	// another value. ctx ends with Tokens, not with a call.
	Refused(ctx context.Context, status int, challenge string) error
}

// Tokens are what requests to one server have as Authorization: a value that changes while the
// connections stay. A request that is refused for it has not run (RFC 9110, 15.5.2); it is sent
// again with another one, twice at most. Several clients of one server may share one; its
// methods are safe for concurrent use.
type Tokens struct {
	src  TokenSource
	line atomic.Pointer[tokenLine] // what is sent now; never nil
	life context.Context           // until Close
	stop context.CancelFunc

	renewed, refusals, failures atomic.Uint64

	mu       sync.Mutex // guards the rest; src is not asked under it
	asking   bool       // a goroutine asks src
	waiting  []tokenWaiter
	failed   tokenFailure
	since    time.Time // replaced counts refused tokens from then on
	replaced int
	timer    *time.Timer // when the token is to be renewed; nil: never
	ended    chan struct{}
}

// tokenLine is a header line, with its end; empty: none.
type tokenLine struct{ bytes []byte }

// tokenFailure is the last answer of a source that had no token.
type tokenFailure struct {
	line      *tokenLine // what was refused
	challenge string
	err       error
	pause     time.Duration // doubles with each failure
	until     time.Time     // it is not asked the same before
}

// TokenStats count what Tokens have seen since they were made.
type TokenStats struct {
	Renewed  uint64 // times that another token took the place of the one before
	Refused  uint64 // requests that the server refused for their token, or for want of one
	Failures uint64 // times that the source had none
}

// NewTokens makes Tokens that ask src when they are first needed. Close ends them.
func NewTokens(src TokenSource) *Tokens {
	t := &Tokens{src: src}
	t.line.Store(&tokenLine{})
	t.life, t.stop = context.WithCancel(context.Background())
	return t
}

// Stats returns the counters.
func (t *Tokens) Stats() TokenStats {
	return TokenStats{
		Renewed: t.renewed.Load(), Refused: t.refusals.Load(), Failures: t.failures.Load(),
	}
}

// Close ends what the source does and waits for its end. Requests go on with the last token.
func (t *Tokens) Close() {
	t.stop()
	t.mu.Lock()
	if t.timer != nil {
		t.timer.Stop()
	}
	var ended chan struct{}
	if t.asking {
		ended = make(chan struct{})
		t.ended = ended
	}
	t.mu.Unlock()
	if ended != nil {
		<-ended
	}
}

// Renew has the source asked at once, whatever it has said before; the error is its own.
func (t *Tokens) Renew(ctx context.Context) error {
	t.mu.Lock()
	t.failed = tokenFailure{}
	t.mu.Unlock()
	return t.await(ctx, tokenWaiter{line: t.line.Load()})
}

// begin has the first token there, if there is one. Nil tokens need none.
func (t *Tokens) begin(ctx context.Context) error {
	if t == nil {
		return nil
	}
	line := t.line.Load()
	if line.bytes != nil {
		return nil
	}
	return t.await(ctx, tokenWaiter{line: line})
}

// now is what a request has as Authorization; nil: Options.Tokens has no say in it. It takes no
// lock. lines are the request's own headers.
func (t *Tokens) now(lines []byte) *tokenLine {
	if t == nil || lines != nil && hasAuthorization(lines) {
		return nil
	}
	return t.line.Load()
}

// text is the line, empty without one.
func (l *tokenLine) text() []byte {
	if l == nil {
		return nil
	}
	return l.bytes
}

// newTokenLine makes the line of a value, which is not in the error.
func newTokenLine(value string) (*tokenLine, error) {
	if value == "" {
		return &tokenLine{bytes: []byte{}}, nil
	}
	if !plainValue(value) {
		return nil, errors.New("cannot send the token: no header can hold it")
	}
	return &tokenLine{codec.AppendHeader(nil, "Authorization", []byte(value))}, nil
}

// hasAuthorization tells whether one of the header lines is Authorization.
func hasAuthorization(lines []byte) bool {
	const name = "authorization:"
	for len(lines) >= len(name) {
		if bytes.EqualFold(lines[:len(name)], []byte(name)) {
			return true
		}
		_, lines, _ = bytes.Cut(lines, []byte("\n"))
	}
	return false
}

// tokenFaults reports what keeps Tokens from being sent.
func (o *Options) tokenFaults() error {
	if o.Tokens == nil {
		return nil
	}
	scheme, _, _ := strings.Cut(o.URL, ":")
	switch plainScheme(scheme) {
	case "http", "ws", "sse":
	default:
		return errors.New("cannot use Options.Tokens with what has no headers: a server that is " +
			"not reached by HTTP or WebSocket")
	}
	for name := range o.Headers {
		if strings.EqualFold(name, "Authorization") {
			return errors.New("cannot use Options.Tokens and a header Authorization of " +
				"Options.Headers; leave one of them out")
		}
	}
	return nil
}

// challengeBytesMax is how much of WWW-Authenticate is kept.
const challengeBytesMax = 8 << 10

// challengeOf joins the lines of WWW-Authenticate (RFC 9110, 11.6.1).
func challengeOf(headers []codec.Header) string {
	var all []byte
	for _, h := range headers {
		if !strings.EqualFold(string(h.Name), "WWW-Authenticate") {
			continue
		}
		if len(all) > 0 {
			all = append(all, ", "...)
		}
		all = append(all, h.Value...)
	}
	return string(all[:min(len(all), challengeBytesMax)])
}

// wantsToken tells whether a refusal is one of the token: the request has none, one that is not
// valid, or one of too little scope (RFC 6750, 3.1; 2026-07-28, basic/authorization, "Error
// Handling").
func wantsToken(status int, challenge string) bool {
	return status == http.StatusUnauthorized ||
		status == http.StatusForbidden && strings.Contains(challenge, "insufficient_scope")
}

// refusal is the answer with that head and body as an error.
func refusal(head *codec.Response, body []byte) *HTTPError {
	e := newHTTPError(head.Status, head.Reason, body)
	if head.Status == http.StatusUnauthorized || head.Status == http.StatusForbidden {
		e.Challenge = challengeOf(head.Headers)
	}
	return e
}

// errNoToken begins why a call is not sent again that was refused for its token.
var errNoToken = errors.New("no other token")

func noToken(refused error, why error) error {
	return fmt.Errorf("%w (%w: %w)", refused, errNoToken, why)
}
