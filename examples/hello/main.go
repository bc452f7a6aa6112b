// Command hello is the smallest MCP server: one typed tool over HTTP, for clients of every era.
package main

import (
	"context"
	"log"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

type greetInput struct {
	Name string `json:"name" jsonschema:"whom to greet"`
}

func greet(_ context.Context, _ *mcp.Request, in greetInput) (string, error) {
	return "Hello, " + in.Name + "!", nil
}

func main() {
	s, err := server.New(server.Options{Name: "hello", HTTP: []string{"127.0.0.1:9999"}})
	if err != nil {
		log.Fatal(err)
	}
	server.AddTool(s, mcp.Tool{Name: "greet", Description: "Greets somebody."}, greet)
	log.Fatal(s.Serve(context.Background()))
}
