package oauth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Grant says how a token is got.
type Grant uint8

// The grants.
const (
	AuthorizationCode Grant = iota // by a user and their browser, with PKCE
	ClientCredentials              // by ClientID and its secret or key alone
	JWTBearer                      // for an assertion of somebody whom the server trusts
)

// String returns "authorization_code", "client_credentials" or "jwt_bearer".
func (g Grant) String() string {
	switch g {
	case ClientCredentials:
		return "client_credentials"
	case JWTBearer:
		return "jwt_bearer"
	}
	return "authorization_code"
}

// ParseGrant returns the grant named s; "" is AuthorizationCode.
func ParseGrant(s string) (Grant, error) {
	for g := AuthorizationCode; g <= JWTBearer; g++ {
		if s == g.String() || s == "" {
			return g, nil
		}
	}
	return 0, fmt.Errorf(`cannot use grant %q; say "authorization_code", "client_credentials" or `+
		`"jwt_bearer"`, s)
}

// Methods by which a client tells a token endpoint who it is (RFC 7591 section 2, OpenID Connect
// Core section 9).
const (
	MethodNone          = "none"
	MethodBasic         = "client_secret_basic"
	MethodPost          = "client_secret_post"
	MethodPrivateKeyJWT = "private_key_jwt"
)

// Options say for which server tokens are got, and how. Resource is required.
type Options struct {
	// Resource is the URL of the MCP server, as it is connected to: https, or http on this host.
	Resource string
	Grant    Grant

	// ClientID is that of a client registered beforehand; "": ClientMetadataURL or a dynamic
	// registration, where the authorization server has them.
	ClientID     string
	ClientSecret string
	// Issuer is the authorization server that ClientID is registered with. Another one gets
	// neither ClientID nor its secret, but an error. "": the first one that the server names is
	// believed, and remembered with Store.
	Issuer string
	// Method is one of those above; "": private_key_jwt with PrivateKey, else what the
	// authorization server says that it takes.
	Method string
	// PrivateKey is in PEM (PKCS #8, PKCS #1 or SEC 1), RSA, EC or Ed25519; KeyID names
	// it ("kid").
	PrivateKey []byte
	KeyID      string
	// ClientMetadataURL is where a client ID metadata document of this client is, over https.
	ClientMetadataURL string
	ClientName        string // in a dynamic registration; default "mcploop"

	// Scopes are asked for beside those that the server wants, and in place of scopes_supported.
	Scopes []string

	// RedirectURL is where the authorization server sends the browser back to; required with Open.
	RedirectURL string
	// Open shows url to the user and returns the URL that their browser was sent back to, query
	// and all; what is in it is checked here. See Receiver. Nil: ErrLogin.
	Open func(ctx context.Context, url string) (callback string, err error)

	// Assertion returns the assertion of JWTBearer, a JWT for the authorization server of issuer.
	// See Identity for that of an enterprise's identity provider.
	Assertion func(ctx context.Context, want Audience) (string, error)

	Store Store // default: nothing survives; see Locker, too
	// TLS is that of connections to Resource's host and port. Others use its RootCAs and its
	// MinVersion, and nothing else of it: they prove their own names, and see no certificate.
	TLS *tls.Config
	// Transport sends the requests. Default: one of its own, whose connections end when idle, that
	// does not connect to addresses nearer than Resource's: a server on the Internet cannot name
	// one of a private network.
	Transport http.RoundTripper

	RequestTimeout   time.Duration // one request to an authorization server; default 10 s
	LoginTimeout     time.Duration // Open; default 5 min
	DocumentBytesMax int           // one answer of an authorization server; default 256 KiB
	ScopesMax        int           // scopes asked for altogether; default 64
}

// Audience says for whom an assertion is.
type Audience struct {
	Issuer   string // of the authorization server
	Resource string // what the token is for
	Scopes   []string
}

