package goals

import "github.com/mcploop/mcploop/bench/result"

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
		than("ts-sdk", "HTTP call: CPU of the TypeScript SDK v1, legacy", "mcploop legacy",
			"ts-sdk v1 legacy json", 25, 40),
	}
	return goals
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
