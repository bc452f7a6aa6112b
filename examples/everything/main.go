// Command everything shows every feature of the server through its public API. It is also what
// the conformance suite runs against, which is why many names and texts are the suite's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGPIPE)
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "everything:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. Without a flag it serves standard input and output, as clients
// expect of a command.
func run(ctx context.Context, args []string) error {
	opt := server.Options{
		Name: "mcploop-everything", Title: "Everything", Version: "0.1.0",
		Description:       "Shows every feature of MCP.",
		WebsiteURL:        "https://github.com/mcploop/mcploop",
		Icons:             []mcp.Icon{icon},
		Instructions:      "A server that shows every feature of MCP.",
		CompletionHandler: complete,
		WebSocket:         server.WebSocket{Compression: true},
		Limits:            server.Limits{ProgressInterval: -1}, // the ledger's emit tells of all
		Log:               slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	flags := flag.NewFlagSet("everything", flag.ContinueOnError)
	add := func(list *[]string) func(string) error {
		return func(v string) error { *list = append(*list, v); return nil }
	}
	flags.Func("http", "address of the HTTP door, e.g. 127.0.0.1:9999", add(&opt.HTTP))
	flags.Func("tcp", "address of the TCP door", add(&opt.TCP))
	flags.Func("unix", "path of the unix socket door", add(&opt.Unix))
	flags.BoolVar(&opt.Stdio, "stdio", false, "serve standard input and output")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if len(opt.HTTP)+len(opt.TCP)+len(opt.Unix) == 0 {
		opt.Stdio = true
	}
	s, err := server.New(opt)
	if err != nil {
		return err
	}
	addTools(s)
	addFixtures(s)
	addTasks(s)
	addAgent(s)
	if err := errors.Join(addLedger(s), addResources(s), addPrompts(s), addInput(s)); err != nil {
		return err
	}
	go changeWatched(ctx, s)
	return s.Serve(ctx)
}
