package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/client/oauth"
)

// OAuth says how this server gets tokens for an upstream that wants them (2026-07-28,
// basic/authorization). The tokens are those of whoever runs this server: all clients share them.
type OAuth struct {
	// Options are those of a source of tokens. Resource, TLS, PrivateKey, Assertion and Store
	// are set here, by Client and the fields below; Open is for Login alone.
	Options        oauth.Options
	Store          TokenStore
	PrivateKeyFile string // PEM, read when the upstream is made
	AssertionFile  string // of the grant jwt_bearer: a JWT, read each time that a token is got
}

// Resource is the address that tokens of the server at a client's URL are for.
func Resource(raw string) string {
	scheme, rest, _ := strings.Cut(raw, "://")
	switch scheme {
	case "ws", "sse":
		scheme = "http"
	case "wss", "sses":
		scheme = "https"
	}
	return scheme + "://" + rest
}

// NewSource makes the source of tokens for the server that c is connected to. open shows a user
// where to log in, see oauth.Options; nil: nobody is there.
func (o *OAuth) NewSource(
	c *client.Options, open func(ctx context.Context, url string) (string, error),
) (*oauth.Source, error) {
	opt := o.Options
	opt.Resource, opt.Open = Resource(c.URL), open
	if opt.Store == nil && o.Store.Dir != "" {
		opt.Store = o.Store
	}
	if open == nil {
		opt.RedirectURL = ""
	}
	var err error
	if opt.TLS, err = c.TLS.Config(); err != nil {
		return nil, err
	}
	if o.PrivateKeyFile != "" {
		if opt.PrivateKey, err = os.ReadFile(o.PrivateKeyFile); err != nil {
			return nil, fmt.Errorf("cannot read the private key of OAuth: %w", err)
		}
	}
	if o.AssertionFile != "" {
		opt.Assertion = func(context.Context, oauth.Audience) (string, error) {
			text, err := os.ReadFile(o.AssertionFile)
			if err != nil {
				return "", fmt.Errorf("cannot read the assertion of OAuth: %w", err)
			}
			return strings.TrimSpace(string(text)), nil
		}
	}
	return oauth.New(opt)
}

// validate reports what is wrong with o for a server at the URL of c. nil is right.
func (o *OAuth) validate(c *client.Options) error {
	if o == nil {
		return nil
	}
	if at, err := url.Parse(Resource(c.URL)); err != nil || at.Scheme != "http" &&
		at.Scheme != "https" {
		return errors.New("cannot use OAuth with what has no headers: an upstream that is not " +
			"reached by HTTP or WebSocket")
	}
	if hasAuthorization(c.Headers) {
		return errors.New("cannot use OAuth beside a header Authorization; leave one out")
	}
	return nil
}

// keys are the tokens of an upstream; nil: it never has any.
type keys struct {
	store    TokenStore
	resource string
	all      *client.Tokens

	mu      sync.Mutex // guards the rest
	changed chan struct{}
}

// newKeys makes those of an upstream whose options were validated.
func newKeys(opt *Options, log *slog.Logger) (*keys, error) {
	if opt.OAuth == nil {
		return nil, nil
	}
	o := *opt.OAuth
	if o.Options.Store == nil && o.Store.Dir != "" {
		o.Options.Store = heardStore{o.Store, log.With("upstream", opt.Name)}
	}
	source, err := o.NewSource(&opt.Client, nil)
	if err != nil {
		return nil, fmt.Errorf("upstream %q: %w", opt.Name, err)
	}
	return &keys{
		store: opt.OAuth.Store, resource: Resource(opt.Client.URL),
		all: client.NewTokens(source), changed: make(chan struct{}),
	}, nil
}

// heardStore says when tokens could not be kept. They are used all the same.
type heardStore struct {
	TokenStore
	log *slog.Logger
}

// Save implements oauth.Store.
func (s heardStore) Save(resource string, stored *oauth.Stored) error {
	err := s.TokenStore.Save(resource, stored)
	if err != nil {
		s.log.Warn("tokens of an upstream are lost when this server ends", "reason", err)
	}
	return err
}

// tokens are what a connection with these headers has; nil: none.
func (k *keys) tokens(headers map[string]string) *client.Tokens {
	if k == nil || hasAuthorization(headers) { // that of a single client stands in its place
		return nil
	}
	return k.all
}

func hasAuthorization(headers map[string]string) bool {
	for name := range headers {
		if strings.EqualFold(name, "Authorization") {
			return true
		}
	}
	return false
}

// storeLook is how often the file with the tokens is looked at.
const storeLook = time.Second

// watch takes over what another process has put into the store, such as a login, or taken out of
// it. It returns when ctx ends.
func (k *keys) watch(ctx context.Context) {
	if k == nil || k.store.Dir == "" {
		return
	}
	tick := time.NewTicker(storeLook)
	defer tick.Stop()
	for seen := k.store.stamp(k.resource); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := k.store.stamp(k.resource)
		if now == seen {
			continue
		}
		seen = now
		_ = k.all.Renew(ctx) // a token that is gone shows when the next request is refused
		k.mu.Lock()
		close(k.changed)
		k.changed = make(chan struct{})
		k.mu.Unlock()
	}
}

// next is closed when the store has changed after this.
func (k *keys) next() <-chan struct{} {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.changed
}

func (k *keys) close() {
	if k != nil {
		k.all.Close()
	}
}

// stats adds what is known of the tokens.
func (k *keys) stats(s *Stats) {
	if k != nil {
		all := k.all.Stats()
		s.TokensRenewed, s.TokensRefused = all.Renewed, all.Refused
	}
}

// wantsLogin tells whether err is for a person to mend, by a login.
func wantsLogin(err error) bool { return err != nil && errors.Is(err, oauth.ErrLogin) }

// loginError names the cure.
type loginError struct {
	name string
	err  error
}

func (e *loginError) Error() string {
	return fmt.Sprintf("%v; whoever runs this server can log in: mcploop login %s -c FILE", e.err,
		e.name)
}

func (e *loginError) Unwrap() error { return e.err }

// withCure adds how to mend it, where a login does, unless err says so.
func (u *Upstream) withCure(err error) error {
	var said *loginError
	if !wantsLogin(err) || errors.As(err, &said) {
		return err
	}
	return &loginError{u.opt.Name, err}
}

// awaitLogin waits for a login, if err asks for one, and sends nothing to anybody before. changed
// is what was next before the attempt that failed. As an upstream may have been wrong about a
// token, it is tried again after Options.Refresh. An instance of a single client does not wait: it
// is tried again when it is called.
func (i *instance) awaitLogin(ctx context.Context, err error, changed <-chan struct{}) {
	if !wantsLogin(err) || i.private {
		return
	}
	again := time.NewTimer(i.up.opt.Refresh)
	defer again.Stop()
	select {
	case <-changed:
		i.gate.hurry()
	case <-again.C:
	case <-ctx.Done():
	}
}
