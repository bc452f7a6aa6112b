package openapi_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
	"github.com/mcploop/mcploop/server/gateway/openapi"
)

// seen is a request as an API got it.
type seen struct {
	*http.Request
	body string
}

// api is a REST API whose answers a test decides.
type api struct {
	t      *testing.T
	url    string
	seen   chan seen
	answer atomic.Pointer[http.HandlerFunc] // nil answers {}
	*openapi.Provider
}

// start serves an API, and makes a provider of opt for it.
func start(t *testing.T, opt openapi.Options) *api {
	t.Helper()
	a := &api{t: t, seen: make(chan seen, 1000)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("the body of a request: %v", err)
		}
		a.seen <- seen{r, string(body)}
		if answer := a.answer.Load(); answer != nil {
			(*answer)(w, r)
			return
		}
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(s.Close)
	a.url = s.URL
	if opt.BaseURL == "" {
		opt.BaseURL = s.URL + "/v1"
	}
	a.Provider = provide(t, opt)
	return a
}

// answers has every request from now on answered so.
func (a *api) answers(f http.HandlerFunc) { a.answer.Store(&f) }

func provide(t *testing.T, opt openapi.Options) *openapi.Provider {
	t.Helper()
	opt.Log = slog.New(slog.DiscardHandler)
	p, err := openapi.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// tool is a definition as clients read it.
type tool struct {
	Name, Title, Description string
	InputSchema              json.RawMessage
	OutputSchema             json.RawMessage
	Annotations              *mcp.ToolAnnotations
}

func list(t *testing.T, p *openapi.Provider) map[string]tool {
	t.Helper()
	l, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]tool{}
	for _, raw := range l.Tools {
		var def tool
		if err := json.Unmarshal(raw.Raw, &def); err != nil || def.Name != raw.Name {
			t.Errorf("got %s, %v", raw.Raw, err)
		}
		all[raw.Name] = def
	}
	return all
}

type result struct {
	IsError           bool
	StructuredContent json.RawMessage
	Content           []struct{ Type, Text string }
}

func (a *api) must(name, args string) *result {
	a.t.Helper()
	raw, err := a.Call(a.t.Context(), gateway.ProviderCall{
		Kind: mcp.KindTool, Own: name, Arguments: []byte(args),
		Req: &mcp.Request{Version: mcp.LatestModern},
	})
	if err != nil {
		a.t.Fatalf("%s: %v", name, err)
	}
	var r result
	if err := json.Unmarshal(raw, &r); err != nil {
		a.t.Fatalf("%s was answered %s: %v", name, raw, err)
	}
	return &r
}

// got is the request that came.
func (a *api) got() seen {
	a.t.Helper()
	select {
	case s := <-a.seen:
		return s
	default:
		a.t.Fatal("no request came")
		return seen{}
	}
}
