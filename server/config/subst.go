package config

import (
	"errors"
	"fmt"
	"strings"
)

// LookupEnv finds an environment variable, as os.LookupEnv does.
type LookupEnv func(name string) (value string, ok bool)

// substitute replaces ${VAR} and ${VAR:-default} in one scalar, after YAML was parsed: a
// value can never add a key. What was put in is not looked at again. "$${" stands for a
// literal "${". used says whether the environment was asked, so that errors can name the
// variable and not show its value.
func substitute(s string, lookup LookupEnv) (out string, used bool, err error) {
	if !strings.Contains(s, "${") {
		return s, false, nil
	}
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), used, nil
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1])
			b.WriteString("${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		body, rest, closed := strings.Cut(s[i+2:], "}")
		if !closed {
			return "", used, errors.New("${ has no closing }; write $${ for a literal ${")
		}
		value, err := expand(body, lookup)
		if err != nil {
			return "", used, err
		}
		used = true
		b.WriteString(value)
		s = rest
	}
}

// expand returns the value of VAR or VAR:-default. As in a shell, the default is also used
// when the variable is set but empty.
func expand(body string, lookup LookupEnv) (string, error) {
	name, def, hasDefault := strings.Cut(body, ":-")
	if !isEnvName(name) {
		return "", fmt.Errorf("${%s} is not ${NAME} or ${NAME:-default}", body)
	}
	value, ok := lookup(name)
	if ok && (value != "" || !hasDefault) {
		return value, nil
	}
	if hasDefault {
		return def, nil
	}
	return "", fmt.Errorf("${%s} is not set; export %s or write ${%s:-default}", name, name, name)
}

func isEnvName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
