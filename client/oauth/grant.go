package oauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// target is what a token is asked for: found anew whenever the server refuses one.
type target struct {
	as       *issuer
	audience string   // the resource indicator (RFC 8707)
	scopes   []string // sorted; none: the authorization server chooses
}

// grant gets a new token for t, and keeps it.
func (s *Source) grant(ctx context.Context, t *target) error {
	if s.opt.Grant == AuthorizationCode && s.opt.Open == nil {
		return ErrLogin
	}
	c, err := s.whoAmI(ctx, t.as)
	if err != nil {
		return err
	}
	s.settle(t, c)
	params := url.Values{"resource": {t.audience}}
	if len(t.scopes) > 0 {
		params.Set("scope", strings.Join(t.scopes, " "))
	}
	var secrets []string
	switch s.opt.Grant {
	case ClientCredentials:
		params.Set("grant_type", "client_credentials")
	case JWTBearer:
		params.Set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer") // RFC 7523
		secrets = []string{"assertion"}
		if err = s.assertion(ctx, t, params); err != nil {
			return err
		}
	default:
		params, err = s.authorize(ctx, t, c)
		if err != nil {
			return err
		}
		secrets = []string{"code", "code_verifier"}
	}
	got, err := s.ask(ctx, t.as, c, params, secrets...)
	defer s.lock(ctx)() // a renewal under way would put its token over this one
	if err != nil {
		s.disown(err)
		return err
	}
	return s.accept(t, got, false)
}

// assertion gets what JWTBearer presents.
func (s *Source) assertion(ctx context.Context, t *target, params url.Values) error {
	ctx, cancel := context.WithTimeout(ctx, s.opt.RequestTimeout)
	defer cancel()
	text, err := s.opt.Assertion(ctx, Audience{
		Issuer: t.as.Issuer, Resource: t.audience, Scopes: slices.Clone(t.scopes),
	})
	if err != nil {
		return fmt.Errorf("cannot get an assertion for %q: %w", t.as.Issuer, err)
	}
	params.Set("assertion", strings.TrimSpace(text))
	return nil
}

// authorize has the user allow it, and returns the token request for the code that this brings.
func (s *Source) authorize(ctx context.Context, t *target, c Client) (url.Values, error) {
	switch {
	case t.as.Authorization == "":
		return nil, fmt.Errorf("cannot log in at %q: its metadata has no authorization_endpoint",
			t.as.Issuer)
	case !t.as.proves():
		return nil, fmt.Errorf("cannot log in at %q: code_challenge_methods_supported of its "+
			"metadata has no S256, so codes of it can be stolen", t.as.Issuer)
	}
	scopes := t.scopes
	if slices.Contains(t.as.Scopes, offline) && len(scopes) > 0 &&
		!slices.Contains(scopes, offline) {
		scopes = append(slices.Clone(scopes), offline)
	}
	state, verifier := oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	conf := oauth2.Config{
		ClientID: c.ID, RedirectURL: s.opt.RedirectURL, Scopes: scopes,
		Endpoint: oauth2.Endpoint{AuthURL: t.as.Authorization},
	}
	page := conf.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier),
		oauth2.SetAuthURLParam("resource", t.audience))
	waiting, cancel := context.WithTimeout(ctx, s.opt.LoginTimeout)
	defer cancel()
	callback, err := s.opt.Open(waiting, page)
	if err != nil {
		return nil, fmt.Errorf("%w at %q: %w", ErrLogin, t.as.Issuer, err)
	}
	code, err := readCallback(callback, state, t.as)
	if err != nil {
		return nil, fmt.Errorf("cannot log in at %q: %w", t.as.Issuer, err)
	}
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier},
		"redirect_uri": {s.opt.RedirectURL}, "resource": {t.audience},
	}, nil
}

// offline is the scope that asks for a refresh token (OpenID Connect Core section 11).
const offline = "offline_access"

