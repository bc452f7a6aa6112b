package gateway

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// feed is what a connection to an MCP server tells of changes: of its lists, and of the resources
// that clients listen to, each told once however many clients there are. A modern server is asked
// for all of it by one subscriptions/listen, which another one replaces when there is something
// else to listen to. A legacy one tells of its lists unasked, and of a resource after
// resources/subscribe.
type feed struct {
	u *Upstream
	c *client.Client

	mu      sync.Mutex // guards the rest; not held while a call is started
	ended   bool
	session string              // of the legacy subscriptions
	told    map[string]struct{} // resources that the server was asked to tell of
	missed  map[string]struct{} // those it told of before it was lost: they may have changed
	open    *listening          // mostly the only one
	next    *listening          // not acknowledged yet; takes the place of open
	wait    time.Duration       // before the next attempt to listen
	retry   *time.Timer         // until which there is none
}

// errReplaced ends a stream that another one has replaced.
var errReplaced = errors.New("gateway: another stream has taken the place of this one")

// newFeed makes the feed of a new connection. before is the one of the connection before, or nil.
func (u *Upstream) newFeed(c *client.Client, before *feed) *feed {
	f := &feed{u: u, c: c, wait: u.opt.BackoffMin, told: map[string]struct{}{}}
	f.session, f.missed = c.Session(), map[string]struct{}{}
	if before != nil {
		before.mu.Lock()
		defer before.mu.Unlock()
		for _, old := range []map[string]struct{}{before.told, before.missed} {
			for uri := range old {
				f.missed[uri] = struct{}{}
			}
		}
	}
	return f
}

// Follows says that the upstream takes the place of another one: of what that has told of, clients
// hear once more, since it may change before this one tells of it. It takes no lock.
func (u *Upstream) Follows(before *Upstream) {
	u.feed.CompareAndSwap(nil, before.feed.Load())
}

// follow asks for what clients want to be told of now. Called by the one who attends c.
func (f *feed) follow() {
	if f.c.Version().Modern() {
		f.listen()
	} else {
		f.subscribe()
	}
}

// close forgets the feed; its connection ends.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	if f.retry != nil {
		f.retry.Stop()
	}
}

// size is how many resources and tasks the server tells of.
func (f *feed) size() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open != nil {
		return len(f.told) + len(f.open.tasks)
	}
	return len(f.told)
}

// wanted is what clients listen to, as far as Options.Subscriptions allows: what is told already
// comes first.
func (f *feed) wanted() map[string]struct{} {
	u := f.u
	caps := codec.Find(f.c.ServerCapabilities(), "resources")
	if u.host.Wanted == nil || string(codec.Find(caps, "subscribe")) != "true" {
		return nil
	}
	all := u.host.Wanted()
	slices.Sort(all)
	most := u.opt.Subscriptions
	want := make(map[string]struct{}, min(len(all), most))
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, again := range []bool{true, false} {
		for _, uri := range all {
			if _, told := f.told[uri]; told == again && len(want) < most {
				want[uri] = struct{}{}
			}
		}
	}
	u.count.unheard.Store(int64(len(all) - len(want)))
	return want
}

// hears passes a change of a resource on to the clients that listen to it.
func (u *Upstream) hears(params []byte) {
	if uri, ok := codec.StringContent(codec.Find(params, "uri")); ok && u.host.Updated != nil {
		u.count.updates.Add(1)
		u.host.Updated(string(uri))
	}
}

// found tells clients of resources that may have changed while nobody told of them. f.mu is held.
func (f *feed) found(uris map[string]struct{}) {
	for uri := range uris {
		if _, missed := f.missed[uri]; missed && f.u.host.Updated != nil {
			delete(f.missed, uri)
			f.u.host.Updated(uri)
		}
	}
}

// later has the feed followed again after a while, twice as long each time. f.mu is held.
func (f *feed) later() {
	if f.ended || f.retry != nil {
		return
	}
	f.retry = time.AfterFunc(jitter(f.wait), func() {
		f.mu.Lock()
		f.retry = nil
		f.mu.Unlock()
		f.u.doubt() // the lists may have changed meanwhile, too
	})
	f.wait = min(2*f.wait, f.u.opt.BackoffMax)
}

// subscribe makes the legacy subscriptions those that are wanted.
func (f *feed) subscribe() {
	want := f.wanted()
	f.mu.Lock()
	if session := f.c.Session(); session != f.session { // the server has forgotten them
		f.session = session
		for uri := range f.told {
			f.missed[uri] = struct{}{}
		}
		clear(f.told)
	}
	var add, remove []string
	for uri := range want {
		if _, told := f.told[uri]; !told {
			add = append(add, uri)
			f.told[uri] = struct{}{}
		}
	}
	for uri := range f.told {
		if _, wanted := want[uri]; !wanted {
			remove = append(remove, uri)
			delete(f.told, uri)
		}
	}
	f.mu.Unlock()
	for _, uri := range add {
		f.ask(mcp.MethodSubscribe, uri)
	}
	for _, uri := range remove {
		f.ask(mcp.MethodUnsubscribe, uri)
	}
}

// ask sends one request of the legacy subscriptions. One that the server refuses is not repeated.
func (f *feed) ask(m mcp.Method, uri string) {
	failed := func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if m == mcp.MethodSubscribe {
			delete(f.told, uri)
			f.later()
		}
	}
	err := f.c.Mux().Start(&client.Call{
		Method: m.String(), Timeout: f.u.opt.Timeout,
		Params: append(codec.AppendString([]byte(`{"uri":`), uri), '}'),
		Done: func(_ *client.Call, a client.Answer) {
			switch {
			case a.Err != nil:
				failed()
			case m == mcp.MethodSubscribe && a.Result != nil:
				f.mu.Lock()
				f.found(map[string]struct{}{uri: {}})
				f.mu.Unlock()
			}
		},
	})
	if err != nil {
		failed()
	}
}
