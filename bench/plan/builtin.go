package plan

import "github.com/mcploop/mcploop/bench/load"

// peer is a row of bench/peers.
func peer(name, kind, transport string, args ...string) Row {
	command := append([]string{"{bin}/peers", kind, "--addr", "{addr}"}, args...)
	return Row{Name: name, Command: command, Transport: transport, Cure: "make peers-build"}
}

// ours is a row of the binary itself.
func ours(name, door, transport string) Row {
	return Row{
		Name: name, Command: []string{"{bin}/mcploop", "serve", door, "{addr}"},
		Transport: transport,
	}
}

// tsSDK is the server of bench/peers/ts on the TypeScript SDK v1 or v2.
func tsSDK(name, version, door, transport string, args ...string) Row {
	command := append([]string{"node", "bench/peers/ts/" + version + ".mjs", door}, args...)
	return Row{Name: name, Command: command, Transport: transport, Cure: "make peers-ts"}
}

func stdio(name string, command ...string) Row {
	return Row{Name: name, Command: command, Transport: load.TransportStdio}
}

// repeat is a call of three arguments, of a tool that has a schema or none.
func repeat(name string) Row {
	return Row{
		Name: name, Command: []string{"{bin}/everything", "--tcp", "{addr}"},
		Transport: load.TransportTCP, Tool: "repeat_" + name,
		Args: `{"message":"{text}","limit":10,"verbose":true}`,
	}
}

// sample is one of the sample tools, which all do the same: here and now, or on a worker.
func sample(name, tool string) Row {
	r := ours(name, "--tcp", load.TransportTCP)
	r.Tool = tool
	return r
}

// Builtin returns the comparisons behind docs/numbers.md, by name.
func Builtin() map[string]Plan {
	return map[string]Plan{
		"tcp": {
			Name: "tcp", Reference: "netpoll-echo",
			Rows: []Row{
				ours("mcploop", "--tcp", load.TransportTCP),
				peer("netpoll-echo", "netpoll-echo", load.TransportEcho),
				peer("epoll-echo", "epoll-echo", load.TransportEcho),
				peer("net-codec", "net-codec", load.TransportTCP),
				peer("net-json", "net-json", load.TransportTCP),
			},
			Cases: []Case{
				{"C=64 P=1", 64, 1, 0},
				{"C=64 P=16", 64, 16, 0},
				{"C=1000 P=1", 1000, 1, 0},
				{"C=1000 P=16", 1000, 16, 0},
			},
		},
		"http":          httpPlan(),
		"gateway":       gatewayPlan(),
		"gateway-stdio": gatewayStdioPlan(),
		"ws": {
			Name: "ws", Reference: "tcp",
			Rows: []Row{
				ours("ws", "--http", load.TransportWS), ours("tcp", "--tcp", load.TransportTCP),
			},
			Cases: threeCases(),
		},
		"schema": {
			Name: "schema", Reference: "unchecked",
			Rows:  []Row{repeat("checked"), repeat("unchecked")},
			Cases: threeCases(),
		},
		"hop": {
			Name: "hop", Reference: "inline",
			Rows:  []Row{sample("inline", "echo"), sample("blocking", "echo_blocking")},
			Cases: []Case{{"C=64 P=16", 64, 16, 0}, {"C=64 P=1", 64, 1, 0}},
		},
		"loops": loopsPlan(),
		"stdio": {
			Name: "stdio", Reference: "go-sdk",
			Rows: []Row{
				stdio("mcploop", "{bin}/mcploop", "serve", "--stdio"),
				stdio("go-sdk", "{bin}/peers", "gosdk", "--stdio"),
				stdio("mcp-go", "{bin}/peers", "mcpgo", "--stdio"),
				tsSDK("ts-sdk v1", "v1", "stdio", load.TransportStdio),
				tsSDK("ts-sdk v2", "v2", "stdio", load.TransportStdio),
			},
			Cases: []Case{{"P=64", 1, 64, 0}},
		},
	}
}

// loopsPlan compares one loop with two on the same two cores, which the client shares: what is
// left of a core when it is not full costs more wake-ups, for netpoll's two pollers as well.
func loopsPlan() Plan {
	p := Plan{Name: "loops", Reference: "one loop", Cases: threeCases()}
	for procs, words := range []string{"one loop", "two loops"} {
		own := ours(words, "--tcp", load.TransportTCP)
		echo := peer("netpoll-echo "+words, "netpoll-echo", load.TransportEcho)
		own.Procs, echo.Procs = procs+1, procs+1
		p.Rows = append(p.Rows, own, echo)
	}
	return p
}

func threeCases() []Case {
	return []Case{{"C=64 P=1", 64, 1, 0}, {"C=64 P=16", 64, 16, 0}, {"C=1000 P=1", 1000, 1, 0}}
}

func httpPlan() Plan {
	return Plan{
		Name: "http", Reference: "fasthttp-fixed",
		Rows: []Row{
			ours("mcploop modern", "--http", load.TransportHTTPModern),
			ours("mcploop legacy", "--http", load.TransportHTTPLegacy),
			peer("fasthttp-fixed", "fasthttp-fixed", load.TransportHTTPFixed, "--size", "{size}"),
			peer("fasthttp-codec", "fasthttp-codec", load.TransportHTTPModern),
			peer("nethttp-fixed", "nethttp-fixed", load.TransportHTTPFixed, "--size", "{size}"),
			peer("mcp-go modern", "mcpgo", load.TransportHTTPModern),
			peer("mcp-go legacy", "mcpgo", load.TransportHTTPLegacy),
			peer("go-sdk modern", "gosdk", load.TransportHTTPModern, "--stateless", "--json"),
			peer("go-sdk legacy", "gosdk", load.TransportHTTPLegacy),
			peer("go-sdk legacy json", "gosdk", load.TransportHTTPLegacy, "--json"),
			tsSDK("ts-sdk v1 legacy json", "v1", "http", load.TransportHTTPLegacy, "{addr}"),
			tsSDK("ts-sdk v2 modern", "v2", "http", load.TransportHTTPModern, "{addr}"),
		},
		Cases: []Case{
			{"C=16 P=1", 16, 1, 0}, {"C=256 P=1", 256, 1, 0}, {"C=1000 P=1", 1000, 1, 0},
		},
	}
}
