package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// fakeProvider offers one of each kind. What it does a test decides.
type fakeProvider struct {
	call    func(ctx context.Context, call gateway.ProviderCall) ([]byte, error)
	changed chan struct{}
	updated func(uri string)
	closed  atomic.Bool

	mu    sync.Mutex // guards what follows
	more  []gateway.Raw
	fault error
}

func (p *fakeProvider) List(context.Context) (gateway.Listing, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return gateway.Listing{
		Tools: append([]gateway.Raw{
			{Name: "do", Raw: json.RawMessage(
				`{"name":"do","inputSchema":{"type":"object"},"x":1}`)},
		}, p.more...),
		Resources: []gateway.Raw{
			{Name: "p://r", Raw: json.RawMessage(`{"uri":"p://r","name":"r"}`)},
		},
		Templates: []gateway.Raw{
			{Name: "p://t/{x}", Raw: json.RawMessage(`{"uriTemplate":"p://t/{x}","name":"t"}`)},
		},
		Prompts: []gateway.Raw{{Name: "ask", Raw: json.RawMessage(`{"name":"ask"}`)}},
	}, p.fault
}

func (p *fakeProvider) Call(ctx context.Context, call gateway.ProviderCall) ([]byte, error) {
	return p.call(ctx, call)
}

func (p *fakeProvider) Changed() <-chan struct{}       { return p.changed }
func (p *fakeProvider) Watch(updated func(uri string)) { p.updated = updated }
func (p *fakeProvider) Close() error {
	p.closed.Store(true)
	return nil
}

// tells answers with what it was asked.
func tells(_ context.Context, c gateway.ProviderCall) ([]byte, error) {
	text := fmt.Sprintf("%s %s %s %s", c.Kind, c.Own, c.URI, c.Arguments)
	switch c.Kind {
	case mcp.KindTool:
		return mcp.AppendTextResult(nil, []byte(text)), nil
	case mcp.KindPrompt:
		return fmt.Appendf(nil, `{"description":%q,"messages":[]}`, text), nil
	}
	return fmt.Appendf(nil, `{"contents":[{"uri":%q,"text":%q}]}`, c.URI, text), nil
}

// provided serves a gateway before p.
func provided(t *testing.T, p *fakeProvider, change func(*gateway.Options)) *running {
	t.Helper()
	p.changed = make(chan struct{}, 1)
	g := behind(t, func(o *gateway.Options) {
		o.Provider = p
		if change != nil {
			change(o)
		}
	})
	g.has("up__do", true)
	return g
}

func TestProviderOffersEveryKind(t *testing.T) {
	p := &fakeProvider{call: tells}
	g := provided(t, p, nil)
	g.eras(func(era string, ask func(method, params string) string) {
		wantIn(t, ask("tools/list", ""), `"x":1`)
		wantIn(t, ask("tools/call", `"name":"up__do","arguments":{"a":1.0}`),
			`"text":"tool do  {\"a\":1.0}"`)
		wantIn(t, ask("resources/read", `"uri":"p://r"`), `"resource p://r p://r `)
		wantIn(t, ask("resources/read", `"uri":"p://t/7"`), `"resource template p://t/{x} p://t/7 `)
		wantIn(t, ask("prompts/get", `"name":"up__ask","arguments":{"q":"z"}`),
			`"description":"prompt ask  {\"q\":\"z\"}"`)
	})
	p.mu.Lock()
	p.more = []gateway.Raw{{Name: "late", Raw: json.RawMessage(
		`{"name":"late","inputSchema":{"type":"object"}}`)}}
	p.mu.Unlock()
	p.changed <- struct{}{}
	g.has("up__late", true)
	c := g.dialTCP()
	c.initialize("2025-11-25")
	wantIn(t, c.ask(legacyLine("1", "resources/subscribe", `"uri":"p://r"`)), `"result":{}`)
	p.updated("p://r")
	wantIn(t, c.read(), mcp.NotifyResourcesUpdated, "p://r")
	if err := g.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !p.closed.Load() {
		t.Error("the provider was not closed")
	}
}

func TestProviderFaultsStayAtHome(t *testing.T) {
	begun, ended := make(chan struct{}, 8), make(chan error, 8)
	p := &fakeProvider{}
	p.call = func(ctx context.Context, c gateway.ProviderCall) ([]byte, error) {
		switch string(c.Req.Arg("do")) {
		case `"panic"`:
			panic("out")
		case `"fail"`:
			return nil, errors.New("could not")
		case `"refuse"`:
			return nil, &mcp.Error{Code: 42, Message: "no"}
		case `"wait"`:
			begun <- struct{}{}
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return nil, ctx.Err()
		case `"nothing"`:
			return []byte(`[]`), nil
		}
		return tells(ctx, c)
	}
	g := provided(t, p, func(o *gateway.Options) {
		o.Timeout, o.Client.InFlightMax = time.Second, 2
	})
	call := func(do string) string {
		return g.text(g.post(modernCall("1", "up__do", `{"do":"`+do+`"}`)))
	}
	wantIn(t, call("panic"), "-32603")
	wantIn(t, call("fail"), `"isError":true`, "could not")
	wantIn(t, call("refuse"), `"code":42`)
	wantIn(t, call("nothing"), `"isError":true`)
	wantIn(t, call("wait"), "-31001", `upstream \"up\" did not answer within`)
	<-begun
	if cause := <-ended; cause == nil {
		t.Error("the provider's context ended without a cause")
	}
	c := g.dialTCP()
	c.initialize("2025-11-25")
	for id := range 2 {
		c.line(legacyCall(fmt.Sprint(id), "up__do", `{"do":"wait"}`))
		<-begun
	}
	wantIn(t, call("x"), "-31000")
	for id := range 2 {
		c.line(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled",`+
			`"params":{"requestId":%d}}`, id))
		if cause := wait(t, "the provider hears of it", ended); cause == nil {
			t.Error("the provider's context ended without a cause")
		}
	}
	eventually(t, "a call is answered again", func() bool {
		return strings.Contains(call("x"), "tool do")
	})
	for name, want := range map[string]float64{
		"calls_total": 9, "cancelled_total": 2, "in_flight": 0, "in_flight_max": 2,
	} {
		got := g.metric(`mcploop_upstream_` + name + `{upstream="up"}`)
		if got != want && (name != "calls_total" || got < want) {
			t.Errorf("got %v %s, want %v", got, name, want)
		}
	}
}

// TestProviderThatIsLost: what it offers goes after the grace and comes back with it.
func TestProviderThatIsLost(t *testing.T) {
	p := &fakeProvider{call: tells}
	g := provided(t, p, func(o *gateway.Options) { o.Grace = time.Millisecond })
	set := func(err error) {
		p.mu.Lock()
		p.fault = err
		p.mu.Unlock()
	}
	set(errors.New("the file has gone"))
	p.changed <- struct{}{}
	g.has("up__do", false)
	g.logs("the file has gone")
	set(nil)
	g.has("up__do", true)
}
