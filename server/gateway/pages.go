package gateway

import (
	"sync"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// A server of 2025-11-25 may say when the user is done with a page that it had the client open
// (client/elicitation, "Completion Notifications for URL Mode Elicitation"). The client is told
// that was handed the page's id, and nobody else. Later revisions have neither the id nor the
// notification: a modern client learns of it by its retry.

// Client is who makes a call, whether that goes on or not.
type Client interface {
	// Tell sends a notification that belongs to no call; it may be lost. params is read until it
	// returns. Safe for concurrent use.
	Tell(method string, params []byte)
}

// pages are the elicitations by URL that legacy clients were handed, by ids. Safe for concurrent
// use.
type pages struct {
	mu   sync.Mutex // guards the rest
	max  int
	open map[string][]page
	len  int      // of the lists in open
	came []string // their ids, the oldest first, and of some that are no longer open
}

// page is one of them, with who was handed it.
type page struct {
	caller Caller // while its call goes on it is told there; nil: it had ended. Kept
	client Client
	since  time.Time
}

const (
	// pageFor is how long a user may take.
	pageFor = time.Hour
	// pageIDMax bounds the ids that are kept, in bytes; the format wants a short text.
	pageIDMax = 256
)

// add notes that the page of params, of elicitation/create or like these, goes to a client.
func (p *pages) add(params []byte, one page) {
	id, ok := codec.StringContent(codec.Find(params, "elicitationId"))
	if !ok || len(id) > pageIDMax || one.client == nil {
		return
	}
	one.since = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		p.open = map[string][]page{}
	}
	p.open[string(id)] = append(p.open[string(id)], one)
	p.came = append(p.came, string(id))
	p.len++
	p.prune(one.since)
}

// prune drops the oldest, as far as there are too many or they are too old. mu is held.
func (p *pages) prune(now time.Time) {
	for len(p.came) > 0 {
		id := p.came[0]
		if list := p.open[id]; len(list) > 0 {
			if p.len <= p.max && len(p.came) <= 2*p.max && now.Sub(list[0].since) < pageFor {
				return
			}
			p.drop(id, 1)
		}
		p.came = p.came[1:]
	}
}

// drop forgets the oldest n of an id. mu is held.
func (p *pages) drop(id string, n int) {
	p.len -= n
	if p.open[id] = p.open[id][n:]; len(p.open[id]) == 0 {
		delete(p.open, id)
	}
}

// take returns who was handed the page, once.
func (p *pages) take(id string) []page {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.open[id]
	if len(list) > 0 {
		p.drop(id, len(list))
	}
	return list
}

func (p *pages) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.len
}

// close forgets all of them.
func (p *pages) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open, p.came, p.len = nil, nil, 0
}

// completed passes on that a user is done with a page.
func (u *Upstream) completed(params []byte) {
	id, _ := codec.StringContent(codec.Find(params, "elicitationId"))
	for _, one := range u.pages.take(string(id)) {
		u.count.completed.Add(1)
		if one.caller == nil || one.caller.Notify(mcp.NotifyElicitationComplete, params) != nil {
			one.client.Tell(mcp.NotifyElicitationComplete, params)
		}
	}
}

// handed notes the pages of an error that is passed on (-32042).
func (f *forward) handed(to recipient, e *mcp.Error) {
	if e.Code != codec.ErrURLElicitation.Code || !hasPages(to.version) {
		return
	}
	for _, params := range elicitationsOf(e) {
		f.item.up.pages.add(params, page{client: to.caller.Client()})
	}
}

// hasPages tells whether clients of revision v know ids of pages.
func hasPages(v mcp.Version) bool { return v >= mcp.V20251125 && !v.Modern() }
