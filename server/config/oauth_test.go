package config

import (
	"reflect"
	"strings"
	"testing"
)

// TestOAuthFaults: what cannot work is said at once, and secrets are not.
func TestOAuthFaults(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		_, err := Parse([]byte("upstreams:\n  a: {"+text+"}"), env("S", "hunter2"))
		for i := range want {
			want[i] = "config:2: cannot use upstreams.a." + want[i]
		}
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != strings.Join(want, "\n") {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, strings.Join(want, "\n"))
		}
	}
	const at = "url: 'https://h/', oauth: "
	f(at + "{}")
	f(at + "{use: never, grant: jwt_bearer}")
	f(at + "{client_id: i, client_secret: '${S}', scopes: [a, b], issuer: 'https://as'}")
	f(at + "{redirect_url: 'http://localhost:8080/callback'}")
	f(at + "{grant: jwt_bearer, assertion_file: /f}")
	f("url: 'http://127.0.0.1:1/', oauth: {use: always, issuer: 'http://localhost:2'}")
	f("url: 'http://h/', oauth: {use: always}", "oauth: it goes with a url of https://, wss:// "+
		"or sses://, or one of this host")
	f("command: [x], oauth: {use: always}", "oauth: it goes with a url of https://, wss:// "+
		"or sses://, or one of this host")
	f("url: 'https://h/', headers: {authorization: x}, oauth: {use: always}",
		"oauth: headers have an Authorization already; leave one out")
	for _, keys := range []string{"", ", client_id: i", ", client_secret: '${S}'"} {
		f(at+"{grant: client_credentials"+keys+"}", "oauth: client_credentials wants client_id, "+
			"and client_secret or private_key_file")
	}
	f(at + "{grant: client_credentials, client_id: i, private_key_file: /k}")
	f(at+"{grant: jwt_bearer}", "oauth: jwt_bearer and assertion_file go together")
	f(at+"{assertion_file: /f}", "oauth: jwt_bearer and assertion_file go together")
	f(at+"{issuer: 'http://as/${S}'}", "oauth.issuer: write an https:// URL")
	f(at+"{client_metadata_url: as}", "oauth.client_metadata_url: write an https:// URL")
	for _, to := range []string{"https://127.0.0.1:1/", "http://h:1/", "http://127.0.0.1/"} {
		f(at+"{redirect_url: '"+to+"'}", "oauth.redirect_url: write http://127.0.0.1:PORT/PATH")
	}
	f(at+"{grant: password}", `oauth.grant: "password": write authorization_code or `+
		`client_credentials or jwt_bearer`)
	f(at+"{scopes_max: 0}", `oauth.scopes_max: "0": write 1 to 10000`)
}

// TestOAuthOfClients reads what clients' files say of OAuth.
func TestOAuthOfClients(t *testing.T) {
	f := func(entry string, change func(*OAuth)) {
		t.Helper()
		text := `{"mcpServers": {"s": {"url": "https://h/mcp", ` + entry + `}}}`
		cfg, err := Parse([]byte(text), env("ID", "i", "SECRET", "hunter2"))
		if err != nil {
			t.Errorf("%s\n%v", text, err)
			return
		}
		want := defaultOAuth()
		change(&want)
		if got := cfg.Upstreams["s"].OAuth; !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngot  %+v\nwant %+v", text, got, want)
		}
	}
	f(`"auth": {"CLIENT_ID": "${env:ID}", "CLIENT_SECRET": "${env:SECRET}", "scopes": ["a", "b"]}`,
		func(o *OAuth) { // Cursor
			o.ClientID, o.ClientSecret, o.Scopes = "i", "hunter2", []string{"a", "b"}
		})
	f(`"oauth": {"clientId": "i", "callbackPort": 8080, "scopes": "a b", "xaa": true}`,
		func(o *OAuth) { // Claude Code
			o.ClientID, o.Scopes = "i", []string{"a", "b"}
			o.RedirectURL = "http://localhost:8080/callback"
		})
	f(`"oauth": {"enabled": true, "clientId": "i", "clientSecret": "${SECRET}", "scopes": ["a"],
		"redirectUri": "http://localhost:7777/oauth/callback", "tokenUrl": "https://as/token"}`,
		func(o *OAuth) { // Gemini
			o.ClientID, o.ClientSecret, o.Scopes = "i", "hunter2", []string{"a"}
			o.RedirectURL = "http://localhost:7777/oauth/callback"
		})
	f(`"oauth": {"enabled": false}`, func(o *OAuth) { o.Use = OAuthNever })
	f(`"oauth": {"redirectUri": "cursor://anysphere.cursor-mcp/oauth/callback"}`,
		func(*OAuth) {}) // of an application
}

// TestOAuthDiffAndImport: a secret is shown by neither, and only what was said is written.
func TestOAuthDiffAndImport(t *testing.T) {
	parse := func(secret string) *Config {
		cfg, err := Parse([]byte("upstreams: {a: {url: 'https://h/', oauth: {client_id: i, "+
			"client_secret: '${S}'}}}"), env("S", secret))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	changes := parse("hunter1").Diff(parse("hunter2"))
	if len(changes) != 1 || changes[0].Path != "upstreams.a.oauth.client_secret" ||
		strings.Contains(changes[0].String(), "hunter") {
		t.Errorf("got %v", changes)
	}
	all := clientUpstreams{upstreams: map[string]Upstream{}, lines: map[string]place{}}
	u := defaultUpstream()
	u.URL, u.OAuth.ClientID, u.OAuth.ClientSecret = "https://h/", "i", "${S}"
	all.upstreams["a"], all.lines["a"] = u, place{name: "a"}
	text, err := all.yaml()
	const want = "upstreams:\n  a:\n    url: https://h/\n    oauth:\n      client_id: i\n" +
		"      client_secret: ${S}\n"
	if err != nil || !strings.Contains(string(text), want) {
		t.Errorf("got %v\n%s\nwant\n%s", err, text, want)
	}
}
