package oauth

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"
)

// Store keeps what must survive a restart, for each resource. It is asked without any lock of the
// loops held and may do I/O; it is called by one goroutine of a Source at a time.
type Store interface {
	// Load returns what was saved for resource, nil when nothing was.
	Load(resource string) (*Stored, error)
	// Save replaces what there is. Tokens are in it: nobody else may read where it goes.
	Save(resource string, s *Stored) error
}

// Locker is a Store that several Sources share, of one process or more. A refresh token that is
// used twice looks stolen, and ends all that came of it (OAuth 2.1, section 4.3.1): so one at a
// time exchanges it.
type Locker interface {
	// Lock waits until nobody else has the lock of resource, or ctx ends.
	Lock(ctx context.Context, resource string) (unlock func(), err error)
}

// Stored is what a Source knows of one resource. All of it belongs to Issuer: under another one
// nothing of it is used.
type Stored struct {
	Resource string    `json:"resource"`          // Options.Resource
	Audience string    `json:"audience"`          // what the token was asked for (RFC 8707)
	Issuer   string    `json:"issuer"`            // of the authorization server
	Client   Client    `json:"client,omitzero"`   // zero for one of Options
	Access   Secret    `json:"access,omitempty"`  // the access token
	Refresh  Secret    `json:"refresh,omitempty"` // "" when there is none
	Expiry   time.Time `json:"expiry,omitzero"`   // zero: the server did not say
	Scopes   []string  `json:"scopes,omitempty"`  // that Access was asked for with, sorted
	Wanted   []string  `json:"wanted,omitempty"`  // that the next login is to ask for, sorted
}

// Client is what a registration brought (RFC 7591).
type Client struct {
	ID     string    `json:"id,omitempty"`
	Secret Secret    `json:"secret,omitempty"`
	Method string    `json:"method,omitempty"` // of authentication, "" for the server's default
	Expiry time.Time `json:"expiry,omitzero"`  // of Secret; zero: never
	// RedirectURL is the one that was registered; with another one it is registered anew.
	RedirectURL string `json:"redirect_url,omitempty"`
}

// String tells of it what is no secret.
func (s *Stored) String() string {
	if s == nil {
		return "nothing stored"
	}
	return fmt.Sprintf("token for %s of %s", s.Audience, s.Issuer)
}

// LogValue implements slog.LogValuer.
func (s *Stored) LogValue() slog.Value { return slog.StringValue(s.String()) }

// clone: a Store may keep what it is given.
func (s *Stored) clone() *Stored {
	if s == nil {
		return nil
	}
	c := *s
	c.Scopes, c.Wanted = slices.Clone(s.Scopes), slices.Clone(s.Wanted)
	return &c
}

// access returns the access token, "" when there is none.
func (s *Stored) access() Secret {
	if s == nil {
		return ""
	}
	return s.Access
}

// expired: nobody takes the token any more.
func (s *Stored) expired(now time.Time) bool {
	return s != nil && !s.Expiry.IsZero() && !now.Before(s.Expiry)
}

// renewal is some time before the end of the token, so that it does not end on its way: a tenth
// of what it has left, ten seconds at least but not above half of it. All clients of a server
// do not come at the same moment. Zero: it has no end.
func (s *Stored) renewal() time.Time {
	if s == nil || s.Expiry.IsZero() {
		return time.Time{}
	}
	left := max(time.Until(s.Expiry), 0)
	ahead := min(max(left/10, 10*time.Second), left/2)
	return s.Expiry.Add(-ahead - rand.N(ahead/4+1)) //nolint:gosec // no secret
}

// Secret is a string that is not printed. In JSON it is as it is.
type Secret string

// Format implements fmt.Formatter for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[secret]")) }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }
