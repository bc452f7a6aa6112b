package client

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// Bounds of a list, against a server whose lists do not end.
const (
	listPagesMax = 64
	listItemsMax = 100_000
	ttlMsMax     = 1 << 40 // milliseconds, decades
)

// RawList is all of a server's list of one kind, as the server sent it.
type RawList struct {
	Definitions []mcp.RawDefinition
	Unfit       []Unfit // tools that were left out
	// TTLMs and CacheScope say how long the list may be reused, in milliseconds, and by whom: the
	// least of what its pages say, "private" if one of them is. Legacy servers say nothing: 0, "".
	TTLMs      int64
	CacheScope string
}

// Unfit is a tool that the specification forbids to use.
type Unfit struct{ Name, Fault string }

// Offers tells whether the server has declared that it has things of the kind.
func (c *Client) Offers(kind mcp.Kind) bool {
	return codec.Find(c.ServerCapabilities(), kind.Capability()) != nil
}

// ListRaw returns all of the server's list of one kind: it follows the cursors, up to 64 pages.
// The definitions are valid JSON objects with a name, URI or URI template, and otherwise as the
// server wrote them. For tools see ListTools.
func (c *Client) ListRaw(ctx context.Context, kind mcp.Kind) (RawList, error) {
	var list RawList
	var cursor *string
	method := kind.List().String()
	for number := range listPagesMax {
		params := map[string]any{}
		if cursor != nil {
			params["cursor"] = *cursor
		}
		raw, err := c.Raw(ctx, method, params)
		if err != nil {
			return list, err
		}
		next, err := list.add(kind, raw, number == 0)
		switch {
		case err != nil:
			return list, fmt.Errorf("cannot read the answer to %s: %w", method, err)
		case next == nil:
			if kind == mcp.KindTool {
				list.Definitions, list.Unfit = c.learn(list.Definitions)
			}
			return list, nil
		case cursor != nil && *next == *cursor:
			return list, fmt.Errorf("cannot list the %ss: %w: the cursor %.64q came twice", kind,
				ErrAnswer, *next)
		case len(list.Definitions) > listItemsMax:
			return list, fmt.Errorf("cannot list the %ss: %w: more than %d of them", kind,
				ErrAnswer, listItemsMax)
		}
		cursor = next
	}
	return list, fmt.Errorf("cannot list the %ss: %w: more than %d pages", kind, ErrAnswer,
		listPagesMax)
}

// add reads one page and returns the cursor of the next.
func (l *RawList) add(kind mcp.Kind, raw []byte, first bool) (next *string, err error) {
	var page struct {
		NextCursor *string `json:"nextCursor"`
		TTLMs      float64 `json:"ttlMs"`
		CacheScope string  `json:"cacheScope"`
	}
	if err := json.Unmarshal(raw, &page); err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	var items []json.RawMessage
	if text := members[kind.Member()]; text != nil {
		if err := json.Unmarshal(text, &items); err != nil {
			return nil, fmt.Errorf("%w: %s must be an array", ErrAnswer, kind.Member())
		}
	}
	for _, item := range items {
		d, err := mcp.ReadDefinition(kind, item)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
		}
		l.Definitions = append(l.Definitions, d)
	}
	ttl := int64(min(max(page.TTLMs, 0), ttlMsMax))
	if first {
		l.TTLMs, l.CacheScope = ttl, page.CacheScope
		return page.NextCursor, nil
	}
	l.TTLMs = min(l.TTLMs, ttl)
	if l.CacheScope == "public" {
		l.CacheScope = page.CacheScope
	}
	return page.NextCursor, nil
}
