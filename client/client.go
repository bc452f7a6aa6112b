package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/mcp"
)

// Client is a connection to one MCP server, with an API that waits. Its methods are safe for
// concurrent use: calls share the connection and do not wait for each other. None of them may
// be called on a loop.
type Client struct {
	opt          Options
	info         []byte // raw Implementation
	capabilities []byte // raw ClientCapabilities
	group        *loop.Group
	ownGroup     bool
	mux          *Mux
	server       atomic.Pointer[serverFacts]
	mirrors      atomic.Pointer[map[string][]mcp.Mirror] // nil before the first ListTools
	renewal      chan struct{}                           // holds a token while a session is renewed
	closing      sync.Once
}

// serverFacts are what the server said of itself; immutable.
type serverFacts struct {
	info         mcp.Implementation
	capabilities json.RawMessage
	instructions string
}

// ServerInfo is the server's name and version; it is zero when the server did not say.
func (c *Client) ServerInfo() mcp.Implementation { return c.server.Load().info }

// ServerCapabilities are the server's capabilities as raw JSON.
func (c *Client) ServerCapabilities() json.RawMessage { return c.server.Load().capabilities }

// Instructions are the server's hint to the model how to use it.
func (c *Client) Instructions() string { return c.server.Load().instructions }

// Version is the revision that was agreed.
func (c *Client) Version() mcp.Version { return c.mux.Version() }

// Mux is the async core, for calls that shall not wait.
func (c *Client) Mux() *Mux { return c.mux }

// Gone is closed when the connection that all calls share has ended: a server's process or stream
// that is no more. It is nil over Streamable HTTP, where there is no such connection.
func (c *Client) Gone() <-chan struct{} {
	if w, ok := c.mux.wire.(shared); ok {
		return w.base().gone
	}
	return nil
}

// Session is the id of the legacy session over Streamable HTTP, "" elsewhere. It is another one
// after a session that the server had forgotten was renewed: what the server knew of this client is
// gone with the old one.
func (c *Client) Session() string { return c.mux.facts.Load().session }

// SessionLost tells whether a, an answer that Mux brought, says that the server has forgotten the
// legacy session: it has not run the call (2025-11-25, basic/transports, "Session Management"). The
// next call of the blocking API opens another session, for Mux, too.
func (c *Client) SessionLost(a Answer) bool {
	status := a.Status
	if a.Err != nil { // what errors.As needs is allocated
		var refusal *HTTPError
		if errors.As(a.Err, &refusal) {
			status = refusal.Status
		}
	}
	return status == statusNotFound && c.mux.facts.Load().session != ""
}

// Stats returns the counters of the connection.
func (c *Client) Stats() Stats { return c.mux.Stats() }

// Ping asks the server for a sign of life: ping, or server/discover, since modern revisions have
// no ping.
func (c *Client) Ping(ctx context.Context) error {
	method := "ping"
	if c.Version().Modern() {
		method = "server/discover"
	}
	_, err := c.Raw(ctx, method, nil)
	return err
}

// Discover asks a modern server what it is; a legacy one answers with an error.
func (c *Client) Discover(ctx context.Context) (*Discovery, error) {
	return c.askDiscover(ctx, c.mux.facts.Load())
}

// Raw calls any method. params is nil or marshals to a JSON object; the result is raw JSON. A
// JSON-RPC error is an *mcp.Error in the error's chain, a refusal of HTTP an *HTTPError. What a
// modern server asks for before it answers is answered by Elicit, Sample and Roots of Options; with
// none of them it is the result.
func (c *Client) Raw(ctx context.Context, method string, params any) (json.RawMessage, error) {
	raw, err := rawObject("the params of "+method, params)
	if err != nil {
		return nil, err
	}
	r := request{method: method, params: raw}
	if mayAsk(method) {
		return c.complete(ctx, r)
	}
	return c.do(ctx, r)
}

// request is a call of the blocking API.
type request struct {
	method     string
	params     []byte
	headers    []byte
	verb       verb
	onProgress func(mcp.ProgressNotificationParams)
}

