package gateway

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// Credentials say what an upstream is sent for whom: clients have credentials for this server, and
// others, which they need not know, for the upstream. Their own never go there.
type Credentials struct {
	// Users are clients by the names that the log has for them.
	Users map[string]User
	// Default are the headers for everybody else, beside those of Client.Headers or in their
	// place; nil: those alone.
	Default map[string]string
	// Required: calls of everybody else are refused.
	Required bool
}

// User is a client whose calls have headers of their own.
type User struct {
	// Principal is what its requests have as mcp.Request.Principal; see mcp.PrincipalOf.
	Principal string
	// Headers go with its calls, beside those of Client.Headers or in their place.
	Headers map[string]string
}

// inUse: anybody's calls differ from another's.
func (c *Credentials) inUse() bool { return len(c.Users) > 0 || c.Required || c.Default != nil }

var errNoHeaders = errors.New("cannot use Credentials with what has no headers: an upstream that " +
	"is not reached by HTTP or WebSocket")

// validate reports every fault. No text of it holds a secret. borne: a Provider takes them.
func (c *Credentials) validate(o *client.Options, share Share, borne bool) error {
	if !c.inUse() {
		return nil
	}
	var faults []error
	if share == ShareCall {
		faults = append(faults, errors.New("cannot use Credentials with ShareCall, whose "+
			"instances are everybody's; set another Share"))
	}
	switch scheme, _, _ := strings.Cut(o.URL, ":"); scheme {
	case "":
		if !borne {
			faults = append(faults, errNoHeaders)
		}
	case "http", "https":
		if share == ShareAll && o.Era == client.Legacy {
			faults = append(faults, errors.New("cannot use Credentials in the one session that "+
				"all clients share in the legacy era; set Share"))
		}
	case "ws", "wss", "sse", "sses":
		if share == ShareAll {
			faults = append(faults, errors.New("cannot use Credentials on the one connection that "+
				"all clients share; set Share"))
		}
	default:
		faults = append(faults, errNoHeaders)
	}
	taken := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Users)) {
		user := c.Users[name]
		if other, twice := taken[user.Principal]; twice {
			faults = append(faults, fmt.Errorf("cannot tell the users %q and %q apart: their "+
				"credentials are the same", other, name))
		}
		taken[user.Principal] = name
		if user.Principal == "" {
			faults = append(faults, fmt.Errorf("cannot know the user %q: it has no Principal",
				name))
		}
		if err := client.CheckHeaders(user.Headers); err != nil {
			faults = append(faults, fmt.Errorf("user %q: %w", name, err))
		}
	}
	return errors.Join(append(faults, client.CheckHeaders(c.Default))...)
}

// identities are what is known of clients; immutable.
type identities struct {
	users    map[string]*identity // by principals
	others   *identity            // nil: those of all calls
	required bool
}

// identity is what calls of a client are made with, Client.Headers included.
type identity struct {
	headers map[string]string
	lines   []byte // the same
}

// identities puts the headers of each user in place of those that all have.
func (c *Credentials) identities(common map[string]string) identities {
	of := func(own map[string]string) *identity {
		all := withHeaders(common, own)
		return &identity{all, client.HeaderLines(all)}
	}
	known := identities{users: map[string]*identity{}, required: c.Required}
	for _, user := range c.Users {
		known.users[user.Principal] = of(user.Headers)
	}
	if c.Default != nil {
		known.others = of(c.Default)
	}
	return known
}

// inUse: what is sent depends on the client.
func (k *identities) inUse() bool { return len(k.users) > 0 || k.others != nil || k.required }

// Admits tells whether a client that mcp.Request.Principal names may use the upstream: whether it
// has credentials there, where these are required. It takes no lock.
func (u *Upstream) Admits(principal string) bool {
	return !u.known.required || u.known.users[principal] != nil
}

// Turned is the error for a client that Admits has turned away, which is counted.
func (u *Upstream) Turned() error {
	u.count.strangers.Add(1)
	return u.refusal("no_credentials", "has no credentials for this client; whoever runs this "+
		"server can add it to credentials.users")
}

// identityOf returns what calls of c are made with; nil: with what all are.
func (u *Upstream) identityOf(c Caller) (*identity, error) {
	who, found := u.known.users[c.Owner(false)]
	switch {
	case found:
		return who, nil
	case u.known.required:
		return nil, u.Turned()
	}
	return u.known.others, nil
}

// withHeaders is common with those of own, of which a name comes once.
func withHeaders(common, own map[string]string) map[string]string {
	all := map[string]string{}
	for _, headers := range []map[string]string{common, own} {
		for name, value := range headers {
			all[http.CanonicalHeaderKey(name)] = value
		}
	}
	return all
}

// identify gives the call the headers of its client. It is asked before each time that the call is
// sent, so that no way round it leads to the upstream.
func (f *forward) identify() error {
	u := f.item.up
	f.Identity = nil
	if !u.known.inUse() {
		return nil // Fast path.
	}
	who, err := u.identityOf(f.caller)
	switch {
	case err != nil:
		return err
	case u.opt.Share != ShareAll && u.pick(f.caller) != f.live:
		return u.refusal("shared_session", "has lost the connection of this client; try again")
	case u.opt.Share != ShareAll || who == nil:
		return nil // the connection has them
	case !f.live.Version().Modern():
		u.count.strangers.Add(1)
		return u.refusal("shared_session", "speaks a revision before 2026-07-28, in one session "+
			"for all clients, which must not do what only one of them may; set share: principal")
	}
	f.Identity = who.lines
	return nil
}

// refuse ends a call that is not sent.
func (f *forward) refuse(err error) {
	u := f.item.up
	u.guard.settle(f.passes, verdictNone, f.live)
	f.leave(nil)
	u.count.failed.Add(1)
	f.caller.Fail(err)
	f.caller.Release()
}

// refusal is the answer to a call that is not sent.
func (u *Upstream) refusal(reason, text string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return &mcp.Error{
		Code: codec.ErrUpstream.Code, Message: fmt.Sprintf("upstream %q %s", u.opt.Name, text),
		Data: upstreamData{Upstream: u.opt.Name, State: u.state.String(), Reason: reason},
	}
}
