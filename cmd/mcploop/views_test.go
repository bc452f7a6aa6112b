package main

import (
	"reflect"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/server/config"
)

// TestEachViewKeyReachesTheServer changes one key of a view after the other.
func TestEachViewKeyReachesTheServer(t *testing.T) {
	plain := func() config.View {
		cfg, err := config.Parse([]byte("views: {v: {}}"), nil)
		if err != nil {
			t.Fatal(err)
		}
		return cfg.Views["v"]
	}
	optionsOf := func(v config.View) any {
		return viewOptions(&config.Config{Views: map[string]config.View{"v": v}})
	}
	count := 0
	v := plain()
	each(reflect.ValueOf(&v).Elem(), "", func(path string) {
		count++
		v = plain()
		if path == "Names" {
			v.Names = config.PrefixedNames
		} else {
			change(t, path, reflect.ValueOf(&v).Elem().FieldByName(path))
		}
		if reflect.DeepEqual(optionsOf(v), optionsOf(plain())) {
			t.Errorf("%s: the options are the same", path)
		}
	})
	if count < 6 {
		t.Errorf("found %d keys; does the test look at the wrong struct?", count)
	}
}

// TestReloadViews: views of the file are served, and come, change and go with it.
func TestReloadViews(t *testing.T) {
	one, _, _ := toolServer(t, "one")
	two, _, _ := toolServer(t, "two")
	ups := noWatch + "upstreams:\n  one: {url: '" + one + "'}\n  two: {url: '" + two +
		"', rename: {hold: keep}}\n"
	s := serveFile(t, ups+"views:\n  first: {upstreams: [two, one], allow: [whoami]}\n"+
		"  old: {names: prefixed}\n")
	s.awaitTool("one__whoami")
	s.awaitTool("two__keep")
	list := func(view string) string {
		out, faults, err := s.run("tools", "ls", s.url+"/"+view)
		return out + faults + text(err)
	}
	has := func(view string, want ...string) {
		t.Helper()
		s.await(view+" shows "+strings.Join(want, " "), func() bool {
			got := list(view)
			for _, w := range want {
				if !strings.Contains(got, w) {
					return false
				}
			}
			return true
		})
	}
	has("first", "whoami", "one__whoami")
	has("old", "one__hold", "two__keep")
	if got := list("first"); strings.Contains(got, "keep") || strings.Contains(got, "hold") {
		t.Errorf("first shows what it does not allow: %s", got)
	}
	s.write(ups + "views:\n  first: {upstreams: [one], title: First}\n  new: {deny: ['who*']}\n")
	out, faults, err := s.reload()
	if err != nil || !strings.Contains(out, "\n  views     first, new, old\n") ||
		strings.Contains(out, "applied") {
		t.Errorf("got %s %s %v", out, faults, err)
	}
	has("first", "whoami", "hold")
	has("new", "hold", "keep")
	if got := list("old"); !strings.Contains(got, "no server \"old\"") {
		t.Errorf("a view that was taken out of the file answers %s", got)
	}
	s.write(ups + "views:\n  one: {}\n")
	_, faults, err = s.reload()
	if err == nil || !strings.Contains(faults, "an upstream has that name") {
		t.Errorf("got %s %v", faults, err)
	}
	s.write(ups)
	out, _, err = s.reload()
	if err != nil || !strings.Contains(out, "\n  views     first, new\n") {
		t.Errorf("got %s %v", out, err)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
