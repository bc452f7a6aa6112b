package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// issuer is what an authorization server says of itself (RFC 8414 section 2, OpenID Connect
// Discovery section 3).
type issuer struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Registration  string   `json:"registration_endpoint"`
	Scopes        []string `json:"scopes_supported"`
	Methods       []string `json:"token_endpoint_auth_methods_supported"`
	Algorithms    []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	Challenges    []string `json:"code_challenge_methods_supported"`
	Documents     bool     `json:"client_id_metadata_document_supported"`
	SaysIssuer    bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207

	assumed bool // it said nothing: the endpoints are those of 2025-03-26
}

// findIssuer gets the metadata of the authorization server called name.
func (s *Source) findIssuer(ctx context.Context, name string) (*issuer, error) {
	u, err := secureURL(name)
	if err != nil {
		return nil, fmt.Errorf("cannot use an authorization server: %w", err)
	}
	as, err := s.askIssuer(ctx, u, func(said string) bool { return said == name })
	if err != nil {
		return nil, fmt.Errorf("cannot use the authorization server %q: %w", name, err)
	}
	return as, nil
}

// assumeIssuer is for a server that says nothing of its authorization server, as those of
// 2025-03-26: it is one itself (basic/authorization, Authorization Base URL). Whether it says
// its name with a slash behind it, nobody told us. guess: endpoints that nobody named will do.
func (s *Source) assumeIssuer(ctx context.Context, guess bool) (*issuer, error) {
	base := &url.URL{Scheme: s.resource.Scheme, Host: s.resource.Host}
	name := base.String()
	as, err := s.askIssuer(ctx, base, func(said string) bool {
		return said == name || said == name+"/"
	})
	if guess && errors.Is(err, errAbsent) {
		return &issuer{
			Issuer: name, Authorization: name + "/authorize", Token: name + "/token",
			Registration: name + "/register", assumed: true,
		}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot find the authorization server of %s: %w", s.opt.Resource,
			err)
	}
	return as, nil
}

// askIssuer asks the well-known places of u in their order. right says whether the document is
// of the one that was asked (RFC 8414 section 3.3).
func (s *Source) askIssuer(ctx context.Context, u *url.URL, right func(string) bool) (*issuer,
	error,
) {
	var faults []error
	for _, place := range issuerPlaces(u) {
		var as issuer
		err := s.web.document(ctx, place, &as)
		if errors.Is(err, errAbsent) {
			faults = append(faults, err)
			continue
		}
		switch {
		case err != nil:
			return nil, err
		case !right(as.Issuer):
			return nil, fmt.Errorf("the metadata at %s is of another, %.200q", place, as.Issuer)
		}
		return &as, s.checkIssuer(&as)
	}
	return nil, errors.Join(faults...)
}

// issuerPlaces are the well-known URLs of an authorization server (2026-07-28, basic/
// authorization/authorization-server-discovery, Authorization Server Metadata Discovery).
func issuerPlaces(u *url.URL) []string {
	const oauth, openID = "/.well-known/oauth-authorization-server",
		"/.well-known/openid-configuration"
	root := u.Scheme + "://" + u.Host
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	if path == "" {
		return []string{root + oauth, root + openID}
	}
	return []string{root + oauth + path, root + openID + path, root + path + openID}
}

// checkIssuer looks at what is there; which endpoint a grant needs, it sees itself. A server that
// is not of this host cannot have a user's browser go to one that is.
func (s *Source) checkIssuer(as *issuer) error {
	for _, endpoint := range []string{as.Authorization, as.Token, as.Registration} {
		if endpoint == "" {
			continue
		}
		u, err := secureURL(endpoint)
		if err == nil && loopback(u.Hostname()) && !loopback(s.resource.Hostname()) &&
			as.Issuer != s.opt.Issuer {
			err = fmt.Errorf("%.200q is of this host, and %s is not; set Options.Issuer when that "+
				"is meant", endpoint, s.opt.Resource)
		}
		if err != nil {
			return fmt.Errorf("its metadata has an endpoint that cannot be used: %w", err)
		}
	}
	if as.Token == "" {
		return errors.New("its metadata has no token_endpoint")
	}
	return nil
}

// proves: codes of this server are bound to who asked for them (PKCE, RFC 7636; 2026-07-28,
// basic/authorization/security-considerations, Authorization Code Protection).
func (as *issuer) proves() bool { return as.assumed || slices.Contains(as.Challenges, "S256") }
