package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// A server of the legacy era may ask its client while a call is in flight. OnRequest is told on a
// loop, so it hands the request to somebody who has time.
func ExampleAsk() {
	s, err := server.New(server.Options{Name: "example", TCP: []string{"127.0.0.1:0"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	server.AddTool(s, mcp.Tool{Name: "where"},
		func(_ context.Context, req *mcp.Request, _ struct{}) (string, error) {
			var answer mcp.ListRootsResult
			if err := req.Input("roots", &answer); errors.Is(err, mcp.ErrNoInput) {
				return "", &mcp.InputRequired{
					Requests: mcp.InputRequests{"roots": &mcp.ListRootsParams{}},
				}
			} else if err != nil {
				return "", err
			}
			return answer.Roots[0].URI, nil
		})
	if err := s.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer stopServer(s)

	asks := make(chan *client.Ask, 1)
	ctx := context.Background()
	c, err := client.Connect(ctx, client.Options{
		URL: "tcp://" + s.Addrs()[0].Addr.String(), Era: client.Legacy,
		Capabilities: map[string]any{"roots": struct{}{}},
		OnRequest:    func(a *client.Ask) { asks <- a },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	go func() {
		a := <-asks
		fmt.Println(a.Method, "for", a.Call.Method)
		if err := a.Answer([]byte(`{"roots":[{"uri":"file:///home/ada"}]}`)); err != nil {
			fmt.Println(err) // too late: the server or its connection has given up
		}
	}()
	result, err := c.Call(ctx, "where", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Content[0].(*mcp.TextContent).Text)
	// Output:
	// roots/list for tools/call
	// file:///home/ada
}

// A tool with annotations that are not valid must not be used over HTTP; a list says which.
func ExampleUnfit() {
	const list = `{"resultType":"complete","ttlMs":0,"cacheScope":"public","tools":[{` +
		`"name":"pay","inputSchema":{"type":"object","properties":` +
		`{"sum":{"type":"number","x-mcp-header":"Sum"}}}}]}`
	const discovery = `{"resultType":"complete","ttlMs":0,"cacheScope":"public",` +
		`"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}`
	foreign := httptest.NewServer(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			result := discovery
			if r.Header.Get("Mcp-Method") == "tools/list" {
				result = list
			}
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(codec.AppendResult(nil, codec.Find(body, "id"), []byte(result)))
		}))
	defer foreign.Close()
	ctx := context.Background()
	c, err := client.Connect(ctx, client.Options{
		URL: foreign.URL, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	tools, err := c.ListRaw(ctx, mcp.KindTool)
	if err != nil {
		fmt.Println(err)
		return
	}
	show := func(u client.Unfit) { fmt.Println(u.Name, "cannot be used:", u.Fault != "") }
	for _, u := range tools.Unfit {
		show(u)
	}
	fmt.Println(len(tools.Definitions))
	// Output:
	// pay cannot be used: true
	// 0
}
