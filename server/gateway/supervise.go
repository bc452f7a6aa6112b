package gateway

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
)

// steadyAfter is how long a connection must have held for the next attempt to come soon again.
const steadyAfter = 10 * time.Second

// supervise keeps the upstream connected until ctx ends.
func (u *Upstream) supervise(ctx context.Context) {
	defer close(u.ended)
	defer u.closeProvider()
	wait := u.opt.BackoffMin
	for {
		u.enter(StateStarting)
		began := time.Now()
		err := u.session(ctx)
		u.failParked(err)
		if ctx.Err() != nil {
			u.close()
			return
		}
		if time.Since(began) > steadyAfter {
			wait = u.opt.BackoffMin
		}
		pause := jitter(wait)
		u.lost(err, pause)
		if !sleep(ctx, pause) {
			u.close()
			return
		}
		wait = min(2*wait, u.opt.BackoffMax)
	}
}

// jitter keeps upstreams that fell together from coming back at the same moment: 75 to 125 %.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1)
}

// sleep reports whether d has passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// session is one connection from its beginning to its end, which the error explains.
func (u *Upstream) session(ctx context.Context) error {
	u.count.starts.Add(1)
	if u.opt.Provider != nil {
		return u.attendProvider(ctx)
	}
	start, cancel := context.WithTimeout(ctx, u.opt.StartTimeout)
	defer cancel()
	c, err := client.Connect(start, u.opt.Client)
	if err != nil {
		return err
	}
	defer func() {
		u.live.Store(nil)
		u.enter(StateLost)
		_ = c.Close() // of a connection that has ended there is nothing to tell
	}()
	if err := u.refresh(start, c); err != nil {
		return err
	}
	u.ready(c)
	if u.host.Ready != nil {
		u.host.Ready()
	}
	f := u.newFeed(c, u.feed.Load())
	u.feed.Store(f)
	defer f.close()
	f.follow()
	u.repeatParked(c) // of a session that ended at a bad moment
	return u.attend(ctx, c, f)
}

// attend asks for the lists anew when they have changed and now and then, which also shows whether
// the upstream is still there, until the connection ends.
func (u *Upstream) attend(ctx context.Context, c *client.Client, f *feed) error {
	tick := time.NewTicker(u.opt.Refresh)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.Gone():
			return client.ErrGone
		case <-u.heed:
			f.follow()
			continue
		case <-u.wake:
		case <-tick.C:
		}
		look, cancel := context.WithTimeout(ctx, u.opt.Timeout)
		err := u.refresh(look, c)
		cancel()
		if err != nil {
			return err
		}
		f.follow() // another session knows of no subscription, and there may be other resources
		u.repeatParked(c)
	}
}

// notified is told of the upstream's notifications, on a loop.
func (u *Upstream) notified(method string, params []byte) {
	switch method {
	case mcp.NotifyToolsListChanged:
		u.says(mcp.KindTool)
	case mcp.NotifyPromptsListChanged:
		u.says(mcp.KindPrompt)
	case mcp.NotifyResourcesListChanged:
		u.says(mcp.KindResource)
	case mcp.NotifyResourcesUpdated:
		u.hears(params)
	case mcp.NotifyTasks:
		if u.host.TaskChanged != nil {
			u.host.TaskChanged(params)
		}
	}
}

// says has the lists looked at, of which one is said to have changed.
func (u *Upstream) says(k mcp.Kind) {
	u.said.Or(1 << k)
	u.guard.lists.ask(u.doubt)
}

func (u *Upstream) enter(s State) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state = s
}

// ready takes note of a connection on which the lists have come.
func (u *Upstream) ready(c *client.Client) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.found()
	info := c.ServerInfo()
	u.host.Log.Info("upstream is ready", "upstream", u.opt.Name, "server", info.Name,
		"version", info.Version, "revision", c.Version().String(), "items", len(u.offered))
}

// found keeps what the upstream offers in the lists. mu is held.
func (u *Upstream) found() {
	u.state, u.reason = StateReady, nil
	u.past.since = time.Time{}
	if u.grace != nil {
		u.grace.Stop()
		u.grace = nil
	}
}

// lost takes note of a failure. Only the first of several is worth a line.
func (u *Upstream) lost(err error, pause time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.reason == nil {
		u.host.Log.Warn("upstream is not there", "upstream", u.opt.Name, "reason", err,
			"retry", pause.Round(time.Millisecond).String())
	}
	u.state, u.reason, u.retry = StateWaiting, err, time.Now().Add(pause)
	u.past.fails(err)
	if u.grace == nil && len(u.offered) > 0 {
		u.grace = time.AfterFunc(u.opt.Grace, u.withdrawLost)
	}
}

// withdrawLost takes what an upstream offers out of the lists that did not come back in time.
func (u *Upstream) withdrawLost() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.grace == nil || u.state == StateReady {
		return // it came back at this moment
	}
	u.grace = nil
	u.forsakes()
	u.withdrawAll()
}

// withdrawAll takes everything out of the lists. mu is held.
func (u *Upstream) withdrawAll() {
	for key := range u.offered {
		u.host.Withdraw(key.kind, key.name)
	}
	clear(u.offered)
	u.settled()
}

func (u *Upstream) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state = StateClosed
	u.held.close()
	if u.grace != nil {
		u.grace.Stop()
		u.grace = nil
	}
	u.withdrawAll()
}
