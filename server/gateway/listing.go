package gateway

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// Listing is what an upstream offers, under its own names.
type Listing struct {
	Tools, Resources, Templates, Prompts []Raw

	// Unfit are tools that cannot be called, so that they are in no list.
	Unfit []client.Unfit

	// Completes: completion/complete suggests values for its prompts and templates.
	Completes bool
	// Tasks: calls of its tools may become tasks (SEP-2663).
	Tasks bool
	// Caching is what the upstream says of each of its lists.
	Caching [mcp.KindCount]Caching
}

// Raw is a definition. Raw is a valid JSON object that conforms to the kind's definition in the
// newest revision; it is shown as it is, less what a client's revision does not know.
type Raw struct {
	Name string // a name, a URI or a URI template, as in Raw
	Raw  json.RawMessage
}

// Caching says how long a list may be reused and by whom (2026-07-28, schema: CacheableResult).
type Caching struct {
	Said    bool  // the upstream has said so; else the rest means nothing
	TTLMs   int64 // milliseconds
	Private bool  // by the one who asked alone
}

// Caching is what the upstream last said of its lists. It takes no lock.
func (u *Upstream) Caching() [mcp.KindCount]Caching {
	if c := u.caching.Load(); c != nil {
		return *c
	}
	return [mcp.KindCount]Caching{}
}

// cache notes what it says now.
func (u *Upstream) cache(now *[mcp.KindCount]Caching) {
	old := u.caching.Swap(now)
	if u.host.Cached != nil && (old == nil || *old != *now) {
		u.host.Cached()
	}
}

// of is the list of one kind.
func (l *Listing) of(kind mcp.Kind) *[]Raw {
	switch kind {
	case mcp.KindTool:
		return &l.Tools
	case mcp.KindResource:
		return &l.Resources
	case mcp.KindTemplate:
		return &l.Templates
	}
	return &l.Prompts
}

func (l *Listing) len() int {
	return len(l.Tools) + len(l.Resources) + len(l.Templates) + len(l.Prompts)
}

// refresh asks a server for its lists, by the connection of the instance that leads, and offers
// what is in them.
func (u *Upstream) refresh(ctx context.Context, i *instance, c *client.Client) error {
	list, err := u.list(ctx, c)
	if err != nil {
		return err
	}
	i.live.Store(c) // who sees an item can use it
	u.live.Store(c)
	u.teach(c)
	u.offer(list)
	u.cache(&list.Caching)
	return nil
}

// list asks for the lists that the server has declared. A list other than that of tools which it
// refuses is empty: its tools are worth having without it.
func (u *Upstream) list(ctx context.Context, c *client.Client) (*Listing, error) {
	able := c.ServerCapabilities()
	list := &Listing{
		Completes: codec.Find(able, "completions") != nil,
		Tasks: c.Version().Modern() &&
			codec.Find(codec.Find(able, "extensions"), mcp.ExtensionTasks) != nil,
	}
	for kind := range mcp.KindCount {
		if !c.Offers(kind) {
			continue
		}
		raw, err := c.ListRaw(ctx, kind)
		var refusal *mcp.Error
		switch {
		case err == nil:
		case !errors.As(err, &refusal):
			return nil, err
		case refusal.Code == codec.ErrMethodNotFound.Code:
			continue
		case kind == mcp.KindTool:
			return nil, err
		default:
			u.refuses(kind, err)
			continue
		}
		list.Unfit = append(list.Unfit, raw.Unfit...)
		all := list.of(kind)
		for _, d := range raw.Definitions {
			*all = append(*all, Raw{d.Name, d.Raw})
		}
		list.Caching[kind] = Caching{
			Said: c.Version().Modern(), TTLMs: raw.TTLMs, Private: raw.CacheScope != "public",
		}
	}
	return list, nil
}

// refuses logs that the upstream does not show a list, once.
func (u *Upstream) refuses(kind mcp.Kind, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	key := itemKey{kind, ""}
	if u.refused[key] == "" {
		u.refused[key] = err.Error()
		u.host.Log.Warn("upstream does not list what it has", "upstream", u.opt.Name,
			"kind", kind.String(), "reason", err)
	}
}
