package oauth

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// What callers branch on.
var (
	// ErrLogin: a token is to be had by a user alone, and Options.Open is not set, or nobody came.
	ErrLogin = errors.New("oauth: a user must log in")
	// ErrRefused: the server refuses what the authorization server gave, and asking again for the
	// same would bring the same.
	ErrRefused = errors.New("oauth: the server refuses the token that it asked for")
)

// Fault is what an authorization server answered in place of a token or a registration.
type Fault struct {
	Status      int    // of HTTP; 0 for an answer that a browser brought
	Code        string // "invalid_grant"; "" when its answer is no OAuth error
	Description string // at most 200 bytes, without secrets and control characters
}

// Error implements error.
func (f *Fault) Error() string {
	var b strings.Builder
	b.WriteString("the authorization server answered")
	if f.Status != 0 {
		fmt.Fprintf(&b, " HTTP status %d", f.Status)
	}
	if f.Code != "" {
		fmt.Fprintf(&b, " %s", f.Code)
	}
	if f.Description != "" {
		fmt.Fprintf(&b, " (%s)", f.Description)
	}
	return b.String()
}

const (
	codeBytesMax        = 64
	descriptionBytesMax = 200
)

// newFault cuts and cleans what a stranger wrote. secrets are taken out of it.
func newFault(status int, code, description string, secrets ...string) *Fault {
	for _, secret := range secrets {
		if secret != "" { // some echo it as it was sent
			hide := strings.NewReplacer(secret, "[secret]", url.QueryEscape(secret), "[secret]",
				url.PathEscape(secret), "[secret]")
			code, description = hide.Replace(code), hide.Replace(description)
		}
	}
	return &Fault{
		Status: status, Code: printable(code, codeBytesMax),
		Description: printable(description, descriptionBytesMax),
	}
}

// printable keeps ASCII that can be shown, limit bytes at most.
func printable(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), limit)]
}
