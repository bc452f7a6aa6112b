package mcp

import (
	"fmt"
	"strings"
	"testing"
)

func TestTemplateMatch(t *testing.T) {
	f := func(template, uri, want string) {
		t.Helper()
		c, err := CompileTemplate(template)
		if err != nil {
			t.Errorf("%s: %v", template, err)
			return
		}
		got := "-"
		if values := c.Match(uri); values != nil {
			got = fmt.Sprint(values)
		}
		if got != want || c.Matches([]byte(uri)) != (want != "-") {
			t.Errorf("%s of %s: got %s; want %s", template, uri, got, want)
		}
	}
	f("test://template/{id}/data", "test://template/123/data", "map[id:123]")
	f("test://template/{id}/data", "test://template/a%2Fb/data", "map[id:a/b]")
	f("test://template/{id}/data", "test://template/a/b/data", "-")
	f("test://template/{id}/data", "test://template/123/datas", "-")
	f("test://template/{id}/data", "xtest://template/123/data", "-")
	f("f://{+path}", "f://a/b/c?d=e", "map[path:a/b/c?d=e]")
	f("f://{x}/{y}", "f://1/2", "map[x:1 y:2]")
	f("f://{x,y}", "f://1,2", "map[x:1,2]")
	f("f://a{/x,y}", "f://a/1/2", "map[x:1 y:2]")
	f("f://a{/x,y}", "f://a/1", "map[x:1]")
	f("f://a{/x*}", "f://a/1/2/3", "map[x:1/2/3]")
	f("f://a{.ext}", "f://a.txt", "map[ext:txt]")
	f("f://a{#part}", "f://a#b/c", "map[part:b/c]")
	f("f://a{;x,y}", "f://a;x=1;y=2", "map[x:1 y:2]")
	f("f://a{?x,y}", "f://a?x=1&y=2", "map[x:1 y:2]")
	f("f://a{?x,y}", "f://a?x=1", "map[x:1]")
	f("f://a{?x,y}", "f://a", "map[]")
	f("f://a?z=0{&x}", "f://a?z=0&x=1", "map[x:1]")
	f("f://{x:3}", "f://abc", "map[x:abc]")
	f("f://{x:3}", "f://abcd", "-")
	f("f://{x}/{x}", "f://1/1", "map[x:1]")
}

func TestTemplateFaults(t *testing.T) {
	for _, text := range []string{
		"f://a", "f://{", "f://}", "f://{}", "f://{x", "f://{x}}", "f://{x:0}", "f://{x:1000}",
		"f://{x y}", "f://{|x}", "f://{.}", strings.Repeat("{x}", 33), strings.Repeat("a", 3000),
	} {
		if _, err := CompileTemplate(text); err == nil ||
			!strings.HasPrefix(err.Error(), "cannot compile URI template") {
			t.Errorf("%.20s: got %v", text, err)
		}
	}
}

// A pattern that a backtracking matcher would need hours for ends at once: the test's own time
// limit is the proof.
func TestTemplateMatchIsLinear(t *testing.T) {
	c, err := CompileTemplate("f://" + strings.Repeat("{a}", 30) + "!")
	if err != nil {
		t.Fatal(err)
	}
	if c.Matches([]byte("f://" + strings.Repeat("a", 8000))) {
		t.Error("it matched")
	}
}
