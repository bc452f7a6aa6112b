package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Refused is told of a request with the value that Token returned last, which was answered with
// status 401, or 403 with insufficient_scope; challenge is its WWW-Authenticate, several joined by
// ", ". nil: Token has another one now, send the request once more. An error says why not;
// ErrLogin and ErrRefused are among them. It may wait for a user, when Options.Open is set.
func (s *Source) Refused(ctx context.Context, status int, challenge string) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.give()
	if err := s.load(); err != nil {
		return err
	}
	if now := s.kept.access(); now != s.told && now != "" && !s.kept.expired(time.Now()) {
		return nil // another process was first
	}
	c := parseChallenge(challenge)
	if status == http.StatusForbidden {
		if err := s.wantsMore(&c); err != nil {
			return err
		}
	}
	return s.answer(ctx, status, &c)
}

// Login gets a new token whatever there is, without having been refused: for servers that let
// everybody in at first, and for more scopes, those that a 403 asked for when nobody was there
// to log in. The server must say of which authorization server it takes tokens.
func (s *Source) Login(ctx context.Context) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.give()
	if err := s.load(); err != nil {
		return err
	}
	t, err := s.find(ctx, &challenge{}, false)
	if err != nil {
		return err
	}
	return s.grant(ctx, t)
}

// wantsMore: a 403 is worth an answer when it asks for scopes that were not asked for before.
func (s *Source) wantsMore(c *challenge) error {
	if c.fault != "insufficient_scope" {
		return fmt.Errorf("%w: status 403, and it is not for the want of scopes", ErrRefused)
	}
	if s.kept.access() == "" {
		return nil
	}
	for _, scope := range c.scopes {
		if !slices.Contains(s.kept.Scopes, scope) {
			return nil
		}
	}
	return fmt.Errorf("%w: it wants the scopes %.200q, which the token was asked for with",
		ErrRefused, strings.Join(c.scopes, " "))
}

// youth is how long a token that was refused is not replaced by one of the same kind.
const youth = 10 * time.Second

// answer gets a token that the server may take.
func (s *Source) answer(ctx context.Context, status int, c *challenge) error {
	t, err := s.find(ctx, c, true)
	if err != nil {
		return err
	}
	same := s.kept != nil && s.kept.Issuer == t.as.Issuer && s.kept.Access != "" &&
		s.kept.Audience == t.audience && slices.Equal(s.kept.Scopes, t.scopes)
	if status == http.StatusUnauthorized && same {
		young := time.Since(s.born) < youth
		switch {
		case young && !s.renewed:
			return fmt.Errorf("%w: %s refuses a token that %q has just given", ErrRefused,
				s.opt.Resource, t.as.Issuer)
		case s.kept.Refresh != "" && !young:
			var fault *Fault
			if err = s.renew(ctx, t.as); err == nil || !errors.As(err, &fault) {
				return err
			}
		}
	}
	if s.opt.Grant == AuthorizationCode && s.opt.Open == nil {
		return s.want(ctx, t)
	}
	return s.grant(ctx, t)
}

// want notes what a login is to ask for, unless another process has just logged in, or out: what
// is known here is older than that.
func (s *Source) want(ctx context.Context, t *target) error {
	had := s.kept.access()
	defer s.lock(ctx)()
	if err := s.load(); err != nil {
		return err
	}
	switch now := s.kept.access(); {
	case now != had && (now == "" || s.kept.expired(time.Now())):
		return ErrLogin
	case now != had:
		return nil
	}
	if s.kept == nil {
		s.kept = &Stored{Resource: s.opt.Resource, Issuer: t.as.Issuer}
	}
	if s.kept.Issuer == t.as.Issuer && !slices.Equal(s.kept.Wanted, t.scopes) {
		s.kept.Wanted = t.scopes
		if err := s.save(); err != nil {
			return fmt.Errorf("%w: %w", ErrLogin, err)
		}
	}
	return ErrLogin
}

// find asks the resource for its authorization server, and that for itself. guess: the server
// has said that it wants a token, so it is taken for one of 2025-03-26 when it says no more.
func (s *Source) find(ctx context.Context, c *challenge, guess bool) (*target, error) {
	r, err := s.findResource(ctx, c.metadata)
	if err != nil {
		return nil, err
	}
	t := &target{audience: strings.TrimSuffix(s.opt.Resource, "/")}
	var offered []string
	switch {
	case r != nil:
		t.audience, offered = r.Resource, r.AuthorizationServers
	case s.opt.Issuer != "":
		offered = []string{s.opt.Issuer}
	default:
		if t.as, err = s.assumeIssuer(ctx, guess); err != nil {
			return nil, err
		}
		offered = []string{t.as.Issuer}
	}
	name, err := s.chooseIssuer(offered)
	if err == nil && t.as == nil {
		t.as, err = s.findIssuer(ctx, name)
	}
	if err == nil {
		s.as = t.as
		t.scopes, err = s.chooseScopes(c, r)
	}
	return t, err
}

// chooseScopes are those of the challenge, or else of the resource, and what was asked for before
// (2026-07-28, basic/authorization, Scope Selection Strategy and Step-Up Authorization Flow).
func (s *Source) chooseScopes(c *challenge, r *resource) ([]string, error) {
	scopes := slices.Concat(c.scopes, s.opt.Scopes)
	if s.kept != nil && s.kept.Issuer == s.as.Issuer {
		scopes = slices.Concat(scopes, s.kept.Scopes, s.kept.Wanted)
	}
	if len(scopes) == 0 && r != nil {
		scopes = slices.Clone(r.ScopesSupported)
	}
	slices.Sort(scopes)
	scopes = slices.Compact(scopes)
	if len(scopes) > s.opt.ScopesMax {
		return nil, fmt.Errorf("%w: it wants %d scopes; raise Options.ScopesMax = %d when that is "+
			"meant", ErrRefused, len(scopes), s.opt.ScopesMax)
	}
	for _, scope := range scopes {
		if scope == "" || strings.ContainsAny(scope, ` "\`) || !visible(scope, scopeBytesMax) {
			return nil, fmt.Errorf("%w: it wants a scope that is none, %.64q", ErrRefused, scope)
		}
	}
	return scopes, nil
}

const scopeBytesMax = 256
