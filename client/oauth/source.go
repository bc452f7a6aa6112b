package oauth

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Source gives the token of one resource to all who send requests to it; a client.TokenSource.
// Safe for concurrent use: one caller asks, the others wait and get the same.
type Source struct {
	opt  Options
	turn chan struct{} // holds one while somebody asks; what follows is theirs

	kept   *Stored // nil: nothing is known
	loaded bool    // kept is what the Store had
}

// New checks opt. Nothing is asked of anybody yet.
func New(opt Options) (*Source, error) {
	opt = opt.withDefaults()
	if err := opt.validate(); err != nil {
		return nil, err
	}
	return &Source{opt: opt, turn: make(chan struct{}, 1)}, nil
}

// Token returns the value of the Authorization header for requests to the resource, "Bearer …",
// and when to ask again, since it is to be renewed then; zero: never. The value is "" as long as
// the server has not said that it wants one, and none is stored: a server may let everybody in.
// A token near its end is renewed. ErrLogin: only a user can. It may wait for the authorization
// server, never for a user; ctx ends that.
func (s *Source) Token(ctx context.Context) (value string, renew time.Time, err error) {
	if err := s.take(ctx); err != nil {
		return "", time.Time{}, err
	}
	defer s.give()
	if err := s.load(); err != nil {
		return "", time.Time{}, err
	}
	switch {
	case s.kept == nil || s.kept.Access == "":
		return "", time.Time{}, nil
	case s.kept.expired(time.Now()):
		return "", time.Time{}, ErrLogin
	}
	return "Bearer " + string(s.kept.Access), s.kept.renewal(), nil
}

// Refused is told of a request with the value that Token returned last, which was answered with
// status 401, or 403 with insufficient_scope; challenge is its WWW-Authenticate, several joined by
// ", ". nil: Token has another one now, send the request once more. An error says why not;
// ErrLogin and ErrRefused are among them. It may wait for a user, when Options.Open is set.
func (s *Source) Refused(ctx context.Context, status int, challenge string) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.give()
	return ErrLogin
}

// take waits for the turn of the caller.
func (s *Source) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot wait for a token: %w", ctx.Err())
	}
}

func (s *Source) give() { <-s.turn }

// load reads the Store once.
func (s *Source) load() error {
	if s.loaded || s.opt.Store == nil {
		return nil
	}
	stored, err := s.opt.Store.Load(s.opt.Resource)
	if err != nil {
		return fmt.Errorf("cannot load the token for %s: %w", s.opt.Resource, err)
	}
	s.loaded = true
	if stored != nil && stored.Resource == s.opt.Resource {
		s.kept = stored.clone()
	}
	return nil
}

// expired: nobody takes the token any more.
func (s *Stored) expired(now time.Time) bool { return !s.Expiry.IsZero() && !now.Before(s.Expiry) }

// renewal is some time before the end of the token, so that it does not end on its way: a tenth
// of what it has left, ten seconds at least but not above half of it. All clients of a server
// do not come at the same moment.
func (s *Stored) renewal() time.Time {
	if s.Expiry.IsZero() {
		return time.Time{}
	}
	left := time.Until(s.Expiry)
	ahead := min(max(left/10, 10*time.Second), left/2)
	return s.Expiry.Add(-ahead - rand.N(ahead/4+1)) //nolint:gosec // no secret
}
