package gateway

import (
	"fmt"

	"github.com/mcploop/mcploop/mcp"
)

// Tunes tells whether next differs in nothing but what Retune changes.
func (o *Options) Tunes(next *Options) bool {
	same := *o
	same.Tune(next)
	return same.Equal(next)
}

// Tune takes over what Retune changes: which tools are offered, and by what names.
func (o *Options) Tune(next *Options) {
	o.Allow, o.Deny, o.Rename = next.Allow, next.Deny, next.Rename
}

// Retune changes what the upstream offers, while its connection and its calls go on. opt, which New
// has taken, differs from its own in nothing else. What is not permitted any more is withdrawn when
// Retune returns; what is new, or has another name, comes when the lists have been asked for anew.
func (u *Upstream) Retune(opt *Options) {
	u.mu.Lock()
	u.opt.Tune(opt)
	for key, i := range u.offered {
		if key.kind != mcp.KindTool || u.permits(i.own) {
			continue
		}
		u.host.Withdraw(key.kind, key.name)
		delete(u.offered, key)
		u.past.miss(itemKey{i.Kind, i.own}, u.whyAbsent(i.Kind, i.own))
	}
	u.mu.Unlock()
	u.host.Log.Info("upstream offers by other patterns", "upstream", u.opt.Name,
		"allow", fmt.Sprint(opt.Allow), "deny", fmt.Sprint(opt.Deny), "renamed", len(opt.Rename))
	u.doubt()
}
