package goals

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// source is a command of bench whose result holds values of one or more goals.
type source struct {
	name  string
	about string
	args  []string
	// repeats is how often the command is run for a spread; commands that go round by round
	// themselves are run once.
	repeats int
}

// command is what a person types.
func (s *source) command() string {
	quoted := make([]string, len(s.args))
	for i, arg := range s.args {
		quoted[i] = arg
		if strings.ContainsAny(arg, " {\"$&;") {
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return "bench " + strings.Join(quoted, " ")
}

// file returns where the result of run i lies.
func (s *source) file(dir string, i int) string {
	if s.repeats == 1 {
		return filepath.Join(dir, s.name+".json")
	}
	return filepath.Join(dir, fmt.Sprintf("%s-%d.json", s.name, i+1))
}

// sources returns the commands, in the order in which they are run.
func sources(rounds int) []source {
	peers := func(plan, span, rows string) source {
		args := words(fmt.Sprintf("peers -plan %s -rounds %d -duration %s -warmup 300ms "+
			"-others 0.3", plan, rounds, span))
		if rows != "" {
			args = append(args, "-rows", rows)
		}
		return source{
			name: plan, args: args, repeats: 1, about: "servers side by side, plan " + plan,
		}
	}
	list := []source{
		peers("tcp", "700ms", ""),
		peers("http", "1s", "mcploop modern,mcploop legacy,mcp-go legacy,go-sdk legacy json"),
		warm(),
		peers("ws", "700ms", ""),
		peers("stdio", "1s", ""),
		peers("schema", "700ms", ""),
		peers("hop", "700ms", ""),
		peers("loops", "700ms", ""),
	}
	gateways := []source{gatewayRows(), peers("gateway-stdio", "1s", "")}
	for _, s := range gatewaySources() {
		gateways = append(gateways, s.serving("--http {addr}"))
	}
	return slices.Concat(list, crowds(), gateways)
}

// warm are the rows whose compiler needs two seconds of load before it has done its work.
func warm() source {
	args := words("peers -plan http -rounds 5 -duration 1s -warmup 2s -others 0.3")
	return source{
		name: "http-node", about: "servers on Node.js beside ours", repeats: 1,
		args: append(args, "-rows", "mcploop legacy,ts-sdk v1 legacy json"),
	}
}

// The server of the crowds: bench/server.yaml lets 19,000 connections in.
const crowdServer = "bin/mcploop serve -c bench/server.yaml"

// crowds returns the commands that hold many connections or go on for long.
func crowds() []source {
	one := func(name, about string, repeats int, args string) source {
		return source{name: name, about: about, repeats: repeats, args: words(args)}
	}
	idle := func(name, door, url, flags string) source {
		return one(name, "memory of 15,000 connections, "+door, 1, "idle --"+door+" "+url+
			" --connections 15000 --warmup 4s --duration 10s "+flags+" -- "+crowdServer)
	}
	const http = "http://127.0.0.1:7602/mcp"
	return []source{
		idle("idle-tcp", "tcp", "127.0.0.1:7601", "--era legacy").serving("--tcp {addr}"),
		idle("idle-http", "url", http, "--era modern").serving("--http {addr}"),
		idle("idle-http-legacy", "url", http, "--era legacy").serving("--http {addr}"),
		idle("idle-ws", "ws", "ws://127.0.0.1:7602/mcp", "").serving("--http {addr}"),
		one("listen", "memory of 15,000 open streams", 1, "listen --url "+http+
			" --era modern --connections 15000 --warmup 4s --duration 5s -- "+crowdServer).
			serving("--http {addr}"),
		one("listen-legacy", "memory of 15,000 open GET streams", 1, "listen --url "+http+
			" --era legacy --connections 15000 --warmup 4s --duration 5s -- "+crowdServer).
			serving("--http {addr}"),
		five(),
		one("overload", "1 to 5 times what the server can do", 1, "overload --tcp 127.0.0.1:7601"+
			" --connections 200 --depth 256 --duration 4s --warmup 1s --client-core 1 --tool work"+
			` --args {"rounds":200,"message":"{text}"} -- `+pinned).serving("--tcp {addr}"),
		one("slow", "5,000 good clients beside 5,000 hostile ones", 1, "slow --url "+http+
			" --era modern --connections 5000 --load 20 --duration 10s --warmup 2s"+
			" --client-core 1 -- "+pinned).serving("--http {addr}"),
		one("soak", "15,000 connections at 80 % of the capacity, 10 minutes", 1,
			"soak --tcp 127.0.0.1:7601 --era legacy --connections 15000 --depth 1 --load 80"+
				" --burst 32 --duration 10m"+
				" --client-core 1 --realtime --metrics http://127.0.0.1:7602/metrics -- "+
				"chrt -f 10 "+pinned).
			serving("--tcp {addr} --http 127.0.0.1:7602"),
	}
}

// pinned is the server of the crowds on the first core alone; its clients have the second.
const pinned = "taskset -c 0 env GOMAXPROCS=1 " + crowdServer

// serving adds what the server is told of its doors.
func (s source) serving(doors string) source {
	s.args = append(s.args, words(doors)...)
	return s
}

// five is 95,000 connections on five servers. A shell starts them, as it would for a person.
func five() source {
	addrs := make([]string, 5)
	for i := range addrs {
		addrs[i] = fmt.Sprintf("127.0.0.1:%d", 7611+i)
	}
	args := words("idle --tcp " + strings.Join(addrs, ",") + " --era legacy" +
		" --connections 95000 --warmup 5s --duration 5s -- /bin/sh -c")
	return source{
		name: "idle-five", about: "memory of 95,000 connections on five servers", repeats: 1,
		args: append(args, "trap 'kill $(jobs -p)' TERM; for p in 1 2 3 4 5; do "+crowdServer+
			" --tcp 127.0.0.1:761$p & done; wait"),
	}
}