// do makes a call, and makes it again when all that was wrong is that the session was lost:
// then the server has not run it.
func (c *Client) do(ctx context.Context, r request) (json.RawMessage, error) {
	f := c.mux.facts.Load()
	raw, _, err := c.once(ctx, f, r)
	var refusal *HTTPError
	if f.session == "" || !errors.As(err, &refusal) || refusal.Status != statusNotFound {
		return raw, err
	}
	if fault := c.renew(ctx, f); fault != nil {
		return nil, fmt.Errorf("%w (cannot open another session: %w)", err, fault)
	}
	raw, _, err = c.once(ctx, c.mux.facts.Load(), r)
	return raw, err
}

// statusNotFound is how a server refuses a session that it does not know.
const statusNotFound = 404

// progressQueueMax bounds the progress that waits for the caller; what is more is dropped, as a
// later one says more.
const progressQueueMax = 64

// waiter is a Call with somebody who waits for it.
type waiter struct {
	Call
	progress chan []byte
	done     chan struct{}
	result   []byte
	session  string
	err      error
}

// once makes one call and waits for its answer, or for the end of ctx.
func (c *Client) once(ctx context.Context, f *facts, r request) ([]byte, string, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, "", fmt.Errorf("cannot call %q: %w", r.method, err)
	}
	w := &waiter{done: make(chan struct{})}
	w.Call = Call{
		Method: r.method, Params: r.params, Headers: r.headers, Timeout: c.opt.CallTimeout,
		verb: r.verb,
		Done: func(_ *Call, a Answer) {
			w.result = append([]byte(nil), a.Result...)
			w.session, w.err = a.SessionID, a.failure()
			close(w.done)
		},
	}
	if r.onProgress != nil {
		w.progress = make(chan []byte, progressQueueMax)
		w.Progress = func(_ *Call, params []byte) {
			select {
			case w.progress <- append([]byte(nil), params...):
			default:
			}
		}
	}
	if err := c.mux.start(&w.Call, f); err != nil {
		return nil, "", err
	}
	w.wait(ctx, c.mux, r.onProgress)
	if w.err != nil {
		return nil, "", fmt.Errorf("cannot call %q: %w", r.method, w.err)
	}
	return w.result, w.session, nil
}

// wait runs the caller's progress function here, in the caller's own goroutine.
func (w *waiter) wait(
	ctx context.Context, m *Mux, onProgress func(mcp.ProgressNotificationParams),
) {
	for {
		select {
		case raw := <-w.progress:
			tell(onProgress, raw)
		case <-w.done:
			for len(w.progress) > 0 {
				tell(onProgress, <-w.progress)
			}
			return
		case <-ctx.Done():
			m.Cancel(&w.Call, context.Cause(ctx))
			<-w.done
			return
		}
	}
}

func tell(onProgress func(mcp.ProgressNotificationParams), raw []byte) {
	var p mcp.ProgressNotificationParams
	if json.Unmarshal(raw, &p) == nil {
		onProgress(p)
	}
}

// Close ends the session, the connections and a child process; calls in flight fail with
// ErrClosed. It returns when all of them are gone. Further calls do nothing.
func (c *Client) Close() error {
	c.closing.Do(c.close)
	return nil
}

func (c *Client) close() {
	if c.mux != nil {
		if f := c.mux.facts.Load(); f.session != "" {
			ctx, cancel := context.WithTimeout(context.Background(), c.opt.CloseGrace)
			// A server may refuse (405): the session then ends by its own clock.
			_, _, _ = c.once(ctx, f, request{method: "DELETE", verb: verbDelete})
			cancel()
		}
		c.awaitEnd(c.mux.Close())
	}
	if c.ownGroup {
		hard, cancel := context.WithCancel(context.Background())
		cancel()
		_ = c.group.Drain(hard) // it can only say that connections were left
	}
}

// awaitEnd waits for the connections. A child takes its own grace, twice at most; a peer that
// does not close its end of a socket is cut with the group.
func (c *Client) awaitEnd(gone <-chan struct{}) {
	if len(c.opt.Command) > 0 {
		<-gone
		return
	}
	select {
	case <-gone:
	case <-time.After(c.opt.CloseGrace):
	}
}
