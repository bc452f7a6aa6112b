package rest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
	"github.com/mcploop/mcploop/server/gateway/rest"
)

// seen is a request as an API got it.
type seen struct {
	*http.Request
	body string
}

// api is a REST API whose answers a test decides, and the tools that call it.
type api struct {
	t    *testing.T
	url  string
	seen chan seen
	*rest.Provider
}

// startAPI serves answer; the tools are those of opt, with the API as their base.
func startAPI(t *testing.T, opt rest.Options, answer http.HandlerFunc) *api {
	t.Helper()
	a := &api{t: t, seen: make(chan seen, 1000)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("the body of a request: %v", err)
		}
		a.seen <- seen{r, string(body)}
		if answer != nil {
			answer(w, r)
		}
	}))
	t.Cleanup(s.Close)
	a.url = s.URL
	if opt.BaseURL == "" {
		opt.BaseURL = s.URL
	}
	var err error
	if a.Provider, err = rest.New(opt); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// result is an answer as a client reads it.
type result struct {
	IsError           bool
	StructuredContent json.RawMessage
	Content           []struct {
		Type, Text, Data, MIMEType string
		Resource                   struct{ URI, MIMEType, Blob string }
	}
}

// text is the first text of it.
func (r *result) text() string {
	if len(r.Content) == 0 {
		return ""
	}
	return r.Content[0].Text
}

// call calls a tool; args is a JSON object.
func (a *api) call(ctx context.Context, tool, args string) (result, error) {
	a.t.Helper()
	raw, err := a.Call(ctx, gateway.ProviderCall{
		Kind: mcp.KindTool, Own: tool, Arguments: []byte(args),
		Req: &mcp.Request{Version: mcp.LatestModern},
	})
	var r result
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		a.t.Fatalf("%s was answered %s: %v", tool, raw, err)
	}
	return r, nil
}

// must is call without an error.
func (a *api) must(tool, args string) result {
	a.t.Helper()
	r, err := a.call(a.t.Context(), tool, args)
	if err != nil {
		a.t.Fatalf("%s: %v", tool, err)
	}
	return r
}

// got is the request that came last.
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

// nothing: no request came.
func (a *api) nothing() bool { return len(a.seen) == 0 }

func quoted(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(raw)
}
