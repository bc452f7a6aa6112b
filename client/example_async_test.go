package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
)

// connected is a client of the example server.
func connected(url string) *client.Client {
	c, err := client.Connect(context.Background(), client.Options{URL: url})
	if err != nil {
		panic(err)
	}
	return c
}

// A Mux does not wait: it calls back on a loop, so nothing there may block.
func ExampleMux() {
	url, stop := exampleServer()
	defer stop()
	c := connected(url)
	defer c.Close()

	balanced := func(s client.Stats) bool { return s.Calls == s.Answers && s.InFlight == 0 }
	start := func(m *client.Mux, call *client.Call) error { return m.Start(call) }
	said := make(chan string)
	call := &client.Call{
		Method: "tools/call", Params: []byte(`{"name":"greet","arguments":{"name":"Ada"}}`),
		Done: func(_ *client.Call, a client.Answer) {
			text := fmt.Sprint(a.Status, a.Err, len(a.Error), len(a.Result) > 0)
			go func() { said <- text }() // the bytes of a are valid until Done returns
		},
	}
	if err := start(c.Mux(), call); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-said)
	fmt.Println(balanced(c.Stats()))
	// Output:
	// 200 <nil> 0 true
	// true
}

// What a modern server says of itself can be asked for at any time.
func ExampleClient_Discover() {
	url, stop := exampleServer()
	defer stop()
	c := connected(url)
	defer c.Close()
	name := func(d *client.Discovery) string { return d.Meta.ServerInfo.Name }
	d, err := c.Discover(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(name(d), d.SupportedVersions[0])
	// Output: example 2026-07-28
}

// A refusal of HTTP is an *HTTPError, with the JSON-RPC error behind it when there is one.
func ExampleHTTPError() {
	url, stop := exampleServer()
	defer stop()
	c := connected(url)
	defer c.Close()
	_, err := c.Raw(context.Background(), "no/such/method", nil)
	var refusal *client.HTTPError
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Status, refusal.Cause.Code)
	}
	// Output: 404 -32601
}

// Options of a call can be collected, as options of other packages.
func ExampleCallOption() {
	url, stop := exampleServer()
	defer stop()
	c := connected(url)
	defer c.Close()
	var options []client.CallOption // client.OnProgress is one
	result, err := c.Call(context.Background(), "greet", map[string]string{"name": "Eve"},
		options...)
	fmt.Println(len(result.Content), err)
	// Output: 1 <nil>
}

// Auto finds the era that a server has; the others ask for one.
func ExampleEra() {
	url, stop := exampleServer()
	defer stop()
	for _, era := range []client.Era{client.Auto, client.Modern, client.Legacy} {
		c, err := client.Connect(context.Background(), client.Options{URL: url, Era: era})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(era, c.Version())
		_ = c.Close()
	}
	// Output:
	// auto 2026-07-28
	// modern 2026-07-28
	// legacy 2025-11-25
}

// ListRawTools is for who shows another server's tools: a definition stays as it was written.
func ExampleClient_ListRawTools() {
	url, stop := exampleServer()
	defer stop()
	ctx := context.Background()
	c, err := client.Connect(ctx, client.Options{URL: url})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	tools, err := c.ListRawTools(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	show := func(t mcp.RawTool) { fmt.Println(t.Name, json.Valid(t.Raw)) }
	show(tools[0])
	// Output: greet true
}
