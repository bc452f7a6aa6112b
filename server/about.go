package server

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/mcploop/mcploop/mcp"
)

// about is what a view says of itself, encoded. It is made anew when the view begins to
// offer something that it did not offer before.
type about struct {
	abilities
	info         []byte // raw serverInfo
	instructions string

	tails    [resultTypeCount][]byte // close every modern result
	discover []byte                  // result of server/discover
	hello    [helloForms]mcp.Discover
}

// abilities are the capabilities that a view declares.
type abilities struct {
	tools, prompts, resources, subscribe, completions, logging, tasks bool
}

// with are the abilities of both.
func (a abilities) with(b abilities) abilities {
	return abilities{
		a.tools || b.tools, a.prompts || b.prompts, a.resources || b.resources,
		a.subscribe || b.subscribe, a.completions || b.completions, a.logging || b.logging,
		a.tasks || b.tasks,
	}
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
	s.make(s, "", about{info: info, instructions: o.Instructions, abilities: abilities{
		tools: true, logging: true, completions: o.CompletionHandler != nil,
	}})
	return nil
}

// offers describes the view anew when it begins to offer something. What was declared once stays
// declared: its lists may be empty. Safe for concurrent use.
func (v *view) offers(more abilities) {
	v.describing.Lock()
	defer v.describing.Unlock()
	now := v.about.Load()
	if all := now.with(more); all != now.abilities {
		v.about.Store(v.describe(about{
			abilities: all, info: now.info, instructions: now.instructions,
		}))
	}
}

// say replaces what the view says of itself.
func (v *view) say(a about) {
	v.describing.Lock()
	defer v.describing.Unlock()
	now := v.about.Load()
	if now.abilities == a.abilities && now.instructions == a.instructions &&
		bytes.Equal(now.info, a.info) {
		return
	}
	v.about.Store(v.describe(a))
	v.tools.Describe(a.info)
	v.resources.Describe(a.info)
	v.templates.Describe(a.info)
	v.prompts.Describe(a.info)
}

func (v *view) hasPrompts() bool { return v.about.Load().prompts }

func (v *view) hasResources() bool { return v.about.Load().resources }

// describe encodes server/discover, and what initialize needs.
func (v *view) describe(a about) *about {
	lists := v.s.adjusted.Load().lists
	for form := range a.hello {
		a.hello[form] = mcp.Discover{
			ServerInfo: a.info, Instructions: a.instructions,
			TTLMs: lists.ttlMs, CacheScope: lists.scope(),
			Capabilities: v.capabilities(&a, form),
		}
	}
	a.tails = makeTails(a.info)
	a.discover = a.hello[helloModern].AppendDiscover(nil)
	return &a
}

// capabilities is the raw JSON of ServerCapabilities.
func (v *view) capabilities(a *about, form int) []byte {
	changes := map[string]bool{"listChanged": true}
	c := map[string]any{}
	if a.logging {
		c["logging"] = struct{}{}
	}
	if a.tools {
		c["tools"] = changes
	}
	if a.completions {
		c["completions"] = struct{}{}
	}
	if a.prompts {
		c["prompts"] = changes
	}
	if a.resources {
		c["resources"] = map[string]bool{"listChanged": true, "subscribe": a.subscribe}
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
