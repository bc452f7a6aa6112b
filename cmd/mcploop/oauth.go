package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/mcploop/mcploop/client/oauth"
	"github.com/mcploop/mcploop/server/config"
	"github.com/mcploop/mcploop/server/gateway"
)

// oauthOf is how an upstream gets tokens; nil: it gets none.
func oauthOf(name string, u *config.Upstream) *gateway.OAuth {
	o := &u.OAuth
	if o.Use == config.OAuthNever || !o.IsSet() && !mayWantTokens(u) {
		return nil
	}
	grant, _ := oauth.ParseGrant(o.Grant) // Validate has passed it
	all := &gateway.OAuth{
		PrivateKeyFile: o.PrivateKeyFile, AssertionFile: o.AssertionFile,
		Store: gateway.TokenStore{Dir: o.Store, Name: name},
		Options: oauth.Options{
			Grant: grant, ClientID: o.ClientID, ClientSecret: o.ClientSecret, Issuer: o.Issuer,
			KeyID: o.KeyID, ClientMetadataURL: o.ClientMetadataURL, Scopes: o.Scopes,
			RedirectURL: o.RedirectURL, RequestTimeout: o.RequestTimeout,
			LoginTimeout: o.LoginTimeout, DocumentBytesMax: o.DocumentBytes,
			ScopesMax: o.ScopesMax,
		},
	}
	if o.Method != config.Auto {
		all.Options.Method = o.Method
	}
	if all.Store.Dir == "" {
		all.Store.Dir = tokenDir()
	}
	return all
}

// mayWantTokens tells whether an upstream of which the file says nothing may ask for tokens.
func mayWantTokens(u *config.Upstream) bool {
	for _, headers := range []map[string]string{u.Headers, u.Credentials.Default} {
		for name := range headers {
			if strings.EqualFold(name, "Authorization") {
				return false
			}
		}
	}
	return u.Tokened()
}

// tokenDir is where tokens are kept unless the file says otherwise; "": nowhere.
func tokenDir() string {
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" { // of a systemd unit
		first, _, _ := strings.Cut(dir, ":")
		return filepath.Join(first, "oauth")
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "mcploop", "oauth")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "state", "mcploop", "oauth")
}
