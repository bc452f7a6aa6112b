package server

import (
	"bytes"

	"github.com/mcploop/mcploop/mcp"
)

// A resource need not be in a list to be read: tools return links to resources that are not
// (2025-06-18 and later, server/tools, "Resource links"). Such a URI belongs to the only upstream
// that has resources, or else to the only one that has others of the same scheme and authority.

// unlisted returns what serves a URI that nothing in the view's lists does; nil when nobody can be
// told to.
func (v *view) unlisted(uri []byte) *resource {
	var could []*place
	for _, p := range v.s.placesNow() {
		if v.includes(p) && p.said.Load() && p.part.hasResources() {
			could = append(could, p)
		}
	}
	var p *place
	switch len(could) {
	case 0:
		return nil
	case 1:
		p = could[0]
	default:
		if p = v.namesake(rootOf(uri)); p == nil || !p.said.Load() {
			return nil
		}
	}
	if v.subset != nil && !v.subset.opt.Load().shows(p.name, string(uri)) {
		return nil
	}
	return &p.unlisted
}

// includes tells whether the view shows anything of p.
func (v *view) includes(p *place) bool {
	switch {
	case v == &v.s.view:
		return true
	case v.subset != nil:
		return v.subset.opt.Load().includes(p.name)
	}
	return v == p.part
}

// namesake is the place of the only upstream with a resource or a template below root; nil when
// there are several, or it is the server's own.
func (v *view) namesake(root string) *place {
	all := map[*place]struct{}{}
	note := func(e *mcp.Entry[*resource]) bool {
		if len(e.Name) >= len(root) && e.Name[:len(root)] == root {
			all[e.Handler.foreign.at] = struct{}{}
		}
		return len(all) < 2
	}
	v.resources.Each(note)
	v.templates.Each(note)
	if len(all) == 1 {
		for p := range all {
			return p
		}
	}
	return nil
}

// rootOf is the scheme and the authority of a URI.
func rootOf(uri []byte) string {
	scheme := bytes.IndexByte(uri, ':') + 1
	rest, there := bytes.CutPrefix(uri[scheme:], []byte("//"))
	if !there {
		return string(uri[:scheme])
	}
	if end := bytes.IndexByte(rest, '/'); end >= 0 {
		rest = rest[:end+1]
	}
	return string(uri[:scheme]) + "//" + string(rest)
}

// makeUnlisted makes what reads the resources of p that are in no list.
func (p *place) makeUnlisted() {
	p.unlisted = resource{foreign: foreign{at: p}, work: work{async: func(c *Call) {
		if !p.hand(c, func(g *guest) { g.up.Read(c, c.Request) }) {
			c.Fail(mcp.ResourceNotFound(c.request.Params.Name))
		}
	}}}
}

// hand gives a call to the upstream that has the place now; false when none has.
func (p *place) hand(c *Call, do func(*guest)) bool {
	for {
		p.mu.Lock()
		g := p.serving
		p.mu.Unlock()
		if g == nil {
			return false
		}
		if g.admit(c) {
			do(g)
			return true
		}
	}
}
