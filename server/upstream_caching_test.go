package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
)

// says waits until the first page of a list on a path says how it may be reused.
func (r *running) says(path, method string, ttlMs int, scope string) {
	r.t.Helper()
	want := fmt.Sprintf(`"ttlMs":%d,"cacheScope":%q`, ttlMs, scope)
	eventually(r.t, fmt.Sprintf("%s on %s says %s", method, path, want), func() bool {
		return strings.Contains(r.text(r.at(path).post(modernRequest("1", method, ""))), want)
	})
}

// TestUpstreamCaching: lists may be reused no longer, and by nobody else, than the upstreams allow
// that are in them.
func TestUpstreamCaching(t *testing.T) {
	of := func(ttl time.Duration, scope string) *running {
		return start(t, func(o *server.Options) { o.Lists.TTL, o.Lists.CacheScope = ttl, scope },
			addFeatures)
	}
	short, long := of(2*time.Second, "public"), of(9*time.Minute, "private")
	legacy := of(time.Second, "private")
	g := start(t, func(o *server.Options) { o.Lists.TTL = 7 * time.Second })
	add := func(name string, opt client.Options) {
		t.Helper()
		err := g.AddUpstream(gateway.Options{Name: name, Client: opt})
		if err != nil {
			t.Fatal(err)
		}
		g.has(name+"__echo", true)
	}
	g.says("/mcp", "tools/list", 7000, "public")
	add("legacy", client.Options{URL: "tcp://" + legacy.tcp, Era: client.Legacy}) // it says nothing
	g.says("/mcp", "tools/list", 7000, "public")
	add("short", client.Options{URL: "tcp://" + short.tcp})
	some := server.ViewOptions{Name: "some", Upstreams: []string{"short"}}
	if err := g.AddView(some); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{
		"tools/list", "resources/list", "resources/templates/list", "prompts/list",
	} {
		g.says("/mcp", method, 2000, "public")
	}
	add("long", client.Options{URL: "tcp://" + long.tcp})
	g.says("/mcp", "tools/list", 2000, "private")
	g.says("/mcp/long", "tools/list", 7000, "private")
	g.says("/mcp/legacy", "tools/list", 7000, "public")
	g.says("/mcp/some", "tools/list", 2000, "public")
	if err := g.RemoveUpstream("short"); err != nil {
		t.Fatal(err)
	}
	g.says("/mcp", "tools/list", 7000, "private")
}
