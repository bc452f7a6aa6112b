package gateway

import (
	"fmt"
	"net/url"
	"path"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/pool"
)

// Absence is why something that an upstream has listed is not offered.
type Absence string

// The absences.
const (
	Denied     Absence = "denied"      // by a pattern of Options.Deny
	NotAllowed Absence = "not allowed" // by any pattern of Options.Allow
	LeftOut    Absence = "left out"    // for a fault of its definition, or a limit
	Withdrawn  Absence = "withdrawn"   // with its upstream, which was away for too long
)

// absent is one item that is not offered, and the reason.
type absent struct {
	why  Absence
	text string
}

// absentMax bounds what is remembered of items that are not offered.
const absentMax = 10_000

// Report is what is known of an upstream and of all that it has listed.
type Report struct {
	Name     string
	Target   string // its URL, or its program, without arguments
	Server   mcp.Implementation
	Revision string // "" while there is no connection
	State    State
	Reason   string        // of the last failure to connect, or the end of the last connection
	At       time.Time     // of that
	Call     string        // why the last call that failed brought no answer
	CallAt   time.Time     // of that
	Retry    time.Duration // until the next attempt, in StateWaiting
	Since    time.Time     // it has been lost since; zero: it is there, or never was
	Grace    time.Duration // so long what it offers stays listed then
	Stats    Stats
	Items    []ItemReport
}

// ItemReport is one thing that an upstream has listed. Without an Item it is not offered.
type ItemReport struct {
	Kind mcp.Kind
	Own  string
	Item *Item
	Why  Absence
	Text string // what decided that

	Breaker pool.BreakerState // of its calls
}

// history is what an upstream remembers to explain itself. Upstream.mu guards it.
type history struct {
	absent  map[itemKey]absent // by own names
	refused map[itemKey]string // why the host did not take an item of the last list, by own names
	reason  error              // of the last failure
	at      time.Time          // of that
	since   time.Time          // it was lost; zero while it is there
	call    error              // of the last call that brought no answer
	callAt  time.Time          // of that
}

// fails takes note of why there is no connection. mu is held.
func (h *history) fails(err error) {
	h.reason, h.at = err, time.Now()
	if h.since.IsZero() {
		h.since = h.at
	}
}

// account remembers what of a list is not offered. mu is held; offered and refused are those of
// the list.
func (u *Upstream) account(list *Listing) {
	h := &u.past
	h.absent = map[itemKey]absent{}
	here := make(map[itemKey]bool, len(u.offered))
	for _, i := range u.offered {
		here[itemKey{i.Kind, i.own}] = true
	}
	for kind := range mcp.KindCount {
		for _, d := range *list.of(kind) {
			key := itemKey{kind, d.Name}
			if !here[key] {
				h.miss(key, u.whyAbsent(kind, d.Name))
			}
		}
	}
	for _, d := range list.Unfit {
		h.miss(itemKey{mcp.KindTool, d.Name}, absent{LeftOut, d.Fault})
	}
}

func (h *history) miss(key itemKey, a absent) {
	if len(h.absent) < absentMax {
		h.absent[key] = a
	}
}

// refuses takes note that the host did not take an item. mu is held.
func (h *history) refuses(i *Item, why string) {
	if h.refused == nil {
		h.refused = map[itemKey]string{}
	}
	if len(h.refused) < absentMax {
		h.refused[itemKey{i.Kind, i.own}] = why
	}
}

// whyAbsent finds what keeps an item out. mu is held.
func (u *Upstream) whyAbsent(kind mcp.Kind, own string) absent {
	if own == "" {
		return absent{LeftOut, "it has no name"}
	}
	if kind == mcp.KindTool {
		if pattern, ok := matching(u.opt.Deny, own); ok {
			return absent{Denied, fmt.Sprintf("deny has %q, which fits %q", pattern, own)}
		}
		if _, ok := matching(u.opt.Allow, own); len(u.opt.Allow) > 0 && !ok {
			return absent{NotAllowed, fmt.Sprintf("allow has %q, none of which fits %q",
				u.opt.Allow, own)}
		}
	}
	if why := u.past.refused[itemKey{kind, own}]; why != "" {
		return absent{LeftOut, why}
	}
	return absent{LeftOut, "the upstream has listed more than it may offer"}
}

// matching is the first pattern that fits.
func matching(patterns []string, own string) (string, bool) {
	for _, p := range patterns {
		if ok, _ := path.Match(p, own); ok { // validate has tried the pattern
			return p, true
		}
	}
	return "", false
}

// forsakes remembers what is withdrawn as its upstream is away. mu is held.
func (u *Upstream) forsakes() {
	if u.past.absent == nil {
		u.past.absent = map[itemKey]absent{}
	}
	for _, i := range u.offered {
		u.past.miss(itemKey{i.Kind, i.own}, absent{Withdrawn, fmt.Sprintf(
			"its upstream was away for longer than its grace of %v", u.opt.Grace)})
	}
}

// Explain reports what is known of the upstream now.
func (u *Upstream) Explain() *Report {
	r := &Report{
		Name: u.opt.Name, Target: u.target(), Grace: u.opt.Grace, Stats: u.Stats(),
	}
	if c := u.live.Load(); c != nil {
		r.Server, r.Revision = c.ServerInfo(), c.Version().String()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	r.State, r.At, r.Since = u.state, u.past.at, u.past.since
	if u.past.reason != nil {
		r.Reason = u.past.reason.Error()
	}
	if r.CallAt = u.past.callAt; u.past.call != nil {
		r.Call = u.past.call.Error()
	}
	if u.state == StateWaiting {
		r.Retry = max(0, time.Until(u.retry))
	}
	for _, i := range u.offered {
		r.Items = append(r.Items, ItemReport{
			Kind: i.Kind, Own: i.own, Item: i, Breaker: i.use.breaker.State(),
		})
	}
	for key, a := range u.past.absent {
		r.Items = append(r.Items, ItemReport{
			Kind: key.kind, Own: key.name, Why: a.why, Text: a.text,
		})
	}
	return r
}

// target says where the upstream is, without what may be a secret.
func (u *Upstream) target() string {
	c := &u.opt.Client
	switch {
	case u.opt.Provider != nil:
		return "inside this server"
	case len(c.Command) > 0:
		return c.Command[0]
	}
	at, err := url.Parse(c.URL)
	if err != nil {
		return ""
	}
	at.User, at.RawQuery = nil, "" // both may hold a secret
	return at.String()
}
