package server_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// Serve runs until its context ends, then drains: calls in flight are answered, no new ones taken.
func ExampleServer_Serve() {
	s, err := server.New(server.Options{
		Name: "example", Version: "1.0.0", HTTP: []string{"127.0.0.1:0"},
		DrainTimeout: 5 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// In a program: signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, stop := context.WithTimeout(context.Background(), time.Millisecond)
	defer stop()
	fmt.Println(s.Serve(ctx))
	// Output: <nil>
}

// One server answers on any number of doors at once, whatever revision their clients speak.
func ExampleServer_Addrs() {
	s, err := server.New(server.Options{
		Name: "example",
		HTTP: []string{"127.0.0.1:0"}, // Streamable HTTP, WebSocket, HTTP+SSE, /health, /metrics
		TCP:  []string{"127.0.0.1:0"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := s.Start(); err != nil {
		fmt.Println(err)
		return
	}
	say := func(a server.Addr) {
		host, _, _ := net.SplitHostPort(a.Addr.String())
		fmt.Println(a.Door, host)
	}
	for _, door := range s.Addrs() {
		say(door)
	}
	_ = s.Drain(context.Background())
	// Output:
	// http 127.0.0.1
	// tcp 127.0.0.1
}

// Every limit has a default; what cannot be is refused with all faults at once.
func ExampleNew() {
	_, err := server.New(server.Options{
		Name:  "example",
		TCP:   []string{"127.0.0.1:0"},
		Lists: server.Lists{CacheScope: "everybody", PageSize: -1},
	})
	fmt.Println(err)
	// Output:
	// cannot make a server: Lists.PageSize is -1; want more than 0
	// Lists.CacheScope is "everybody"; want public or private
}

// A server for many agents on one host, with its limits spelled out.
func ExampleOptions() {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // in earnest: from where your secrets are; every node has the same
	s, err := server.New(server.Options{
		Name: "example", Title: "Example", Version: "1.0.0",
		Instructions: "Call search before you call fetch.",
		Icons:        []mcp.Icon{{Src: "https://example.com/icon.png", MIMEType: "image/png"}},
		HTTP:         []string{"127.0.0.1:0"},
		Limits: server.Limits{
			Connections: 10_000, MessageBytes: 1 << 20, IdleTimeout: 10 * time.Minute,
		},
		Queue:     server.Queue{Max: 1000, Workers: 32},
		Loops:     server.Loops{Count: 2},
		Sessions:  server.Sessions{Max: 10_000, MaxPerPrincipal: 100},
		Lists:     server.Lists{PageSize: 100, TTL: time.Minute, CacheScope: "private"},
		Security:  server.Security{AllowedOrigins: []string{"https://app.example.com"}},
		Input:     server.Input{StateKeys: [][]byte{key}, StateTTL: 5 * time.Minute},
		Tasks:     server.Tasks{Max: 1000},
		WebSocket: server.WebSocket{PingInterval: 20 * time.Second},

		CallTimeout: time.Minute,
	})
	fmt.Println(s != nil, err)
	// Output: true <nil>
}

// Blocking is the mode of a tool unless it says Inline.
func ExampleMode() {
	quick := func(context.Context, *mcp.Request, struct{}) (string, error) { return "pong", nil }
	s := exampleServer()
	add := func(name string, mode ...server.Mode) {
		server.AddTool(s, mcp.Tool{Name: name}, quick, mode...)
	}
	add("quick", server.Inline) // on the loop of the caller's connection
	add("slow")                 // on a worker, it may wait
	show(s, "tools/call", mcp.CallToolParams{Name: "quick"}, "content")
	// Output: [{"type":"text","text":"pong"}]
}
