package server

import (
	"encoding/json"
	"fmt"

	"github.com/mcploop/mcploop/mcp"
)

// about is what the server says of itself, encoded. It is made anew when the server begins to
// offer something that it did not offer before.
type about struct {
	prompts, resources bool
	discover           []byte // result of server/discover
	hello              mcp.Discover
}

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
	s.info, s.tails = info, makeTails(info)
	list := func(member string) mcp.ListOptions {
		return mcp.ListOptions{
			Member: member, PageSize: o.Lists.PageSize, TTLMs: o.Lists.TTL.Milliseconds(),
			CacheScope: o.Lists.CacheScope, ServerInfo: info,
		}
	}
	s.tools = mcp.NewCatalogue[*tool](list("tools"))
	s.resources = mcp.NewCatalogue[*resource](list("resources"))
	s.templates = mcp.NewCatalogue[*resource](list("resourceTemplates"))
	s.prompts = mcp.NewCatalogue[*prompt](list("prompts"))
	s.about.Store(s.describe(false, false))
	return nil
}

// offers describes the server anew when it begins to offer prompts or resources. What was
// declared once stays declared: its lists may be empty. Safe for concurrent use.
func (s *Server) offers(prompts, resources bool) {
	s.describing.Lock()
	defer s.describing.Unlock()
	now := s.about.Load()
	prompts, resources = prompts || now.prompts, resources || now.resources
	if prompts != now.prompts || resources != now.resources {
		s.about.Store(s.describe(prompts, resources))
	}
}

func (s *Server) hasPrompts() bool { return s.about.Load().prompts }

func (s *Server) hasResources() bool { return s.about.Load().resources }

// describe encodes server/discover, and what initialize needs.
func (s *Server) describe(prompts, resources bool) *about {
	a := &about{prompts: prompts, resources: resources}
	a.hello = mcp.Discover{
		ServerInfo: s.info, Instructions: s.opt.Instructions,
		TTLMs: s.opt.Lists.TTL.Milliseconds(), CacheScope: s.opt.Lists.CacheScope,
		Capabilities: s.capabilities(a),
	}
	a.discover = a.hello.AppendDiscover(nil)
	return a
}

// capabilities is the raw JSON of ServerCapabilities. Tools and logging are always served.
func (s *Server) capabilities(a *about) []byte {
	changes := map[string]bool{"listChanged": true}
	c := map[string]any{"logging": struct{}{}, "tools": changes}
	if s.opt.CompletionHandler != nil {
		c["completions"] = struct{}{}
	}
	if a.prompts {
		c["prompts"] = changes
	}
	if a.resources {
		c["resources"] = map[string]bool{"listChanged": true, "subscribe": true}
	}
	raw, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("BUG: cannot encode capabilities: %v", err))
	}
	return raw
}

// initialized is the result of initialize.
func (s *Server) initialized(v mcp.Version) []byte {
	return s.about.Load().hello.AppendInitialize(nil, v)
}
