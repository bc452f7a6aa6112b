package config

import (
	"encoding/json"
	"fmt"
	"strings"
)

// clientOAuth is what clients' configurations say of OAuth: "oauth" of Claude Code and Gemini,
// "auth" of Cursor.
type clientOAuth struct {
	Enabled      *bool     `json:"enabled"` // Gemini
	ClientID     string    `json:"clientId"`
	ClientSecret string    `json:"clientSecret"` // Gemini
	CursorID     string    `json:"CLIENT_ID"`
	CursorSecret string    `json:"CLIENT_SECRET"`
	Scopes       scopeList `json:"scopes"`
	CallbackPort int       `json:"callbackPort"` // Claude Code
	RedirectURI  string    `json:"redirectUri"`  // Gemini
}

// scopeList is a list of texts, or one text with blanks between.
type scopeList []string

// UnmarshalJSON takes both.
func (l *scopeList) UnmarshalJSON(b []byte) error {
	if b[0] != '"' {
		return json.Unmarshal(b, (*[]string)(l))
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	*l = strings.Fields(text)
	return nil
}

// put has o say what the client's configuration says. The redirect URL of an application of its own
// (cursor://) is no address of ours.
func (c *clientOAuth) put(o *OAuth) {
	if c.Enabled != nil && !*c.Enabled {
		o.Use = OAuthNever
	}
	for _, id := range []string{c.ClientID, c.CursorID} {
		if id != "" {
			o.ClientID = id
		}
	}
	for _, secret := range []string{c.ClientSecret, c.CursorSecret} {
		if secret != "" {
			o.ClientSecret = secret
		}
	}
	if len(c.Scopes) > 0 {
		o.Scopes = c.Scopes
	}
	if c.CallbackPort != 0 {
		o.RedirectURL = fmt.Sprintf("http://localhost:%d/callback", c.CallbackPort)
	}
	if strings.HasPrefix(c.RedirectURI, "http://") {
		o.RedirectURL = c.RedirectURI
	}
}
