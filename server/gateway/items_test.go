package gateway

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
)

func upstream(t *testing.T, change func(*Options)) *Upstream {
	t.Helper()
	opt := Options{Name: "up", Client: client.Options{URL: "tcp://127.0.0.1:1"}}
	if change != nil {
		change(&opt)
	}
	u, err := New(opt, Host{})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func listed(names ...string) []Raw {
	var list []Raw
	for _, n := range names {
		list = append(list, Raw{Name: n, Raw: fmt.Appendf(nil, `{"name":%q}`, n)})
	}
	return list
}

func TestNamesOfTools(t *testing.T) {
	f := func(change func(*Options), list []Raw, want ...string) {
		t.Helper()
		u := upstream(t, change)
		for range 2 {
			var got []string
			for key := range u.choose(&Listing{Tools: list}) {
				got = append(got, key.name)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			slices.Reverse(list)
		}
	}
	f(nil, listed("b", "a"), "up__a", "up__b")
	f(nil, listed("", "a", "a"), "up__a")
	f(nil, listed("a/b", "a b", "ä"), "up____", "up__a_b", "up__a_b_3a8e75c1")
	long := strings.Repeat("x", 124)
	f(nil, listed(long+"1", long+"2", long),
		"up__"+long[:115]+"_6caac74c", "up__"+long[:115]+"_6faacc05", "up__"+long)
	f(func(o *Options) { o.Allow = []string{"get_*", "x"} }, listed("get_a", "set_a", "x"),
		"up__get_a", "up__x")
	f(func(o *Options) { o.Deny = []string{"set_*"} }, listed("get_a", "set_a"), "up__get_a")
	f(func(o *Options) { o.Separator = "-" }, listed("a"), "up-a")
	f(nil, listed("a b", "a_b"), "up__a_b", "up__a_b_10a3f9f2") // who is called so has the name
	f(func(o *Options) { o.Rename = map[string]string{"a": "b", "c/d": "c"} },
		listed("a", "b", "c/d"), "up__b", "up__b_e70c2de5", "up__c")
}

// TestShortNames: what clients see who see the upstream alone.
func TestShortNames(t *testing.T) {
	long := strings.Repeat("x", 126)
	f := func(own string, want string) {
		t.Helper()
		u := upstream(t, func(o *Options) { o.Rename = map[string]string{"old": "new"} })
		list := listed("a b", "a_b", "new", "old", long+"12", long+"123")
		for _, item := range u.choose(&Listing{Tools: list, Prompts: list, Resources: list}) {
			if item.Kind == mcp.KindResource && item.Short() != item.Own() {
				t.Errorf("the resource %q is shown as %q", item.Own(), item.Short())
			}
			if item.Kind != mcp.KindResource && item.Own() == own && item.Short() != want {
				t.Errorf("%s %q is shown as %q, want %q", item.Kind, own, item.Short(), want)
			}
		}
	}
	f("a_b", "a_b")
	f("a b", "a_b_10a3f9f2")
	f("old", "new")
	f("new", "new_28999611")
	f(long+"12", long+"12")
	f(long+"123", long[:119]+"_344d0423")
}

func TestOptionsSayWhatIsWrong(t *testing.T) {
	f := func(want string, change func(*Options)) {
		t.Helper()
		opt := Options{Name: "up", Client: client.Options{URL: "tcp://127.0.0.1:1"}}
		change(&opt)
		_, err := New(opt, Host{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	f(`cannot name an upstream ""`, func(o *Options) { o.Name = "" })
	f(`"a.b"`, func(o *Options) { o.Name = "a.b" })
	f("1 to 32", func(o *Options) { o.Name = strings.Repeat("a", 33) })
	f(`separator "."`, func(o *Options) { o.Separator = "." })
	f(`pattern "[a"`, func(o *Options) { o.Deny = []string{"[a"} })
	f("Timeout = -1s", func(o *Options) { o.Timeout = -time.Second })
	f(`cannot rename "a" to "b c"`, func(o *Options) { o.Rename = map[string]string{"a": "b c"} })
	f("1 to 124 characters", func(o *Options) {
		o.Rename = map[string]string{"a": strings.Repeat("x", 125)}
	})
	f(`cannot rename both "a" and "b" to "c"`, func(o *Options) {
		o.Rename = map[string]string{"a": "c", "b": "c"}
	})
	f("either a URL or a command", func(o *Options) { o.Client.Command = []string{"x"} })
}

func TestJitter(t *testing.T) {
	for range 1000 {
		if d := jitter(time.Second); d < 750*time.Millisecond || d > 1251*time.Millisecond {
			t.Fatalf("got %v of 1s", d)
		}
	}
	_ = jitter(0)
}
