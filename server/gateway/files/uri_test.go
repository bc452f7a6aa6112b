package files

import (
	"io/fs"
	"testing"
)

// FuzzNameOf: whatever a URI says, what it names is below the root, and has that URI.
func FuzzNameOf(f *testing.F) {
	for _, seed := range []string{
		"a.md", "dir/b%20c", "..", "%2e%2e/x", "a//b", "/etc", "a%2fb", "%", "a?b", "é", "%ff",
		"a\x00",
	} {
		f.Add(seed)
	}
	p := &Provider{opt: Options{URI: "file:///x/", Hidden: true}}
	f.Fuzz(func(t *testing.T, rest string) {
		name, err := p.nameOf("file:///x/" + rest)
		if err != nil {
			return
		}
		if !fs.ValidPath(name) || name == "." {
			t.Fatalf("%q is %q", rest, name)
		}
		if again, err := p.nameOf(p.uriOf(name)); err != nil || again != name {
			t.Errorf("%q is %q, whose URI %q is %q, %v", rest, name, p.uriOf(name), again, err)
		}
	})
}
