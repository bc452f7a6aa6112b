package scenario

import (
	"context"

	"github.com/mcploop/mcploop/bench/load"
)

// mixed calls several methods, as clients do that look around before they call.
func mixed() Scenario {
	return Scenario{
		Name: "mixed",
		About: "an open loop of 65 % tools/call, 15 % ping (modern: server/discover), 10 % " +
			"tools/list, 5 % resources/list, 5 % prompts/list: those that the server answers",
		Preset: func(s *Settings) { s.Connections, s.Rate, s.Depth = 1000, 10_000, 4 },
		Run: func(ctx context.Context, r *Run) error {
			o := r.options()
			o.Method = r.target.offered(variety())
			_, err := r.load(ctx, "mixed", o)
			return err
		},
	}
}

// variety is 13 calls, 3 pings, 2 lists of tools and one of resources and prompts each.
func variety() []string {
	const c = load.MethodCall
	return []string{
		c, load.MethodPing, c, c, load.MethodList, c, c, c, load.MethodPing, c,
		c, load.MethodResources, c, c, load.MethodPing, c, load.MethodList, c, c,
		load.MethodPrompts,
	}
}

// offered returns the methods with tools/call in place of those that the server does not answer.
func (t *target) offered(methods []string) []string {
	answers := map[string]bool{load.MethodCall: true}
	out := make([]string, 0, len(methods))
	for _, m := range methods {
		if _, known := answers[m]; !known {
			one := *t
			one.opt.Method = []string{m}
			answers[m] = one.try() == nil
		}
		if !answers[m] {
			m = load.MethodCall
		}
		out = append(out, m)
	}
	return out
}
