package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"path"
	"slices"
	"strings"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
)

// Tool is a tool of an upstream as clients see it. It is immutable.
type Tool struct {
	Name string          // what clients call it by
	Raw  json.RawMessage // its definition as the upstream listed it, own name included

	up  *Upstream
	own string // its name at the upstream
}

// toolNameMax is the longest name of a tool (2025-11-25, server/tools).
const toolNameMax = 128

// refresh lists the tools and tells the host what is new, changed and gone.
func (u *Upstream) refresh(ctx context.Context, c *client.Client) error {
	list, err := c.ListRawTools(ctx)
	if err != nil {
		return err
	}
	u.live.Store(c) // who sees a tool can call it
	u.mu.Lock()
	defer u.mu.Unlock()
	next := u.choose(list)
	changed := false
	for name := range u.offered {
		if next[name] == nil {
			u.host.Withdraw(name)
			changed = true
		}
	}
	for name, t := range next {
		old := u.offered[name]
		if old != nil && old.own == t.own && bytes.Equal(old.Raw, t.Raw) {
			next[name] = old
			continue
		}
		changed = true
		if err := u.host.Offer(t); err != nil {
			u.host.Log.Warn("tool is left out", "upstream", u.opt.Name, "tool", t.own,
				"reason", err)
			delete(next, name)
		}
	}
	u.offered = next
	if changed {
		u.count.changes.Add(1)
	}
	return nil
}

// choose returns the tools that are offered, by the names that clients see. The same list gives
// the same names, whatever its order.
func (u *Upstream) choose(list []mcp.RawTool) map[string]*Tool {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b mcp.RawTool) int {
		return strings.Compare(a.Name, b.Name)
	})
	next := make(map[string]*Tool, len(list))
	for i, t := range list {
		again := i > 0 && list[i-1].Name == t.Name
		if t.Name == "" || again || !u.permits(t.Name) {
			continue
		}
		name := u.nameOf(t.Name, false)
		if next[name] != nil { // two own names that differ in characters no name may have
			name = u.nameOf(t.Name, true)
		}
		next[name] = &Tool{Name: name, Raw: t.Raw, up: u, own: t.Name}
	}
	return next
}

// permits tells whether the tool is offered at all.
func (u *Upstream) permits(own string) bool {
	fits := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			ok, _ := path.Match(p, own) // validate has tried the pattern
			return ok
		})
	}
	return (len(u.opt.Allow) == 0 || fits(u.opt.Allow)) && !fits(u.opt.Deny)
}

// nameOf returns the name that clients see: upstream, separator, own name, with _ for what no name
// may hold. One that had to be cut, or is not alone, ends in the hash of the own name.
func (u *Upstream) nameOf(own string, hashed bool) string {
	name := []byte(u.opt.Name + u.opt.Separator + own)
	for i, c := range name {
		if !nameByte(c) {
			name[i] = '_'
		}
	}
	if len(name) <= toolNameMax && !hashed {
		return string(name)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(own)) // it never fails
	tail := fmt.Sprintf("_%08x", h.Sum32())
	return string(name[:min(len(name), toolNameMax-len(tail))]) + tail
}
