package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// settings are the flags of every peer; each peer reads those that mean something to it.
type settings struct {
	addr      string // listen address, host:port
	stdio     bool   // gosdk, mcpgo: serve stdin/stdout and no address
	size      int    // *-fixed: bytes of the JSON answer
	json      bool   // gosdk: answer application/json where it would answer an event stream
	stateless bool   // gosdk, mcpgo: no sessions
	count     int    // many: servers
	tools     int    // many: tools of each
	upstream  string // gosdk-gateway: URL of the server behind it
}

// peer is one reference server; serve returns when it cannot go on.
type peer struct {
	what  string
	serve func(settings) error
}

func peers() map[string]peer {
	return map[string]peer{
		"epoll-echo":     {"raw epoll, one thread, echoes bytes", serveEpollEcho},
		"netpoll-echo":   {"stock netpoll, inline runner, echoes bytes", serveNetpollEcho},
		"fan-out":        {"raw epoll, one thread, tells all listeners in a loop", serveFanOut},
		"net-json":       {"net + bufio + encoding/json, a goroutine each", serveNetJSON},
		"net-codec":      {"net + mcploop's codec, one write a read", serveNetCodec},
		"nethttp-fixed":  {"net/http with a fixed JSON answer", serveNetHTTPFixed},
		"fasthttp-fixed": {"fasthttp with a fixed JSON answer", serveFastHTTPFixed},
		"fasthttp-codec": {"fasthttp + mcploop's codec, reads the body", serveFastHTTPCodec},
		"gosdk":          {"modelcontextprotocol/go-sdk, echo tool on /mcp or stdio", serveGoSDK},
		"gosdk-gateway":  {"modelcontextprotocol/go-sdk, before --upstream", serveGoSDKGateway},
		"many":           {"a crowd of upstreams: --count servers with --tools tools", serveMany},
		"mcpgo":          {"mark3labs/mcp-go, echo tool on /mcp or stdio", serveMCPGo},
	}
}

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(args []string, errOut io.Writer) error {
	all := peers()
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return fmt.Errorf("usage: peers NAME [flags]\n%s", list(all))
	}
	p, ok := all[args[0]]
	if !ok {
		return fmt.Errorf("cannot serve %q, there is:\n%s", args[0], list(all))
	}
	var s settings
	fs := flag.NewFlagSet("peers "+args[0], flag.ContinueOnError)
	fs.SetOutput(errOut)
	fs.StringVar(&s.addr, "addr", "127.0.0.1:9998", "listen `host:port`")
	fs.BoolVar(&s.stdio, "stdio", false, "gosdk, mcpgo: serve stdin and stdout")
	fs.IntVar(&s.size, "size", 0, "*-fixed: `bytes` of the JSON answer; 0 is its natural size")
	fs.BoolVar(&s.json, "json", false, "gosdk: answer application/json, not an event stream")
	fs.BoolVar(&s.stateless, "stateless", false, "gosdk, mcpgo: no sessions")
	fs.IntVar(&s.count, "count", 1, "many: `servers`, on successive ports")
	fs.IntVar(&s.tools, "tools", 1, "many: `tools` of each")
	fs.StringVar(&s.upstream, "upstream", "", "gosdk-gateway: `URL` of the server behind it")
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	return p.serve(s)
}

func list(all map[string]peer) string {
	var lines []string
	for name, p := range all {
		lines = append(lines, fmt.Sprintf("  %-16s %s", name, p.what))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
