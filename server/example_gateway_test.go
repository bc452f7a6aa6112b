package server_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// exampleGateway is a server that serves, and how to reach another one that it can be put before.
func exampleGateway() (front *server.Server, behind gateway.Options, stop func()) {
	started := func(name string) *server.Server {
		s, err := server.New(server.Options{
			Name: name, TCP: []string{"127.0.0.1:0"}, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			panic(err)
		}
		for _, tool := range []string{"open_" + name, "burn_" + name} {
			server.AddTool(s, mcp.Tool{Name: tool},
				func(context.Context, *mcp.Request, struct{}) (string, error) { return tool, nil })
		}
		if err := s.Start(); err != nil {
			panic(err)
		}
		return s
	}
	front, back := started("front"), started("back")
	behind = gateway.Options{
		Name:   "hall",
		Client: client.Options{URL: "tcp://" + back.Addrs()[0].Addr.String()},
	}
	return front, behind, func() {
		ctx := context.Background()
		_ = errors.Join(front.Drain(ctx), back.Drain(ctx))
	}
}

// toolsChanged connects to s; the channel tells whenever its tools have changed.
func toolsChanged(s *server.Server) (changed <-chan string, c *client.Client) {
	said := make(chan string, 10)
	c, err := client.Connect(context.Background(), client.Options{
		URL: "tcp://" + s.Addrs()[0].Addr.String(), Era: client.Legacy,
		OnNotification: func(method string, _ []byte) { said <- method },
	})
	if err != nil {
		panic(err)
	}
	return said, c
}

// A reload gives the whole list of upstreams: what is equal stays as it is, with its calls.
func ExampleServer_SetUpstreams() {
	front, hall, stop := exampleGateway()
	defer stop()
	show := func(c server.UpstreamChanges, err error) {
		fmt.Println("added", c.Added, "removed", c.Removed, "kept", c.Kept, err)
	}
	show(front.SetUpstreams([]gateway.Options{hall}))
	attic := hall
	attic.Name = "attic"
	show(front.SetUpstreams([]gateway.Options{hall, attic}))
	show(front.SetUpstreams([]gateway.Options{attic}))
	// Output:
	// added [hall] removed [] kept [] <nil>
	// added [attic] removed [] kept [hall] <nil>
	// added [] removed [hall] kept [attic] <nil>
}

// Why does, or does not, a client see a tool? Explain knows, by any name of it.
func ExampleServer_Explain() {
	front, hall, stop := exampleGateway()
	defer stop()
	changed, c := toolsChanged(front)
	defer c.Close()
	hall.Deny = []string{"burn_*"}
	if err := front.AddUpstream(hall); err != nil {
		fmt.Println(err)
		return
	}
	<-changed
	show := func(x *server.Explanation) {
		tell := func(f server.Finding) { fmt.Println(x.Asked, "of", f.Upstream, "is", f.Status) }
		for _, f := range x.Found {
			tell(f)
		}
	}
	show(front.Explain("open_back"))
	show(front.Explain("burn_back"))
	ask := func(of server.UpstreamFinding) {
		fmt.Println(of.Name, "has", of.NotOffered, "that nobody sees, breaker", of.Breaker)
	}
	for _, of := range front.Explain("hall").Upstreams {
		ask(of)
	}
	// Output:
	// open_back of hall is offered
	// burn_back of hall is denied
	// hall has 1 that nobody sees, breaker closed
}

// What each upstream is doing, for a page of yours or a check.
func ExampleServer_Upstreams() {
	front, hall, stop := exampleGateway()
	defer stop()
	changed, c := toolsChanged(front)
	defer c.Close()
	if err := front.AddUpstream(hall); err != nil {
		fmt.Println(err)
		return
	}
	<-changed
	show := func(u server.UpstreamStatus) {
		fmt.Printf("%s has %d tools, %d calls\n", u.Name, u.Tools, u.InFlight)
	}
	for _, u := range front.Upstreams() {
		show(u)
	}
	// Output: hall has 2 tools, 0 calls
}

// Some options can be changed while a server serves; what is refused changes nothing.
func ExampleServer_Adjust() {
	front, _, stop := exampleGateway()
	defer stop()
	options := server.Adjustable{
		Security:     server.Security{AllowedOrigins: []string{"https://app.example"}},
		SessionsMax:  1000,
		DrainTimeout: 5 * time.Second,
	}
	fmt.Println(front.Adjust(options))
	options.DrainTimeout = -1
	fmt.Println(front.Adjust(options))
	// Output:
	// <nil>
	// cannot adjust a server that serves: DrainTimeout is -1ns; want more than 0
}

// A reload of everything at once: with a fault in any part of it nothing is changed.
func ExampleServer_Configure() {
	front, hall, stop := exampleGateway()
	defer stop()
	next := server.Configuration{
		Upstreams: []gateway.Options{hall},
		Views:     []server.ViewOptions{{Name: "office", Upstreams: []string{"hall"}}},
		Adjustable: server.Adjustable{
			SessionsMax: 1000, DrainTimeout: 5 * time.Second,
		},
	}
	show := func(c server.Changes, err error) {
		fmt.Println("added", c.Added, "views", c.Views, err != nil)
	}
	show(front.Configure(next))
	next.Upstreams = append(next.Upstreams, gateway.Options{Name: "cellar"}) // where is it?
	show(front.Configure(next))
	// Output:
	// added [hall] views [office] false
	// added [] views [] true
}
