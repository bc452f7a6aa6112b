package oauth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// Identity is an enterprise's identity provider, which allows a client to act for a user whom it
// has logged in (ext-auth, enterprise-managed authorization; SEP-990): it gives an assertion for
// the authorization server of an MCP server (ID-JAG), which is what Options.Assertion wants.
type Identity struct {
	TokenURL     string // of the provider; https, or http on this host
	ClientID     string // of this client at the provider
	ClientSecret string // "" for a public client
	Method       string // client_secret_basic or client_secret_post; default the latter
	// Subject returns who the user is: an ID token that the provider has given, or a SAML
	// assertion.
	Subject     func(ctx context.Context) (string, error)
	SubjectType string // default "urn:ietf:params:oauth:token-type:id_token"

	TLS              *tls.Config
	Transport        http.RoundTripper // default: one of its own
	RequestTimeout   time.Duration     // default 10 s
	DocumentBytesMax int               // default 256 KiB
}

const (
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693
	idToken       = "urn:ietf:params:oauth:token-type:id_token"
	idJAG         = "urn:ietf:params:oauth:token-type:id-jag"
)

// Assertion checks i and returns an Options.Assertion. Each call asks the provider once.
func (i Identity) Assertion() (func(ctx context.Context, want Audience) (string, error), error) {
	setDefault(&i.RequestTimeout, 10*time.Second)
	setDefault(&i.DocumentBytesMax, 256<<10)
	if i.SubjectType == "" {
		i.SubjectType = idToken
	}
	u, err := secureURL(i.TokenURL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot use Identity.TokenURL: %w", err)
	case i.Subject == nil || i.ClientID == "":
		return nil, errors.New("cannot use Identity: set ClientID and Subject")
	case i.Method != "" && i.Method != MethodBasic && i.Method != MethodPost:
		return nil, fmt.Errorf("cannot use Identity.Method %q; say %s or %s", i.Method, MethodBasic,
			MethodPost)
	}
	g := newGuard(u.Hostname(), i.RequestTimeout)
	g.trusted = u.Hostname() // our own configuration says where it is
	w := newWeb(i.Transport, i.TLS, u, g, i.RequestTimeout, i.DocumentBytesMax)
	return func(ctx context.Context, want Audience) (string, error) {
		return i.exchange(ctx, w, want)
	}, nil
}

// exchange asks for an assertion (RFC 8693 section 2.1).
func (i *Identity) exchange(ctx context.Context, w *web, want Audience) (string, error) {
	subject, err := i.Subject(ctx)
	if err != nil {
		return "", fmt.Errorf("cannot tell the identity provider who the user is: %w", err)
	}
	params := url.Values{
		"grant_type": {exchangeGrant}, "requested_token_type": {idJAG},
		"audience": {want.Issuer}, "resource": {want.Resource},
		"subject_token": {subject}, "subject_token_type": {i.SubjectType},
	}
	if len(want.Scopes) > 0 {
		params.Set("scope", strings.Join(want.Scopes, " "))
	}
	style := oauth2.AuthStyleInParams
	if i.Method == MethodBasic {
		style = oauth2.AuthStyleInHeader
	}
	got, err := askToken(ctx, w, &clientcredentials.Config{
		ClientID: i.ClientID, ClientSecret: i.ClientSecret, TokenURL: i.TokenURL,
		AuthStyle: style, EndpointParams: params,
	}, []string{subject, i.ClientSecret})
	if err != nil {
		return "", fmt.Errorf("cannot exchange the identity at %s: %w", i.TokenURL, err)
	}
	if got.issuedKind != idJAG {
		return "", fmt.Errorf("cannot use what %s gave, a %.64q in place of an assertion",
			i.TokenURL, got.issuedKind)
	}
	return string(got.access), nil
}
