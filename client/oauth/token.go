package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// answer is what a token endpoint gave.
type answer struct {
	access, refresh Secret
	kind            string // "Bearer"; "" when it does not say
	issuedKind      string // of a token exchange
	expiry          time.Time
}

// ask sends params, which are all but the client, to the token endpoint of as, and proves that
// this is c. The names of params whose values are secrets are in secrets.
func (s *Source) ask(ctx context.Context, as *issuer, c Client, params url.Values,
	secrets ...string,
) (*answer, error) {
	style := oauth2.AuthStyleInParams
	id, secret := c.ID, ""
	switch c.Method {
	case MethodBasic:
		style, secret = oauth2.AuthStyleInHeader, string(c.Secret)
	case MethodPost:
		secret = string(c.Secret)
	case MethodPrivateKeyJWT:
		if s.key == nil {
			return nil, errors.New("cannot prove who this client is: set Options.PrivateKey")
		}
		signed, err := s.key.assert(c.ID, as)
		if err != nil {
			return nil, err
		}
		params.Set("client_assertion_type", assertionType)
		params.Set("client_assertion", signed)
		secrets = append(secrets, "client_assertion")
	}
	hidden := []string{string(c.Secret)}
	for _, name := range secrets {
		hidden = append(hidden, params.Get(name))
	}
	got, err := askToken(ctx, s.web, &clientcredentials.Config{
		ClientID: id, ClientSecret: secret, TokenURL: as.Token, AuthStyle: style,
		EndpointParams: params,
	}, hidden)
	if err != nil {
		return nil, fmt.Errorf("cannot get a token of %q by %s: %w", as.Issuer,
			params.Get("grant_type"), err)
	}
	return got, nil
}

// askToken is one request to a token endpoint, of any grant: clientcredentials.Config is the one
// of x/oauth2 that lets a caller say which.
func askToken(ctx context.Context, w *web, conf *clientcredentials.Config, hidden []string) (
	*answer, error,
) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	got, err := conf.Token(context.WithValue(ctx, oauth2.HTTPClient, w.poster))
	if err != nil {
		return nil, readable(err, hidden)
	}
	if got.AccessToken == "" || strings.Contains(got.AccessToken, " ") ||
		!visible(got.AccessToken, tokenBytesMax) || !visible(got.RefreshToken, tokenBytesMax) {
		return nil, fmt.Errorf("its token is above %d bytes, or nothing that a header could hold",
			tokenBytesMax)
	}
	kind, _ := got.Extra("issued_token_type").(string)
	return &answer{
		access: Secret(got.AccessToken), refresh: Secret(got.RefreshToken), kind: got.TokenType,
		issuedKind: kind, expiry: got.Expiry,
	}, nil
}

// tokenBytesMax is what a token may have: it goes into the head of each request.
const tokenBytesMax = 16 << 10

// readable turns an error of x/oauth2 into one without anything of an answer but the fault.
func readable(err error, hidden []string) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return newFault(refused.Response.StatusCode, refused.ErrorCode, refused.ErrorDescription,
			hidden...)
	}
	var sent *url.Error // holds no more than the address
	if errors.As(err, &sent) || errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return errors.New("its answer cannot be read as a token, or is above Options.DocumentBytesMax")
}

// bearer checks that the token can be used as one.
func (a *answer) bearer() error {
	if a.kind != "" && !strings.EqualFold(a.kind, "Bearer") {
		return fmt.Errorf("cannot use a token of type %.64q; only Bearer is known here", a.kind)
	}
	return nil
}
