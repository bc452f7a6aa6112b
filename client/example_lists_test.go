package client_test

import (
	"context"
	"fmt"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
)

// ListRaw is for who shows what another server offers, whatever kind it is of.
func ExampleClient_ListRaw() {
	url, stop := exampleServer()
	defer stop()
	ctx := context.Background()
	c, err := client.Connect(ctx, client.Options{URL: url})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	show := func(kind mcp.Kind, list client.RawList) {
		for _, d := range list.Definitions {
			fmt.Println(kind, d.Name, list.CacheScope)
		}
	}
	for kind := range mcp.KindCount {
		if !c.Offers(kind) {
			continue
		}
		list, err := c.ListRaw(ctx, kind)
		if err != nil {
			fmt.Println(err)
			return
		}
		show(kind, list)
	}
	// Output: tool greet public
}

// What a server sends that nobody gets can be counted over all connections to it.
func ExampleDropped() {
	url, stop := exampleServer()
	defer stop()
	var dropped client.Dropped
	c, err := client.Connect(context.Background(), client.Options{URL: url, Dropped: &dropped})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(dropped.Strays.Load(), dropped.Noise.Load(), dropped.TooLarge.Load())
	// Output: 0 0 0
}
