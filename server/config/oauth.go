package config

import (
	"net"
	"net/url"
	"reflect"
	"strings"
	"time"
)

// OAuth is how this server gets tokens for an upstream that wants them.
type OAuth struct {
	Use               string   `yaml:"use"`
	Grant             string   `yaml:"grant"`
	ClientID          string   `yaml:"client_id"`
	ClientSecret      string   `yaml:"client_secret"`
	Issuer            string   `yaml:"issuer"`
	Method            string   `yaml:"method"`
	PrivateKeyFile    string   `yaml:"private_key_file"`
	KeyID             string   `yaml:"key_id"`
	ClientMetadataURL string   `yaml:"client_metadata_url"`
	AssertionFile     string   `yaml:"assertion_file"`
	Scopes            []string `yaml:"scopes"`
	RedirectURL       string   `yaml:"redirect_url"`
	Store             string   `yaml:"store"`

	RequestTimeout time.Duration `yaml:"request_timeout"`
	LoginTimeout   time.Duration `yaml:"login_timeout"`
	DocumentBytes  int           `yaml:"document_bytes"`
	ScopesMax      int           `yaml:"scopes_max"`
}

// What OAuth.Use says.
const (
	OAuthAlways = "always"
	OAuthNever  = "never"
)

// Grants of OAuth.Grant.
const (
	grantCode        = "authorization_code"
	grantCredentials = "client_credentials"
	grantJWT         = "jwt_bearer"
)

func defaultOAuth() OAuth {
	return OAuth{
		Use: Auto, Grant: grantCode, Method: Auto, RequestTimeout: 10 * time.Second,
		LoginTimeout: 5 * time.Minute, DocumentBytes: 256 * kib, ScopesMax: 64,
	}
}

// IsSet tells whether the file says anything of it.
func (o *OAuth) IsSet() bool {
	is := *o
	if len(is.Scopes) == 0 {
		is.Scopes = nil
	}
	return !reflect.DeepEqual(is, defaultOAuth())
}

func oauthFields() []field {
	return append(oauthClientFields(), oauthTokenFields()...)
}

func ofOAuth(key string) string { return join(ofUpstream("oauth"), key) }

// oauthClientFields: who asks for tokens, and whom.
func oauthClientFields() []field {
	at := ofOAuth
	return []field{
		{
			path: at("use"), enum: []string{Auto, OAuthAlways, OAuthNever},
			doc: "Whether the upstream gets tokens: auto is when it asks for one (401) and " +
				"headers have no Authorization, over https or on this host.",
		},
		{
			path: at("grant"), enum: []string{grantCode, grantCredentials, grantJWT},
			doc: "How they are got: by mcploop login and a browser; with client_id and its " +
				"secret or key alone; or for assertion_file.",
		},
		{
			path: at("client_id"),
			doc: "Client that is registered with the authorization server; empty uses " +
				"client_metadata_url, or registers one.",
		},
		{
			path: at("client_secret"), unit: "text", hide: true,
			doc: "Secret of client_id; ${VAR} keeps it out of the file.",
		},
		{
			path: at("issuer"), unit: "url",
			doc: "Authorization server of client_id; no other one gets it or its secret. Empty " +
				"is the first that the upstream names.",
		},
		{
			path: at("method"), enum: []string{
				Auto, "none", "client_secret_basic", "client_secret_post", "private_key_jwt",
			},
			doc: "How the client proves that it is client_id; auto is what the server takes.",
		},
		{
			path: at("private_key_file"), unit: "path",
			doc: "PEM file of the key of private_key_jwt, RSA, EC or Ed25519.",
		},
		{path: at("key_id"), doc: "Name of that key (kid), where the server knows several."},
		{
			path: at("client_metadata_url"), unit: "url",
			doc: "Where a client ID metadata document of ours is; it is the client_id then.",
		},
		{
			path: at("assertion_file"), unit: "path",
			doc: "File with the JWT that jwt_bearer shows, such as that of a workload; it is " +
				"read for each token.",
		},
	}
}

// oauthTokenFields: what is asked for, how, and where it is kept.
func oauthTokenFields() []field {
	at := ofOAuth
	return []field{
		{
			path: at("scopes"), unit: "scopes",
			doc: "Asked for beside those that the upstream wants.",
		},
		{
			path: at("redirect_url"), unit: "url",
			doc: "Where mcploop login listens for the browser: http://127.0.0.1:PORT/PATH, as it " +
				"is registered for client_id. Empty is a free port of 127.0.0.1.",
		},
		{
			path: at("store"), unit: "path",
			doc: "Directory for the tokens, one file for each upstream, which its owner alone " +
				"may read. Empty is oauth in $STATE_DIRECTORY, or mcploop/oauth in " +
				"$XDG_STATE_HOME or ~/.local/state.",
		},
		oauthTime(at("request_timeout"), "One request to the authorization server."),
		oauthTime(at("login_timeout"), "So long mcploop login waits for the browser."),
		{
			path: at("document_bytes"), unit: bytesUnit, min: kib, max: 16 * mib,
			doc: "One answer of the authorization server.",
		},
		{
			path: at("scopes_max"), unit: "scopes", min: 1, max: 10_000,
			doc: "Scopes that are asked for at the same time, whatever the upstream wants.",
		},
	}
}

func oauthTime(path, doc string) field {
	return field{
		path: path, unit: durationUnit, min: 10 * int64(time.Millisecond),
		max: int64(time.Hour), doc: doc,
	}
}

// Tokened tells whether tokens may be sent to the upstream: over HTTP or WebSocket with TLS, or on
// this host.
func (u *Upstream) Tokened() bool {
	at, err := url.Parse(u.Target())
	if err != nil {
		return false
	}
	switch at.Scheme {
	case "https", "wss", "sses":
		return true
	case "http", "ws", "sse":
		return onThisHost(at.Hostname())
	}
	return false
}

// secureURL: nobody on the way can read what goes there.
func secureURL(raw string) bool {
	to, err := url.Parse(raw)
	if err != nil || to.Host == "" {
		return false
	}
	return to.Scheme == "https" || to.Scheme == "http" && onThisHost(to.Hostname())
}

func onThisHost(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// checkOAuth checks what one field's limits cannot say.
func (u *Upstream) checkOAuth(at string, report reportFunc) {
	o := &u.OAuth
	if !o.IsSet() || o.Use == OAuthNever {
		return
	}
	at = join(at, "oauth")
	if !u.Tokened() {
		report(at, "", "it goes with a url of https://, wss:// or sses://, or one of this host")
	}
	for name := range u.Headers {
		if strings.EqualFold(name, "Authorization") {
			report(at, "", "headers have an Authorization already; leave one out")
		}
	}
	keyed := o.ClientSecret != "" || o.PrivateKeyFile != ""
	if o.Grant == grantCredentials && (o.ClientID == "" || !keyed) {
		report(at, "", "client_credentials wants client_id, and client_secret or private_key_file")
	}
	if (o.Grant == grantJWT) != (o.AssertionFile != "") {
		report(at, "", "jwt_bearer and assertion_file go together")
	}
	for key, raw := range map[string]string{
		"issuer": o.Issuer, "client_metadata_url": o.ClientMetadataURL,
	} {
		if raw != "" && !secureURL(raw) {
			report(join(at, key), "", "write an https:// URL")
		}
	}
	if to, err := url.Parse(o.RedirectURL); o.RedirectURL != "" && (err != nil ||
		to.Scheme != "http" || !onThisHost(to.Hostname()) || to.Port() == "") {
		report(join(at, "redirect_url"), "", "write http://127.0.0.1:PORT/PATH")
	}
}