func (o Options) withDefaults() Options {
	if o.ClientName == "" {
		o.ClientName = "mcploop"
	}
	setDefault(&o.RequestTimeout, 10*time.Second)
	setDefault(&o.LoginTimeout, 5*time.Minute)
	setDefault(&o.DocumentBytesMax, 256<<10)
	setDefault(&o.ScopesMax, 64)
	return o
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// validate reports every fault. withDefaults ran before.
func (o *Options) validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf(format, args...))
	}
	if _, err := secureURL(o.Resource); err != nil {
		fault("cannot use Options.Resource: %w", err)
	}
	for name, u := range map[string]string{"Issuer": o.Issuer, "RedirectURL": o.RedirectURL} {
		if _, err := secureURL(u); u != "" && err != nil {
			fault("cannot use Options.%s: %w", name, err)
		}
	}
	if u, err := secureURL(o.ClientMetadataURL); o.ClientMetadataURL != "" &&
		(err != nil || u.Scheme != "https" || u.Path == "" || u.Path == "/") {
		fault("cannot use Options.ClientMetadataURL = %q; it must be an https URL with a path",
			o.ClientMetadataURL)
	}
	switch {
	case o.Grant > JWTBearer:
		fault("cannot use Options.Grant = %d", o.Grant)
	case o.Grant == AuthorizationCode && (o.Open == nil) != (o.RedirectURL == ""):
		fault("cannot log in: set both Options.Open and Options.RedirectURL, or neither")
	case o.Grant == ClientCredentials && (o.ClientID == "" ||
		o.ClientSecret == "" && o.PrivateKey == nil):
		fault("cannot use client credentials: set Options.ClientID, and ClientSecret or PrivateKey")
	case o.ClientSecret != "" && o.ClientID == "":
		fault("cannot use Options.ClientSecret without Options.ClientID")
	case (o.Grant == JWTBearer) != (o.Assertion != nil):
		fault("cannot use Options.Assertion without the grant jwt_bearer, nor that without it")
	}
	faults = append(faults, o.validateMethod(), o.validateLimits())
	return errors.Join(faults...)
}

func (o *Options) validateMethod() error {
	switch o.Method {
	case "", MethodNone:
		return nil
	case MethodBasic, MethodPost:
		if o.ClientSecret == "" {
			return fmt.Errorf("cannot use method %q: set Options.ClientSecret", o.Method)
		}
		return nil
	case MethodPrivateKeyJWT:
		if o.PrivateKey == nil {
			return fmt.Errorf("cannot use method %q: set Options.PrivateKey", o.Method)
		}
		return nil
	}
	return fmt.Errorf("cannot use method %q; say one of %s, %s, %s, %s", o.Method, MethodNone,
		MethodBasic, MethodPost, MethodPrivateKeyJWT)
}

func (o *Options) validateLimits() error {
	var faults []error
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"RequestTimeout", int64(o.RequestTimeout)},
		{"LoginTimeout", int64(o.LoginTimeout)},
		{"DocumentBytesMax", int64(o.DocumentBytesMax)},
		{"ScopesMax", int64(o.ScopesMax)},
	} {
		if f.value < 1 {
			faults = append(faults, fmt.Errorf("cannot use Options.%s = %d; set it above 0",
				f.name, f.value))
		}
	}
	return errors.Join(faults...)
}

// secureURL parses a URL that secrets may be sent to: https, or http to this host, without user
// and fragment (MCP 2026-07-28, basic/authorization/security-considerations, Communication
// Security).
func secureURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%.200q is no URL", raw)
	case u.User != nil:
		return nil, errors.New("a URL here has no user and no password")
	case u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return nil, fmt.Errorf("%.200q names no host", raw)
	case u.Fragment != "":
		return nil, fmt.Errorf("%.200q has a fragment", raw)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	}
	return nil, fmt.Errorf("%.200q is not https; tokens are sent over TLS alone, but on this host",
		raw)
}

// loopback: host is this one, by its very name.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
