package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// resource is what a protected resource says of itself (RFC 9728 section 2).
type resource struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	ScopesSupported      []string `json:"scopes_supported"`
}

// findResource gets the metadata of the resource: from where its challenge says, else from its
// well-known places (2026-07-28, basic/authorization/authorization-server-discovery, Protected
// Resource Metadata Discovery Requirements). nil: it has none, as servers of 2025-03-26.
func (s *Source) findResource(ctx context.Context, said string) (*resource, error) {
	places := resourcePlaces(s.resource)
	if said != "" {
		places = []string{said}
	}
	for _, place := range places {
		var r resource
		err := s.web.document(ctx, place, &r)
		if errors.Is(err, errAbsent) && said == "" {
			continue
		}
		if err == nil {
			err = s.checkResource(&r)
		}
		if err != nil {
			return nil, fmt.Errorf("cannot use the metadata of %s: %w", s.opt.Resource, err)
		}
		return &r, nil
	}
	return nil, nil //nolint:nilnil // its absence is no fault
}

// resourcePlaces are the well-known URLs of a resource, the one with its path first.
func resourcePlaces(u *url.URL) []string {
	const name = "/.well-known/oauth-protected-resource"
	root := u.Scheme + "://" + u.Host + name
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	if path == "" && u.RawQuery == "" {
		return []string{root}
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return []string{root + path, root}
}

// checkResource: the metadata must be of the server that was asked, or of one on its host whose
// path it is under. Metadata of another would bring a token that is another's (RFC 9728 section
// 3.3, 7.3).
func (s *Source) checkResource(r *resource) error {
	theirs, err := secureURL(r.Resource)
	if err != nil {
		return fmt.Errorf("its resource: %w", err)
	}
	if !covers(theirs, s.resource) {
		return fmt.Errorf("it is of another resource, %.200q", r.Resource)
	}
	if len(r.AuthorizationServers) == 0 {
		return errors.New("it names no authorization server")
	}
	return nil
}

// covers: u is theirs, or under it.
func covers(theirs, u *url.URL) bool {
	if origin(theirs) != origin(u) {
		return false
	}
	above := strings.TrimSuffix(theirs.EscapedPath(), "/")
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	if theirs.RawQuery != "" {
		return above == path && theirs.RawQuery == u.RawQuery
	}
	return above == path || strings.HasPrefix(path, above+"/")
}

// origin is what a server is known by: scheme, host and port, in one writing.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// chooseIssuer takes the authorization server that is configured, else the one that there was,
// else the first. The server that names several leaves the choice to its clients.
func (s *Source) chooseIssuer(offered []string) (string, error) {
	if s.opt.Issuer != "" {
		if slices.Contains(offered, s.opt.Issuer) {
			return s.opt.Issuer, nil
		}
		return "", fmt.Errorf("cannot log in to %s: it names the authorization server %.200q, not "+
			"Options.Issuer = %q", s.opt.Resource, offered[0], s.opt.Issuer)
	}
	if s.kept != nil && slices.Contains(offered, s.kept.Issuer) {
		return s.kept.Issuer, nil
	}
	if s.opt.ClientID != "" && s.kept != nil && s.kept.Issuer != "" {
		return "", fmt.Errorf("cannot log in to %s: Options.ClientID was used with the "+
			"authorization server %q, and it now names %.200q; set Options.Issuer to the one that "+
			"ClientID is registered with", s.opt.Resource, s.kept.Issuer, offered[0])
	}
	return offered[0], nil
}
