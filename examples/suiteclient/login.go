package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/client/oauth"
)

// useTwice lists, calls and lists again: a scenario may exchange the authorization server, or
// what it wants, between two requests.
func useTwice(ctx context.Context, c *client.Client) error {
	for range 2 {
		if err := list(ctx, c); err != nil {
			return err
		}
		if _, err := c.Call(ctx, "test-tool", map[string]any{}); err != nil {
			return err
		}
	}
	return nil
}

// grants is what the suite tells a client of authorization.
type grants struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	PrivateKey   string `json:"private_key_pem"`
	ValidJWT     string `json:"valid_jwt"`
	IDPClientID  string `json:"idp_client_id"`
	IDPToken     string `json:"idp_id_token"`
	IDPEndpoint  string `json:"idp_token_endpoint"`
}

// tokens are those of an auth scenario, nil for the others.
func tokens(name, server string) (*client.Tokens, error) {
	if !strings.HasPrefix(name, "auth/") {
		return nil, nil
	}
	var told grants
	if said := os.Getenv("MCP_CONFORMANCE_CONTEXT"); said != "" {
		if err := json.Unmarshal([]byte(said), &told); err != nil {
			return nil, fmt.Errorf("cannot read MCP_CONFORMANCE_CONTEXT: %w", err)
		}
	}
	opt := oauth.Options{
		Resource: server, ClientID: told.ClientID, ClientSecret: told.ClientSecret,
	}
	if told.PrivateKey != "" {
		opt.PrivateKey = []byte(told.PrivateKey)
	}
	var err error
	switch {
	case strings.HasPrefix(name, "auth/client-credentials-"):
		opt.Grant = oauth.ClientCredentials
	case told.ValidJWT != "":
		opt.Grant = oauth.JWTBearer
		opt.Assertion = func(context.Context, oauth.Audience) (string, error) {
			return told.ValidJWT, nil
		}
	case told.IDPToken != "":
		opt.Grant = oauth.JWTBearer
		opt.Assertion, err = oauth.Identity{
			TokenURL: told.IDPEndpoint, ClientID: told.IDPClientID,
			Subject: func(context.Context) (string, error) { return told.IDPToken, nil },
		}.Assertion()
	default:
		opt.ClientMetadataURL = "https://conformance-test.local/client-metadata.json"
		opt.RedirectURL, opt.Open = "http://localhost:3000/callback", agree
	}
	if err != nil {
		return nil, err
	}
	source, err := oauth.New(opt)
	if err != nil {
		return nil, err
	}
	return client.NewTokens(source), nil
}

// agree is a user who agrees at once: the suite sends the browser straight back.
func agree(ctx context.Context, page string) (callback string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return "", err
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	resp, err := browser.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusFound {
		return "", errors.New("the page did not send the browser back: " + resp.Status)
	}
	return resp.Header.Get("Location"), nil
}
