package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Source gives the token of one resource to all who send requests to it; a client.TokenSource.
// Safe for concurrent use: one caller asks, the others wait and get the same. After an error it
// asks again when it is called again: how often, is its caller's to bound, as client.Tokens does.
type Source struct {
	opt      Options
	resource *url.URL
	key      *key // nil without Options.PrivateKey
	web      *web
	turn     chan struct{} // holds one while somebody asks; what follows is theirs

	kept    *Stored   // nil: nothing is known
	seen    Secret    // the access token that the Store had last, as far as is known here
	unsaved bool      // the Store could not take kept, which is newer than what it has
	renewAt time.Time // when the token is to be renewed; zero: never
	born    time.Time // when it was got, by this process; zero: before
	renewed bool      // it was got by a refresh token
	told    Secret    // what Token returned last
	as      *issuer   // of kept.Issuer; nil: not asked yet
}

// New checks opt. Nothing is asked of anybody yet.
func New(opt Options) (*Source, error) {
	opt = opt.withDefaults()
	if err := opt.validate(); err != nil {
		return nil, err
	}
	s := &Source{opt: opt, turn: make(chan struct{}, 1)}
	s.resource, _ = url.Parse(opt.Resource)
	if opt.PrivateKey != nil {
		var err error
		if s.key, err = parseKey(opt.PrivateKey, opt.KeyID); err != nil {
			return nil, err
		}
	}
	g := newGuard(s.resource.Hostname(), opt.RequestTimeout)
	if u, err := url.Parse(opt.Issuer); err == nil {
		g.trusted = u.Hostname()
	}
	s.web = newWeb(opt.Transport, opt.TLS, s.resource, g, opt.RequestTimeout, opt.DocumentBytesMax)
	return s, nil
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
	if s.told = ""; s.kept.access() == "" {
		return "", time.Time{}, nil
	}
	if s.due(time.Now()) {
		err = s.renewAhead(ctx)
	}
	if s.kept.access() == "" { // another process has logged out meanwhile
		return "", time.Time{}, nil
	}
	switch expired := s.kept.expired(time.Now()); {
	case err != nil && !expired: // what there is will do for a while
		s.renewAt = later(s.kept.Expiry)
	case errors.Is(err, ErrLogin) && s.opt.Open != nil:
		return "", time.Time{}, nil // the server refuses, and that has the user log in
	case err != nil:
		return "", time.Time{}, err
	}
	s.told = s.kept.Access
	return "Bearer " + string(s.told), s.renewAt, nil
}

// due: there is a token, and it is to be renewed.
func (s *Source) due(now time.Time) bool {
	return s.kept.access() != "" && !s.renewAt.IsZero() && !now.Before(s.renewAt)
}

// later is when to try again to renew a token that ends at expiry.
func later(expiry time.Time) time.Time {
	return time.Now().Add(max(time.Until(expiry)/2, time.Second))
}

// renewAhead gets another token for what the one that there is was for.
func (s *Source) renewAhead(ctx context.Context) error {
	if s.kept.Refresh == "" && s.opt.Grant == AuthorizationCode {
		return ErrLogin
	}
	as, err := s.knownIssuer(ctx)
	if err != nil {
		return err
	}
	if s.kept.Refresh == "" {
		return s.grant(ctx, &target{as: as, audience: s.kept.Audience, scopes: s.kept.Scopes})
	}
	err = s.renew(ctx, as)
	if err != nil && s.kept.access() != "" && s.kept.Refresh == "" { // it is not taken any more
		if s.opt.Grant == AuthorizationCode {
			return fmt.Errorf("%w: %w", ErrLogin, err)
		}
		return s.grant(ctx, &target{as: as, audience: s.kept.Audience, scopes: s.kept.Scopes})
	}
	return err
}

// knownIssuer is the authorization server whose token there is.
func (s *Source) knownIssuer(ctx context.Context) (*issuer, error) {
	if s.as != nil && s.as.Issuer == s.kept.Issuer {
		return s.as, nil
	}
	as, err := s.findIssuer(ctx, s.kept.Issuer)
	if errors.Is(err, errAbsent) && s.kept.Issuer == s.resource.Scheme+"://"+s.resource.Host {
		as, err = s.assumeIssuer(ctx, true)
	}
	if err == nil {
		s.as = as
	}
	return as, err
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

// load takes what the Store has: another process may have logged in, or out. What the Store could
// not take is used as long as none has.
func (s *Source) load() error {
	if s.opt.Store == nil {
		return nil
	}
	stored, err := s.opt.Store.Load(s.opt.Resource)
	switch {
	case err != nil && s.unsaved:
		return nil
	case err != nil:
		return fmt.Errorf("cannot load the token for %s: %w", s.opt.Resource, err)
	case stored != nil && !s.ours(stored):
		stored = nil
	}
	if s.unsaved && stored.access() == s.seen {
		return nil
	}
	s.seen, s.unsaved = stored.access(), false
	if s.kept == nil || stored.access() != s.kept.Access {
		s.born, s.renewed = time.Time{}, false
		s.renewAt = stored.renewal()
	}
	s.kept = stored.clone()
	return nil
}

// ours: it is a token for this resource, of an authorization server that may give any.
func (s *Source) ours(stored *Stored) bool {
	if stored.Resource != s.opt.Resource || s.opt.Issuer != "" && stored.Issuer != s.opt.Issuer {
		return false
	}
	u, err := url.Parse(stored.Audience)
	return stored.Audience == "" && stored.Access == "" || err == nil && covers(u, s.resource)
}

// save gives what there is to the Store. When that fails the token is used all the same.
func (s *Source) save() error {
	s.renewAt = s.kept.renewal()
	if s.opt.Store == nil {
		return nil
	}
	err := s.opt.Store.Save(s.opt.Resource, s.kept.clone())
	if s.unsaved = err != nil; s.unsaved {
		return fmt.Errorf("cannot save the token for %s: %w", s.opt.Resource, err)
	}
	s.seen = s.kept.Access
	return nil
}