// readCallback takes the code out of the URL that the browser was sent back to. Nothing of it is
// believed, not even its error, before it is known to be the answer to this request, and of this
// authorization server (2026-07-28, basic/authorization, Authorization Response Validation).
func readCallback(callback, state string, as *issuer) (code string, err error) {
	u, err := url.Parse(callback)
	if err != nil {
		return "", errors.New("the browser did not come back with a URL")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", errors.New("the URL that the browser came back with has a bad query")
	}
	for _, name := range []string{"state", "iss", "code", "error"} {
		if len(q[name]) > 1 {
			return "", fmt.Errorf("the URL that the browser came back with has %s twice", name)
		}
	}
	if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1 {
		return "", errors.New("the answer is to another request: its state is not ours")
	}
	switch iss := q.Get("iss"); {
	case q.Has("iss") && iss != as.Issuer:
		return "", fmt.Errorf("the answer is of another authorization server, %.200q", iss)
	case !q.Has("iss") && as.SaysIssuer:
		return "", errors.New("the answer does not say of which authorization server it is (iss)")
	case q.Get("error") != "":
		return "", newFault(0, q.Get("error"), q.Get("error_description"), state)
	case q.Get("code") == "":
		return "", errors.New("the answer has no code")
	}
	return q.Get("code"), nil
}

// renew exchanges the refresh token, as the client to whom it was given, unless another Source has
// done so.
func (s *Source) renew(ctx context.Context, as *issuer) error {
	defer s.lock(ctx)()
	had := s.kept.Access
	if err := s.load(); err != nil {
		return err
	}
	switch now := s.kept.access(); {
	case now == "":
		return ErrLogin // another process has logged out
	case now != had && !s.kept.expired(time.Now()):
		return nil
	case s.kept.Refresh == "" || s.kept.Issuer != as.Issuer:
		return ErrLogin
	}
	c, err := s.whoIWas(ctx, as)
	if err != nil {
		return err
	}
	t := &target{as: as, audience: s.kept.Audience, scopes: s.kept.Scopes}
	got, err := s.ask(ctx, as, c, url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {string(s.kept.Refresh)},
		"resource": {t.audience},
	}, "refresh_token")
	if err != nil {
		s.disown(err)
		return err
	}
	return s.accept(t, got, true)
}

// lock keeps other Sources of the same Store from changing what is there. One that hangs does not
// keep this one from it.
func (s *Source) lock(ctx context.Context) (unlock func()) {
	l, ok := s.opt.Store.(Locker)
	if !ok {
		return func() {}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*s.opt.RequestTimeout)
	defer cancel()
	unlock, err := l.Lock(ctx, s.opt.Resource)
	if err != nil {
		return func() {}
	}
	return unlock
}

// disown forgets what the authorization server says not to know any more.
func (s *Source) disown(err error) {
	var fault *Fault
	if !errors.As(err, &fault) {
		return
	}
	switch fault.Code {
	case "invalid_grant":
		s.kept.Refresh = ""
	case "invalid_client", "unauthorized_client":
		s.kept.Client, s.kept.Refresh = Client{}, ""
	default:
		return
	}
	_ = s.save() // else it is asked with once more after a restart, and refused
}

// settle makes t what there is: nothing that another authorization server gave stays.
func (s *Source) settle(t *target, c Client) {
	if s.kept == nil || s.kept.Issuer != t.as.Issuer {
		s.kept = &Stored{Resource: s.opt.Resource, Issuer: t.as.Issuer}
	}
	if c.RedirectURL != "" { // it was registered, not configured
		s.kept.Client = c
	}
}

// accept keeps a token.
func (s *Source) accept(t *target, got *answer, renewed bool) error {
	if err := got.bearer(); err != nil {
		return err
	}
	s.kept.Audience, s.kept.Scopes, s.kept.Wanted = t.audience, t.scopes, nil
	s.kept.Access, s.kept.Refresh, s.kept.Expiry = got.access, got.refresh, got.expiry
	s.born, s.renewed = time.Now(), renewed
	if err := s.save(); err != nil && s.opt.Open != nil {
		return err // else nobody is there to hear it, and the token is as good
	}
	return nil
}
