package scenario

import (
	"context"
	"time"

	"github.com/mcploop/mcploop/bench/load"
)

// workloads are the loads that the mission names by id. Each is one of the other scenarios with
// its numbers set.
func workloads() []Scenario {
	return []Scenario{
		workload("tcp_burst_100_1kib", "100 connections, bursts of 1,000 calls of 1 KiB",
			func(s *Settings) {
				s.Connections, s.Payload, s.Rate, s.Burst, s.Depth = 100, 1<<10, 10_000, 1000, 16
			}),
		workload("tcp_sustained_10k_1kib", "10,000 connections, 20,000 calls/s of 1 KiB",
			func(s *Settings) {
				s.Connections, s.Payload, s.Rate, s.Depth = 10_000, 1<<10, 20_000, 4
				s.Duration = 30 * time.Second
			}),
		workload("tcp_sustained_10k_100kib", "10,000 connections, 1,000 calls/s of 100 KiB",
			func(s *Settings) {
				s.Connections, s.Payload, s.Rate, s.Depth = 10_000, 100<<10, 1_000, 1
				s.Duration = 30 * time.Second
			}),
		workload("http_sustained_5k_1kib", "5,000 connections, 10,000 calls/s of 1 KiB",
			func(s *Settings) {
				s.Connections, s.Payload, s.Rate = 5_000, 1<<10, 10_000
				s.Duration = 30 * time.Second
			}),
		{
			Name: "mcp_tool_sequence",
			About: "connect, handshake, tools/list, three tools/call, close, in a closed loop: " +
				"what an agent does that comes for one answer",
			Preset: func(s *Settings) { s.Connections = 32 },
			Run: func(ctx context.Context, r *Run) error {
				o := r.options()
				o.Rate = 0
				o.Method = []string{
					load.MethodList, load.MethodCall, load.MethodCall, load.MethodCall,
				}
				o.Lives = len(o.Method)
				_, err := r.load(ctx, "sequence", o)
				return err
			},
		},
		{
			Name: "mcp_mixed_workload",
			About: "an open loop of 70 % tools/call, 20 % ping (server/discover in the modern " +
				"era) and 10 % tools/list",
			Preset: func(s *Settings) { s.Connections, s.Rate, s.Depth = 1000, 10_000, 4 },
			Run:    runMixed,
		},
	}
}

// mixture is 70 % calls, 20 % pings and 10 % lists.
func mixture() []string {
	return []string{
		load.MethodCall, load.MethodPing, load.MethodCall, load.MethodCall, load.MethodCall,
		load.MethodPing, load.MethodCall, load.MethodList, load.MethodCall, load.MethodCall,
	}
}

func runMixed(ctx context.Context, r *Run) error {
	o := r.options()
	o.Method = mixture()
	_, err := r.load(ctx, "mixed", o)
	return err
}

func workload(name, about string, preset func(*Settings)) Scenario {
	return Scenario{
		Name: name, About: about + " in an open loop", Preset: preset,
		Run: func(ctx context.Context, r *Run) error {
			_, err := r.load(ctx, name, r.options())
			return err
		},
	}
}
