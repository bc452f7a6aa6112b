package oauth

import "strings"

// challenge is what a WWW-Authenticate header says of Bearer (RFC 6750 section 3, RFC 9728
// section 5.1).
type challenge struct {
	fault    string // "insufficient_scope", "invalid_token"
	scopes   []string
	metadata string // resource_metadata, a URL; "" when it does not say
}

const challengeBytesMax = 8 << 10

// parseChallenge reads the first Bearer challenge of header, that with resource_metadata if there
// is one: a header may hold several, of other schemes too. What follows bytes that are no
// challenge is not read.
func parseChallenge(header string) challenge {
	var found, current challenge
	var bearer, has bool
	take := func() {
		if bearer && (!has || found.metadata == "" && current.metadata != "") {
			found, has = current, true
		}
	}
	rest := header[:min(len(header), challengeBytesMax)]
	for {
		rest = strings.TrimLeft(rest, " \t,")
		word := token(rest)
		if word == "" {
			break
		}
		rest = rest[len(word):]
		value, after, is := parameter(rest)
		if !is { // a scheme begins
			take()
			current, bearer = challenge{}, strings.EqualFold(word, "Bearer")
			rest = skipToken68(rest)
			continue
		}
		rest = after
		current.set(strings.ToLower(word), value)
	}
	take()
	return found
}

// set takes the first of each parameter.
func (c *challenge) set(name, value string) {
	switch {
	case name == "error" && c.fault == "":
		c.fault = value
	case name == "scope" && c.scopes == nil:
		c.scopes = strings.Fields(value)
	case name == "resource_metadata" && c.metadata == "":
		c.metadata = value
	}
}

// token returns the token that s begins with (RFC 9110 section 5.6.2).
func token(s string) string {
	for i := 0; i < len(s); i++ {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return s[:i]
		}
	}
	return s
}

// parameter reads "= value" of a parameter whose name was before s.
func parameter(s string) (value, rest string, is bool) {
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, "=") || strings.HasPrefix(s, "==") {
		return "", s, false
	}
	s = strings.TrimLeft(s[1:], " \t")
	if !strings.HasPrefix(s, `"`) {
		value = token(s)
		return value, s[len(value):], value != ""
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", false // its end is missing
}

// skipToken68 skips what a scheme like Negotiate has in place of parameters.
func skipToken68(s string) string {
	trimmed := strings.TrimLeft(s, " \t")
	rest := strings.TrimLeft(trimmed, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"+
		"0123456789-._~+/")
	if len(rest) == len(trimmed) {
		return s
	}
	rest = strings.TrimLeft(strings.TrimLeft(rest, "="), " \t")
	if rest == "" || rest[0] == ',' {
		return rest
	}
	return s
}
