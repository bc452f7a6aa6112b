package server_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// A view shows a part of what upstreams offer on a path of its own.
func ExampleServer_AddView() {
	quiet := slog.New(slog.DiscardHandler)
	behind, err := server.New(server.Options{
		Name: "behind", TCP: []string{"127.0.0.1:0"}, Log: quiet,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"open_door", "close_door", "burn_house"} {
		server.AddTool(behind, mcp.Tool{Name: name},
			func(context.Context, *mcp.Request, struct{}) (string, error) { return name, nil })
	}
	front, err := server.New(server.Options{
		Name: "front", HTTP: []string{"127.0.0.1:0"}, Log: quiet,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for _, s := range []*server.Server{behind, front} {
		if err := s.Start(); err != nil {
			fmt.Println(err)
			return
		}
		defer func() { _ = s.Drain(ctx) }()
	}
	err = front.AddView(server.ViewOptions{
		Name: "doors", Instructions: "Mind the gap.", Allow: []string{"*_door"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	changed := make(chan string, 10)
	c, err := client.Connect(ctx, client.Options{
		URL:            "ws://" + front.Addrs()[0].Addr.String() + "/mcp/doors",
		Era:            client.Legacy,
		OnNotification: func(method string, _ []byte) { changed <- method },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	err = front.AddUpstream(gateway.Options{
		Name:   "house",
		Client: client.Options{URL: "tcp://" + behind.Addrs()[0].Addr.String()},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-changed)
	tools, err := c.ListTools(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range tools {
		fmt.Println(t.Name)
	}
	fmt.Println(c.Instructions())
	// Output:
	// notifications/tools/list_changed
	// close_door
	// open_door
	// Mind the gap.
}
