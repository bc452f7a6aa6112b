package gateway

import (
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
)

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
	case mcp.NotifyElicitationComplete:
		u.completed(params)
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

// floodPause is the least time between two lines in the log about it.
const floodPause = time.Minute

// slowed is told, on a loop, that a connection is not read on as the upstream has said too much.
func (u *Upstream) slowed() {
	if u.count.slowed.Add(1); u.guard.floods.pending.Load() { // Fast path.
		return
	}
	time.AfterFunc(0, func() { u.guard.floods.ask(u.tellFlood) })
}

func (u *Upstream) tellFlood() {
	u.host.Log.Warn("upstream says too much and is read more slowly; or raise notices_per_second",
		"upstream", u.opt.Name, "notices_per_second", u.opt.Client.NoticesPerSecond)
}

func (i *instance) enter(s State) {
	u := i.up
	u.mu.Lock()
	defer u.mu.Unlock()
	i.state = s
	u.settle(i)
}

// settle makes the upstream's state that of a shared instance that has just changed its own, unless
// another one is ready. mu is held.
func (u *Upstream) settle(i *instance) {
	switch {
	case i.private:
	case u.readyCount() > 0:
		u.state = StateReady
	default:
		u.state = i.state
	}
}

// readyCount is how many of the shared instances are there. mu is held.
func (u *Upstream) readyCount() (n int) {
	for _, i := range u.shared {
		if i.state == StateReady {
			n++
		}
	}
	return n
}

// ready takes note of a connection that calls can use.
func (i *instance) ready(c *client.Client, a *attempt) {
	u := i.up
	if lead := u.live.Load(); lead != nil && lead != c {
		c.LearnFrom(lead)
	}
	i.live.Store(c)
	a.ready()
	u.mu.Lock()
	defer u.mu.Unlock()
	i.found()
	if i.private {
		return
	}
	info := c.ServerInfo()
	args := []any{
		"upstream", u.opt.Name, "server", info.Name, "version", info.Version,
		"revision", c.Version().String(), "items", len(u.offered),
	}
	if len(u.shared) > 1 {
		args = append(args, "instance", i.number)
	}
	u.host.Log.Info("upstream is ready", args...)
}

// found keeps what the upstream offers in the lists. up.mu is held.
func (i *instance) found() {
	u := i.up
	i.state = StateReady
	if i.private {
		return
	}
	u.state, u.reason = StateReady, nil
	u.past.since = time.Time{}
	if u.grace != nil {
		u.grace.Stop()
		u.grace = nil
	}
}

// lost takes note of a failure. Only the first of several is worth a line.
func (i *instance) lost(err error, pause time.Duration) {
	u := i.up
	u.mu.Lock()
	defer u.mu.Unlock()
	held := i.state == StateLost
	i.state = StateWaiting
	if wantsLogin(err) {
		i.state = StateLogin
	}
	if i.private {
		return
	}
	if left := u.readyCount(); left > 0 {
		if held {
			u.host.Log.Warn("upstream has lost an instance", "upstream", u.opt.Name,
				"instance", i.number, "reason", err, "left", left)
		}
		return
	}
	switch {
	case wantsLogin(err) && !wantsLogin(u.reason):
		u.host.Log.Warn("upstream wants a login", "upstream", u.opt.Name, "reason", err)
	case u.reason == nil:
		u.host.Log.Warn("upstream is not there", "upstream", u.opt.Name, "reason", err,
			"retry", pause.Round(time.Millisecond).String())
	}
	u.state, u.reason, u.retry = i.state, err, time.Now().Add(pause)
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
	u.pages.close()
	if u.grace != nil {
		u.grace.Stop()
		u.grace = nil
	}
	u.withdrawAll()
}
