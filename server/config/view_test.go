package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestViews(t *testing.T) {
	cfg, err := Parse([]byte(`
upstreams:
  a: {url: 'http://h/', rename: {old.name: new, b: c.d}}
views:
  both: {upstreams: [a], allow: ['x*', 'file:///*'], deny: [y], names: prefixed, title: T}
  all:
    instructions: Use it.
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]View{
		"both": {
			Upstreams: []string{"a"}, Allow: []string{"x*", "file:///*"}, Deny: []string{"y"},
			Names: PrefixedNames, Title: "T",
		},
		"all": {Names: OwnNames, Instructions: "Use it."},
	}
	if !reflect.DeepEqual(cfg.Views, want) {
		t.Errorf("got %+v, want %+v", cfg.Views, want)
	}
	rename := map[string]string{"old.name": "new", "b": "c.d"}
	if got := cfg.Upstreams["a"].Rename; !reflect.DeepEqual(got, rename) {
		t.Errorf("got %v, want %v", got, rename)
	}
	for _, ch := range cfg.Diff(Default()) {
		if ch.OfView() != strings.HasPrefix(ch.Path, "views.") || !ch.Hot {
			t.Errorf("%s: a view's: %v", ch, ch.OfView())
		}
	}
}

func TestViewFaults(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		two := "upstreams: {a: {url: 'http://h/'}, b: {url: 'http://h/'}}\n"
		_, err := Parse([]byte(two+text), nil)
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got %v, want %q", text, err, w)
			}
		}
	}
	f("views: {'a/b': {}}", "views.a/b: write a name of 1 to 32")
	f("views: {a: {}}", "config:2", "views.a: an upstream has that name")
	f("views: {v: {upstreams: [a, c]}}", `views.v.upstreams[1]: "c": it is no upstream`)
	f("views: {v: {allow: ['[x']}}", `views.v.allow[0]: "[x": close its brackets`)
	f("views: {v: {deny: [x, 'y[']}}", "views.v.deny[1]")
	f("views: {v: {names: mine}}", "views.v.names", "write own or prefixed")
	f("views: {v: {tools: [a]}}", "no such key", "upstreams, allow, deny, names")
}

func TestRenameFaults(t *testing.T) {
	f := func(rename string, want ...string) {
		t.Helper()
		_, err := Parse([]byte("upstreams: {up: {url: 'http://h/', rename: "+rename+"}}"), nil)
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got %v, want %q", rename, err, w)
			}
		}
		if len(want) == 0 && err != nil {
			t.Errorf("%s: %v", rename, err)
		}
	}
	long := strings.Repeat("x", 124) // beside up and __
	f("{a: " + long + "}")
	f("{a: "+long+"y}", "upstreams.up.rename[a]", "write 1 to 124 characters")
	f("{a: 'b c'}", "upstreams.up.rename[a]", "A-Z a-z 0-9 _ - .")
	f("{a: ''}", "upstreams.up.rename[a]")
	f("{a: c, b: c}", `upstreams.up.rename[b]: "c": "a" is renamed to that, too`)
	f("{'a[b': c}", "write one without [ and ]")
}
