package goals

import (
	"slices"

	"github.com/mcploop/mcploop/bench/result"
)

// all returns the goals in the order of the table.
func all() []goal {
	const (
		netpoll = "netpoll-echo"
		fast    = "fasthttp-fixed"
	)
	tcp := func(name, at string, limit, aim float64) goal {
		return cpuRatio(name, "TCP call, "+at+": CPU of a stock netpoll echo", "tcp", at,
			"mcploop", netpoll, limit, aim)
	}
	http := func(name, at string) goal {
		return cpuRatio(name, "HTTP call, "+at+": CPU of fasthttp with a fixed answer", "http", at,
			"mcploop modern", fast, 1.1, 0.95)
	}
	than := func(name, work, row, other string, limit, aim float64) goal {
		return cheaper(name, work, "http", "C=256 P=1", row, other, limit, aim)
	}
	goals := []goal{
		tcp("tcp-64-1", "C=64 P=1", 1, 1/1.15),
		tcp("tcp-1000-1", "C=1000 P=1", 1, 1/1.15),
		tcp("tcp-64-16", "C=64 P=16", 1/0.85, 1/0.95),
		tcp("tcp-1000-16", "C=1000 P=16", 1/0.85, 1/0.95),
		scanner(),
		http("http-16", "C=16 P=1"), http("http-256", "C=256 P=1"), http("http-1000", "C=1000 P=1"),
		than("mcp-go", "HTTP call: CPU of mcp-go, legacy", "mcploop legacy", "mcp-go legacy", 7, 9),
		than("go-sdk", "HTTP call: CPU of go-sdk, legacy", "mcploop legacy",
			"go-sdk legacy json", 15, 20),
		cheaper("ts-sdk", "HTTP call: CPU of the TypeScript SDK v1, legacy", "http-node",
			"C=256 P=1", "mcploop legacy", "ts-sdk v1 legacy json", 25, 40),
		cpuRatio("hop", "blocking tool, C=64 P=16: CPU of the same tool inline", "hop",
			"C=64 P=16", "blocking", "inline", 2.5, 1.8),
	}
	for _, at := range []struct{ name, load string }{
		{"loops-64-1", "C=64 P=1"}, {"loops-64-16", "C=64 P=16"}, {"loops-1000-1", "C=1000 P=1"},
	} {
		goals = append(goals, cpuRatio(at.name, "TCP call, "+at.load+": CPU on two loops "+
			"against one", "loops", at.load, "two loops", "one loop", 1.1, 1))
	}
	return slices.Concat(goals, crowdGoals(), gatewayGoals())
}

// crowdGoals are the goals of memory and of calm under load.
func crowdGoals() []goal {
	each := func(name, work, source, step string, limit, aim float64) goal {
		return measured(name, "15,000 "+work+": server memory each", source, step, "each", "KB",
			result.Less, limit, aim)
	}
	const once, burst = "after one call", "after a burst of 16 calls of 4096 B"
	soak := func(name, work, measure, unit string, limit float64) goal {
		return measured(name, "15,000 connections at 80 % of the capacity, 10 minutes: "+work,
			"soak", "soak", measure, unit, result.Less, limit, 0)
	}
	return []goal{
		each("idle-tcp", "TCP connections, never used", "idle-tcp", "never used", 0.8, 0.5),
		each("burst-tcp", "TCP connections, after 16 calls of 4 KiB", "idle-tcp", burst, 1.5, 1),
		each("idle-http", "HTTP connections kept alive", "idle-http", once, 1.5, 1),
		each("idle-http-legacy", "HTTP connections with a session", "idle-http-legacy", once,
			1.5, 1),
		each("idle-ws", "WebSockets", "idle-ws", once, 1.5, 1),
		each("listen", "open subscriptions/listen", "listen", "streams", 2, 1),
		each("listen-legacy", "open GET streams, sessions included", "listen-legacy", "streams",
			2, 1),
		measured("idle-five", "95,000 connections on five servers, each used once: memory each",
			"idle-five", once, "each", "KB", result.Less, 1.5, 0),
		measured("idle-five-errors", "the same: errors", "idle-five", once, "errors", "",
			result.Less, 0, 0),
		soak("soak-p99", "p99", "p99", "us", 5000),
		soak("soak-gc", "GC pause p99", "GC pause p99", "us", 1000),
		soak("soak-rss", "memory grows (0: no)", "RSS grows", "", 0),
		measured("overload", "3 times the capacity: good answers, share of the peak", "overload",
			"3x", "of peak", "", result.More, 0.8, 0.95),
		measured("overload-refusal", "3 times the capacity: refusals, p99", "overload", "3x",
			"refusal p99", "us", result.Less, 50_000, 0),
		measured("slow", "5,000 clients beside 5,000 hostile ones: p99 against calm", "slow",
			"hostile", "p99 against calm", "x", result.Less, 2, 1.3),
	}
}

// scanner is the one figure that is measured in this process.
func scanner() goal {
	return goal{
		Goal: result.Goal{
			Name: "scan", Work: "strict scan of a call of 120 bytes", Unit: "us",
			Better: result.Less, Limit: 0.25, Aim: 0.20,
		},
		source: scanSource,
	}
}
