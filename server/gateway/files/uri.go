package files

import (
	"errors"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"
)

// errPath is why a URI names nothing below the root. It says no more: who guesses learns nothing.
var errPath = errors.New("it is no path below the root")

// uriOf is the URI of a file; name is its slash-separated path below the root.
func (p *Provider) uriOf(name string) string {
	var b strings.Builder
	b.WriteString(p.opt.URI)
	for i, segment := range strings.Split(name, "/") {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(url.PathEscape(segment))
	}
	return b.String()
}

// nameOf is the path below the root that a URI names. Each segment is unescaped once, and alone: an
// escaped slash or dots are no way out.
func (p *Provider) nameOf(uri string) (string, error) {
	rest, ok := strings.CutPrefix(uri, p.opt.URI)
	if !ok || rest == "" || len(rest) > pathBytesMax || strings.ContainsAny(rest, "?#") {
		return "", errPath
	}
	segments := strings.Split(rest, "/")
	for i, escaped := range segments {
		segment, err := url.PathUnescape(escaped)
		if err != nil || !validSegment(segment) {
			return "", errPath
		}
		segments[i] = segment
	}
	name := strings.Join(segments, "/")
	if !p.shown(name) {
		return "", errPath
	}
	return name, nil
}

// pathBytesMax is more than any path that a kernel takes, escaped.
const pathBytesMax = 3 * 4096

// validSegment: it is the name of a file and nothing else.
func validSegment(s string) bool {
	return s != "" && s != "." && s != ".." && utf8.ValidString(s) &&
		!strings.ContainsAny(s, "/\x00")
}

// shown tells whether a file is offered at all.
func (p *Provider) shown(name string) bool {
	if !p.opt.Hidden && hidden(name) {
		return false
	}
	return (len(p.opt.Include) == 0 || fits(p.opt.Include, name)) && !fits(p.opt.Exclude, name)
}

// hidden: the file, or a directory that it is in, begins with a dot.
func hidden(name string) bool { return name[0] == '.' || strings.Contains(name, "/.") }

// fits tells whether a pattern matches the path, or, if it has no slash, the last name in it.
func fits(patterns []string, name string) bool {
	for _, pattern := range patterns {
		at := name
		if !strings.Contains(pattern, "/") {
			at = path.Base(name)
		}
		if ok, _ := path.Match(pattern, at); ok { // New has tried the pattern
			return true
		}
	}
	return false
}
