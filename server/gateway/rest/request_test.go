package rest

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzPathText: what is put into a path stays one segment, or so many as it has slashes, and comes
// out as it was.
func FuzzPathText(f *testing.F) {
	for _, seed := range []string{
		"a", "a/b", "..", "%2e%2e", "é", "\x00", "a?b#c", "", "/", "..\\x",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, slashes bool) {
		escaped, err := PathText("x", text, slashes)
		if err != nil {
			return
		}
		if back, err := url.PathUnescape(escaped); err != nil || back != text {
			t.Fatalf("%q became %q, which is %q, %v", text, escaped, back, err)
		}
		if n := strings.Count(escaped, "/"); !slashes && n > 0 || n > strings.Count(text, "/") {
			t.Errorf("%q became %q", text, escaped)
		}
		u, err := url.Parse("http://h/v1/" + escaped + "/end")
		if err != nil || u.Host != "h" || u.RawQuery != "" || u.Fragment != "" ||
			!strings.HasPrefix(u.JoinPath().EscapedPath(), "/v1/") {
			t.Errorf("%q became %q, which leads to %v, %v", text, escaped, u, err)
		}
	})
}
