package server

import (
	"encoding/json"
	"fmt"

	"github.com/mcploop/mcploop/mcp"
)

// about is what a view says of itself, encoded. It is made anew when the view begins to
// offer something that it did not offer before.
type about struct {
	prompts, resources, tasks, completions bool

	discover []byte // result of server/discover
	hello    [helloForms]mcp.Discover
}

// Forms of what the server can do, by the revision that asks.
const (
	helloLegacy       = iota
	helloExperimental // 2025-11-25, which has tasks of its own
	helloModern       // which has extensions

	helloForms
)

// makeCatalogues makes the empty lists and describes the server.
func (s *Server) makeCatalogues() error {
	o := &s.opt
	info, err := json.Marshal(mcp.Implementation{
		Name: o.Name, Title: o.Title, Version: o.Version,
		Description: o.Description, WebsiteURL: o.WebsiteURL, Icons: o.Icons,
	})
	if err != nil {
		return fmt.Errorf("cannot encode the server's name: %w", err)
	}
	s.make(s, "", info, o.Instructions)
	return nil
}

// offers describes the view anew when it begins to offer something. What was declared once stays
// declared: its lists may be empty. Safe for concurrent use.
func (v *view) offers(more about) {
	v.describing.Lock()
	defer v.describing.Unlock()
	now := v.about.Load()
	all := about{
		prompts: more.prompts || now.prompts, resources: more.resources || now.resources,
		tasks: more.tasks || now.tasks, completions: more.completions || now.completions,
	}
	if all.prompts != now.prompts || all.resources != now.resources || all.tasks != now.tasks ||
		all.completions != now.completions {
		v.about.Store(v.describe(all))
	}
}

func (v *view) hasPrompts() bool { return v.about.Load().prompts }

func (v *view) hasResources() bool { return v.about.Load().resources }

// describe encodes server/discover, and what initialize needs.
func (v *view) describe(a about) *about {
	for form := range a.hello {
		a.hello[form] = mcp.Discover{
			ServerInfo: v.info, Instructions: v.instructions,
			TTLMs: v.s.opt.Lists.TTL.Milliseconds(), CacheScope: v.s.opt.Lists.CacheScope,
			Capabilities: v.capabilities(&a, form),
		}
	}
	a.discover = a.hello[helloModern].AppendDiscover(nil)
	return &a
}

// capabilities is the raw JSON of ServerCapabilities. Tools and logging are always served.
func (v *view) capabilities(a *about, form int) []byte {
	changes := map[string]bool{"listChanged": true}
	c := map[string]any{"logging": struct{}{}, "tools": changes}
	if a.completions {
		c["completions"] = struct{}{}
	}
	if a.prompts {
		c["prompts"] = changes
	}
	if a.resources {
		c["resources"] = map[string]bool{"listChanged": true, "subscribe": true}
	}
	switch {
	case a.tasks && form == helloModern:
		c["extensions"] = map[string]any{mcp.ExtensionTasks: struct{}{}}
	case a.tasks && form == helloExperimental:
		c["tasks"] = experimentalTasks
	}
	raw, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("BUG: cannot encode capabilities: %v", err))
	}
	return raw
}

// experimentalTasks is the capability tasks of 2025-11-25 (schema: ServerCapabilities).
var experimentalTasks = map[string]any{
	"list": struct{}{}, "cancel": struct{}{},
	"requests": map[string]any{"tools": map[string]any{"call": struct{}{}}},
}

// initialized is the result of initialize.
func (v *view) initialized(version mcp.Version) []byte {
	form := helloLegacy
	if version == mcp.V20251125 {
		form = helloExperimental
	}
	return v.about.Load().hello[form].AppendInitialize(nil, version)
}
