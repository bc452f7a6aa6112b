package gateway

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// Provider is what runs behind an upstream that is no MCP server. Its methods are called from
// several goroutines at the same time. Before the first of them it must hold nothing that has to
// be closed: one that turns out not to be needed is forgotten.
type Provider interface {
	// List tells what there is. An error is an upstream that is lost: it is asked again later.
	List(ctx context.Context) (Listing, error)
	// Call makes use of a tool, a resource or a prompt. The result is the raw JSON object of a
	// CallToolResult, ReadResourceResult or GetPromptResult of the newest revision. An *mcp.Error
	// fails the call, any other error of a tool is an answer with isError. The context ends when
	// the client gives up and when Options.Timeout has passed.
	Call(ctx context.Context, call ProviderCall) (result []byte, err error)
	// Changed has an element when what List tells has changed; nil: it never does.
	Changed() <-chan struct{}
	// Close ends the provider, when its last call has returned.
	Close() error
}

// Equaler is a Provider that can tell whether another one was made from the same configuration:
// then an upstream keeps the one that it has.
type Equaler interface {
	Equal(other Provider) bool
}

// Watcher is a Provider whose resources change. Watch is called once, before the first List;
// updated may be called from any goroutine until Close has returned.
type Watcher interface {
	Watch(updated func(uri string))
}

// ProviderCall is a client's use of what a Provider has listed.
type ProviderCall struct {
	Kind      mcp.Kind
	Own       string // the name, URI or URI template that was listed
	URI       string // of a resource: what is to be read
	Arguments []byte // raw JSON object of a tool's or prompt's arguments; nil for none
	Req       *mcp.Request
	// Headers are those of the client's own credentials; see Borne.
	Headers map[string]string
	// Notify sends a notification that belongs to the call, e.g. its progress.
	Notify func(method string, params []byte) error
}

// provide runs a call of the provider on a goroutine of its own, if there are not too many.
func (u *Upstream) provide(i *Item, c Caller, req *mcp.Request) {
	p, err := u.guard.admit(i.use, i.Name)
	if err != nil {
		u.failUnsent(c, err)
		return
	}
	headers, err := u.headersOf(c)
	if err != nil {
		u.guard.settle(p, verdictNone, nil)
		u.failUnsent(c, err)
		return
	}
	u.count.calls.Add(1)
	select {
	case u.running <- struct{}{}:
	default:
		u.guard.settle(p, verdictNone, nil)
		u.count.failed.Add(1)
		c.Fail(u.fault(client.ErrOverloaded))
		return
	}
	call := ProviderCall{
		Kind: i.Kind, Own: i.own, Arguments: req.Params.Arguments, Req: req, Notify: c.Notify,
		Headers: headers,
	}
	if i.Kind.Use() == mcp.MethodResourcesRead {
		call.URI = req.Params.Name
	}
	go func() {
		defer func() { <-u.running }()
		u.runProvider(i, c, call, p)
	}()
}

// runProvider runs one call and answers it.
func (u *Upstream) runProvider(i *Item, c Caller, call ProviderCall, p passes) {
	ctx, cancel := context.WithTimeoutCause(c.Context(), u.opt.Timeout, client.ErrTimeout)
	defer cancel()
	defer context.AfterFunc(u.life, cancel)()
	result, err := u.guarded(ctx, call)
	u.guard.settle(p, judgeProvider(ctx, c.Context(), err), nil)
	if err != nil && harmless(err, false, i.twice) {
		if p, again := u.repeats(ctx, i); again {
			result, err = u.guarded(ctx, call)
			u.guard.settle(p, judgeProvider(ctx, c.Context(), err), nil)
		}
	}
	switch cause := context.Cause(ctx); {
	case c.Context().Err() != nil:
		u.count.cancelled.Add(1) // nobody waits any more
		return
	case err != nil && errors.Is(cause, client.ErrTimeout):
		u.count.failed.Add(1)
		c.Fail(u.fault(client.ErrTimeout))
		return
	case err == nil:
		result, err = splice(nil, result, call.Kind.Use(), call.Req.Version)
	}
	if err != nil {
		u.count.failed.Add(1)
		c.Fail(err)
		return
	}
	c.ReplyRaw(result)
}

// repeats waits until a call of the item may be made once more, and tells whether it may.
func (u *Upstream) repeats(ctx context.Context, i *Item) (p passes, ok bool) {
	deadline, _ := ctx.Deadline()
	pause := u.affords(time.Until(deadline))
	if pause == 0 {
		return p, false
	}
	select {
	case <-ctx.Done():
		return p, false
	case <-time.After(pause):
	}
	p, err := u.guard.admit(i.use, i.Name)
	return p, err == nil
}

// guarded turns a provider's panic into an error.
func (u *Upstream) guarded(ctx context.Context, call ProviderCall) (result []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			u.host.Log.Error("upstream's provider panicked", "upstream", u.opt.Name,
				"name", call.Own, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = codec.ErrInternal
		}
	}()
	return u.opt.Provider.Call(ctx, call)
}

// attendProvider is session for a provider: it lists what there is now, and when it changes.
func (i *instance) attendProvider(ctx context.Context, a *attempt) error {
	u := i.up
	tick := time.NewTicker(u.opt.Refresh)
	defer tick.Stop()
	limit := u.opt.StartTimeout
	for first := true; ; first = false {
		look, cancel := context.WithTimeout(ctx, limit)
		list, err := u.opt.Provider.List(look)
		cancel()
		if err != nil {
			return fmt.Errorf("cannot list what it has: %w", err)
		}
		u.offer(&list)
		u.cache(&list.Caching)
		if first {
			i.provides(a)
			if u.host.Ready != nil {
				u.host.Ready()
			}
			limit = u.opt.Timeout
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-u.opt.Provider.Changed():
		case <-i.wake:
		case <-tick.C:
		}
	}
}

// provides takes note of a provider that has listed what it has.
func (i *instance) provides(a *attempt) {
	a.ready()
	u := i.up
	u.mu.Lock()
	defer u.mu.Unlock()
	i.found()
	u.host.Log.Info("upstream is ready", "upstream", u.opt.Name, "items", len(u.offered))
}

// closeProvider waits for the calls, which were told to end, lets no more in, and ends the
// provider.
func (u *Upstream) closeProvider() {
	if u.opt.Provider == nil {
		return
	}
	for range cap(u.running) {
		u.running <- struct{}{}
	}
	if err := u.opt.Provider.Close(); err != nil {
		u.host.Log.Warn("upstream did not end well", "upstream", u.opt.Name, "reason", err)
	}
}
