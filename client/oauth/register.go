package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"
)

// whoAmI returns what this client is called at as, and how it proves that: registered beforehand,
// by a metadata document, or dynamically, in this order (2026-07-28, basic/authorization/
// client-registration).
func (s *Source) whoAmI(ctx context.Context, as *issuer) (Client, error) {
	switch {
	case s.opt.ClientID != "":
		return s.configured(as)
	case s.opt.Grant != AuthorizationCode: // an assertion may be all that is asked for
		return Client{Method: MethodNone}, nil
	case s.opt.ClientMetadataURL != "" && as.Documents:
		c := Client{ID: s.opt.ClientMetadataURL, Method: s.opt.Method}
		switch {
		case c.Method != "":
		case s.key != nil:
			c.Method = MethodPrivateKeyJWT
		default:
			c.Method = MethodNone
		}
		return c, nil
	}
	if c := s.kept.client(as.Issuer); c.usable() && c.RedirectURL == s.opt.RedirectURL {
		return c, nil
	}
	if as.Registration == "" {
		return Client{}, fmt.Errorf("cannot register at %q: it takes no registrations; register "+
			"this client there and set Options.ClientID", as.Issuer)
	}
	return s.register(ctx, as)
}

// configured is the client of Options.
func (s *Source) configured(as *issuer) (Client, error) {
	c := Client{ID: s.opt.ClientID, Secret: Secret(s.opt.ClientSecret), Method: s.opt.Method}
	takes := func(method string) bool { return slices.Contains(as.Methods, method) }
	switch {
	case c.Method != "":
	case s.key != nil:
		c.Method = MethodPrivateKeyJWT
	case c.Secret == "":
		c.Method = MethodNone
	case len(as.Methods) == 0 || takes(MethodBasic): // RFC 8414: the default
		c.Method = MethodBasic
	default:
		c.Method = MethodPost
	}
	if len(as.Methods) > 0 && !takes(c.Method) {
		return c, fmt.Errorf("cannot tell %q who this client is by %s; it takes %.200q",
			as.Issuer, c.Method, as.Methods)
	}
	return c, nil
}

// client returns what was registered with the authorization server of that name, and no other.
func (s *Stored) client(name string) Client {
	if s == nil || s.Issuer != name {
		return Client{}
	}
	return s.Client
}

// usable: there is a registration, and it has not ended.
func (c *Client) usable() bool {
	return c.ID != "" && (c.Expiry.IsZero() || time.Now().Before(c.Expiry))
}

// whoIWas is whoAmI for a token that there is: nothing is registered for it anew, and whatever
// browser once came back with it, none does now.
func (s *Source) whoIWas(ctx context.Context, as *issuer) (Client, error) {
	if c := s.kept.client(as.Issuer); s.opt.ClientID == "" && c.ID != "" {
		if !c.usable() {
			return c, fmt.Errorf("%w: the registration at %q has ended", ErrLogin, as.Issuer)
		}
		return c, nil
	}
	if s.opt.ClientID == "" && s.opt.ClientMetadataURL == "" {
		return Client{}, fmt.Errorf("%w: it is not known who got the token of %q", ErrLogin,
			as.Issuer)
	}
	return s.whoAmI(ctx, as)
}

// registration is what is asked for, and its answer (RFC 7591 sections 2 and 3).
type registration struct {
	Name            string   `json:"client_name,omitempty"`
	RedirectURIs    []string `json:"redirect_uris,omitempty"`
	GrantTypes      []string `json:"grant_types,omitempty"`
	ResponseTypes   []string `json:"response_types,omitempty"`
	Method          string   `json:"token_endpoint_auth_method,omitempty"`
	ApplicationType string   `json:"application_type,omitempty"` // OpenID Connect Registration
}

type registered struct {
	ID          string `json:"client_id"`
	Secret      string `json:"client_secret"`
	ExpiresAt   int64  `json:"client_secret_expires_at"` // seconds since 1970; 0: never
	Method      string `json:"token_endpoint_auth_method"`
	Fault       string `json:"error"`
	Description string `json:"error_description"`
}

// register registers this client at as (RFC 7591).
func (s *Source) register(ctx context.Context, as *issuer) (Client, error) {
	ask := registration{
		Name: s.opt.ClientName, RedirectURIs: []string{s.opt.RedirectURL},
		GrantTypes:    []string{"authorization_code", "refresh_token"},
		ResponseTypes: []string{"code"}, Method: preferred(as), ApplicationType: "native",
	}
	if u, err := url.Parse(s.opt.RedirectURL); err == nil && !loopback(u.Hostname()) {
		ask.ApplicationType = "web"
	}
	var got registered
	status, err := s.web.post(ctx, as.Registration, ask, &got)
	if err == nil && status/100 != 2 {
		err = newFault(status, got.Fault, got.Description)
	}
	if err == nil {
		err = got.check()
	}
	if err != nil {
		return Client{}, fmt.Errorf("cannot register at %q for the redirect to %s: %w", as.Issuer,
			s.opt.RedirectURL, err)
	}
	c := Client{
		ID: got.ID, Secret: Secret(got.Secret), Method: got.Method, RedirectURL: s.opt.RedirectURL,
	}
	if got.ExpiresAt > 0 {
		c.Expiry = time.Unix(got.ExpiresAt, 0)
	}
	if c.Method == "" {
		c.Method = implied(as, c.Secret)
	}
	return c, nil
}

const clientBytesMax = 4 << 10 // an identifier or a secret that somebody gave us

func (got *registered) check() error {
	switch {
	case got.ID == "":
		return errors.New("its answer has no client_id")
	case !visible(got.ID, clientBytesMax) || !visible(got.Secret, clientBytesMax):
		return fmt.Errorf("its client_id or client_secret is above %d bytes, or not ASCII",
			clientBytesMax)
	case got.Method != "" && got.Method != MethodNone && got.Method != MethodBasic &&
		got.Method != MethodPost:
		return fmt.Errorf("it wants this client to prove itself by %.64q", got.Method)
	case got.Secret == "" && (got.Method == MethodBasic || got.Method == MethodPost):
		return errors.New("its answer has no client_secret")
	}
	return nil
}

// preferred is the method to register with: a secret in the hands of a program that anybody has
// proves nothing, so none is best.
func preferred(as *issuer) string {
	for _, method := range []string{MethodNone, MethodBasic, MethodPost} {
		if slices.Contains(as.Methods, method) {
			return method
		}
	}
	return MethodBasic // RFC 8414 section 2: the default
}

// implied is the method of a registration whose answer does not say it.
func implied(as *issuer, secret Secret) string {
	switch {
	case secret == "":
		return MethodNone
	case len(as.Methods) == 0: // RFC 7591 section 2: the default
		return MethodBasic
	}
	return preferred(as)
}

// visible: s is at most limit bytes of ASCII without control characters.
func visible(s string, limit int) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= limit
}
