package oauth_test

import (
	"context"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client/oauth"
)

// TestOptions: what cannot work is said at once, without what is secret of it.
func TestOptions(t *testing.T) {
	const resource = "https://mcp.example/mcp"
	open := func(context.Context, string) (string, error) { return "", nil }
	for want, opt := range map[string]oauth.Options{
		"names no host":       {},
		"is not https":        {Resource: "http://mcp.example/mcp"},
		"no user":             {Resource: "https://HIDDEN:x@mcp.example/mcp"},
		"a fragment":          {Resource: resource + "#x"},
		"Options.Issuer":      {Resource: resource, Issuer: "http://as.example"},
		"Options.RedirectURL": {Resource: resource, RedirectURL: "http://h/", Open: open},
		"both Options.Open":   {Resource: resource, RedirectURL: "http://127.0.0.1:1/"},
		"with a path":         {Resource: resource, ClientMetadataURL: "https://us.example"},
		"client credentials":  {Resource: resource, Grant: oauth.ClientCredentials, ClientID: "a"},
		"Options.Assertion":   {Resource: resource, Grant: oauth.JWTBearer},
		"Options.Grant = 9":   {Resource: resource, Grant: 9},
		`method "magic"`:      {Resource: resource, Method: "magic"},
		"without Options.Cli": {Resource: resource, ClientSecret: "HIDDEN"},
		"set Options.ClientS": {Resource: resource, Method: oauth.MethodPost},
		"set Options.Private": {Resource: resource, Method: oauth.MethodPrivateKeyJWT},
		"in PEM":              {Resource: resource, PrivateKey: []byte("HIDDEN")},
		"ScopesMax = -1":      {Resource: resource, ScopesMax: -1},
		"RequestTimeout = -1": {Resource: resource, RequestTimeout: -1},
	} {
		_, err := oauth.New(opt)
		if err == nil || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "HIDDEN") {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	if _, err := oauth.New(oauth.Options{Resource: "http://[::1]:8080/mcp"}); err != nil {
		t.Error(err)
	}
	for g := oauth.AuthorizationCode; g <= oauth.JWTBearer; g++ {
		if got, err := oauth.ParseGrant(g.String()); got != g || err != nil {
			t.Errorf("%s is read as %s, %v", g, got, err)
		}
	}
	if _, err := oauth.ParseGrant("password"); err == nil {
		t.Error("the grant password is known")
	}
	for _, i := range []oauth.Identity{{}, {TokenURL: "http://idp.example/t", ClientID: "a"}} {
		if _, err := i.Assertion(); err == nil {
			t.Errorf("%v can be used", i)
		}
	}
}
