package openapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/mcploop/mcploop/server/gateway/rest"
)

// credential is a secret and where it goes.
type credential struct {
	in    string // header, query or cookie
	name  string
	value string
}

// put puts it into a request, in place of whatever an argument has put there.
func (c *credential) put(r *rest.Request) {
	switch c.in {
	case openapi3.ParameterInHeader:
		r.Header.Set(c.name, c.value)
	case openapi3.ParameterInCookie:
		addCookie(r, c.name, rest.EscapeQuery(c.value))
	default:
		r.Query = slices.DeleteFunc(r.Query, func(p rest.Pair) bool { return p.Name == c.name })
		r.Query = append(r.Query, rest.Pair{Name: c.name, Value: c.value})
	}
}

// credentials are the secrets that the operation wants: those of the first of its alternatives for
// which all are there.
func (o *operation) credentials(
	doc *openapi3.T, secrets map[string]string,
) ([]credential, error) {
	wanted := doc.Security
	if o.op.Security != nil {
		wanted = *o.op.Security
	}
	if len(secrets) == 0 || doc.Components == nil {
		return nil, nil
	}
	for _, alternative := range wanted {
		var all []credential
		for _, name := range slices.Sorted(maps.Keys(alternative)) {
			secret, given := secrets[name]
			scheme := doc.Components.SecuritySchemes[name]
			if !given || scheme == nil || scheme.Value == nil {
				break
			}
			c, err := newCredential(scheme.Value, name, secret)
			if err != nil {
				return nil, err
			}
			all = append(all, c)
		}
		if len(all) == len(alternative) {
			return all, nil
		}
	}
	return nil, nil
}

// newCredential reads where a secret goes.
func newCredential(s *openapi3.SecurityScheme, name, secret string) (credential, error) {
	switch {
	case s.Type == "apiKey":
		c := credential{in: s.In, name: s.Name, value: secret}
		if s.In == openapi3.ParameterInHeader && rest.HeaderFault(s.Name, secret) != "" {
			return c, fmt.Errorf("the credential %q cannot be the header %.64q", name, s.Name)
		}
		return c, nil
	case s.Type == "http" && strings.EqualFold(s.Scheme, "basic"):
		return credential{"header", "Authorization", rest.BasicCredentials(secret)}, nil
	case s.Type == "http" && strings.EqualFold(s.Scheme, "bearer"),
		s.Type == "oauth2", s.Type == "openIdConnect":
		if rest.HeaderFault("Authorization", secret) != "" {
			return credential{}, fmt.Errorf("the credential %q cannot be a header", name)
		}
		return credential{"header", "Authorization", "Bearer " + secret}, nil
	}
	return credential{}, fmt.Errorf("the credential %q is of a kind that cannot be sent: %.32q",
		name, s.Type+" "+s.Scheme)
}
