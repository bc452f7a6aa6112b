package goals

import "github.com/mcploop/mcploop/bench/result"

// gatewayGoals are those of calls that go on to another server.
func gatewayGoals() []goal {
	const plan = "gateway"
	var goals []goal
	for _, at := range []struct{ name, load string }{
		{"16", "C=16 P=1"}, {"256", "C=256 P=1"},
	} {
		work := "HTTP call on to an HTTP upstream, " + at.load + ": "
		goals = append(goals,
			cpuRatio("gateway-nginx-"+at.name, work+"CPU of nginx that passes it on", plan, at.load,
				"mcploop modern", "nginx modern", 1, 0.7),
			cheaper("gateway-mcp-proxy-"+at.name, work+"CPU of mcp-proxy (Go)", plan, at.load,
				"mcploop legacy", "mcp-proxy (Go) legacy", 8, 0),
			cheaper("gateway-go-sdk-"+at.name, work+"CPU of a gateway on go-sdk", plan, at.load,
				"mcploop legacy", "go-sdk legacy", 8, 0))
	}
	each := func(name, work, source, step, measure, unit string, limit float64) goal {
		return measured(name, work, source, step, measure, unit, result.Less, limit, 0)
	}
	goals = append(goals,
		slower("gateway-latency", "the same, C=1 P=1: median latency over that of nginx", plan,
			"C=1 P=1", "mcploop modern", "nginx modern", 0),
		ofRow("gateway-stdio", "HTTP call on to one stdio upstream, C=64: gateway CPU",
			"gateway-stdio", "C=64 P=1", "mcploop legacy", "us", perCall, 25, 0),
		each("gateway-crowd", "15,000 sessions over 20 upstreams: server memory each",
			"gateway-crowd", "after one call", "each", "KB", 3),
		each("gateway-ready", "150 upstreams, 10,000 tools: all there after the last answered",
			"gateway-lists", "ready", "after the last upstream", "ms", 2000),
		each("gateway-page", "the same: first page of tools/list, p50",
			"gateway-lists", "first page", "p50", "us", 1000))
	for _, state := range []string{"hung", "crashing", "flooding"} {
		goals = append(goals, each("gateway-"+state,
			"one of 20 upstreams "+state+": p99 of the others against calm", "gateway-neighbours",
			state, "p99 against calm", "x", 1.1))
	}
	const hurry = "crashing, callers in a hurry"
	return append(goals, each("gateway-hurry", "the same, "+hurry, "gateway-neighbours", hurry,
		"p99 against calm", "x", 1.1))
}

// gatewayRows compares without -others: the upstream is another process, too, and busy.
func gatewayRows() source {
	args := words("peers -plan gateway -rounds 5 -duration 700ms -warmup 300ms -rows")
	return source{
		name: "gateway", about: "gateways side by side", repeats: 1,
		args: append(args, "mcploop modern,mcploop legacy,mcp-proxy (Go) legacy,go-sdk legacy"),
	}
}

// gatewaySources are the commands behind them.
func gatewaySources() []source {
	const url, script = "--url http://127.0.0.1:7602/mcp", " -- bench/gateway.sh "
	return []source{
		{
			name: "gateway-crowd", about: "15,000 sessions over 20 upstreams", repeats: 1,
			args: words("idle " + url + " --era legacy --connections 15000 --parts 20 --tool " +
				"u{part}__echo_0 --warmup 8s --duration 5s" + script + "20 5"),
		},
		{
			name: "gateway-lists", about: "150 upstreams with 10,000 tools", repeats: 5,
			args: words("lists " + url + " --control http://127.0.0.1:7700/listed --duration 1s" +
				" --warmup 300ms" + script + "150 67"),
		},
		{
			name: "gateway-neighbours", about: "one of 20 upstreams is bad", repeats: 5,
			args: words("neighbours " + url + " --era legacy --parts 19 --tool u{part}__echo_0" +
				" --trigger u19__echo_0 --control http://127.0.0.1:7719/be/ --load 20" +
				" --client-core 1 --warmup 500ms --duration 3s -- env GATEWAY_CORE=0" +
				" UPSTREAM_CORE=1" +
				" bench/gateway.sh 20 5"),
		},
	}
}
