package mcp

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/codec"
)

func newTestCatalogue(t *testing.T, pageSize int, names ...string) *Catalogue[int] {
	t.Helper()
	c := NewCatalogue[int](ListOptions{
		PageSize: pageSize, TTLMs: 5000, ServerInfo: []byte(`{"name":"t","version":"1"}`),
	})
	for i, name := range names {
		if err := c.Add(&Tool{Name: name, Description: "d"}, i); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func page(t *testing.T, c *Catalogue[int], v Version, cursor string) ListToolsResult {
	t.Helper()
	var raw []byte
	if cursor != "" {
		raw = codec.AppendString(nil, cursor)
	}
	out, fault := c.AppendPage(nil, v, raw)
	if fault != nil {
		t.Fatalf("cursor %q: %v", cursor, fault)
	}
	var list ListToolsResult
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return list
}

func names(list ListToolsResult) string {
	var all []string
	for _, tool := range list.Tools {
		all = append(all, tool.Name)
	}
	return strings.Join(all, " ")
}

func TestCataloguePagesFollowTheCursorInOrder(t *testing.T) {
	c := newTestCatalogue(t, 2, "e", "a", "c", "b", "d")
	var got []string
	cursor := ""
	for range 3 {
		list := page(t, c, V20260728, cursor)
		got = append(got, names(list))
		cursor = list.NextCursor
	}
	if want := "[a b c d e]"; fmt.Sprint(got) != want || cursor != "" {
		t.Errorf("pages %v, last cursor %q; want %s and none", got, cursor, want)
	}
}

func TestCatalogueCursorSurvivesAChange(t *testing.T) {
	c := newTestCatalogue(t, 2, "a", "b", "c", "d")
	cursor := page(t, c, V20251125, "").NextCursor
	c.Remove("b")
	if err := c.Add(&Tool{Name: "bb"}, 0); err != nil {
		t.Fatal(err)
	}
	if got := names(page(t, c, V20251125, cursor)); got != "bb c" {
		t.Errorf("behind b come %q; want \"bb c\"", got)
	}
}

func TestCatalogueRefusesForeignCursors(t *testing.T) {
	c := newTestCatalogue(t, 2, "a")
	for _, raw := range []string{`1`, `null`, `"!"`, `"eHgveA"`, `{}`} {
		if _, fault := c.AppendPage(nil, V20251125, []byte(raw)); fault == nil ||
			fault.Code != codec.ErrInvalidParams.Code {
			t.Errorf("cursor %s: got %v; want -32602", raw, fault)
		}
	}
}

func TestCatalogueDefinitionsFitTheRevision(t *testing.T) {
	c := NewCatalogue[int](ListOptions{ServerInfo: []byte(`{}`)})
	err := c.Add(&Tool{
		Name: "a", Title: "A", OutputSchema: json.RawMessage(`{"type":"object"}`),
		Annotations: &ToolAnnotations{ReadOnlyHint: true}, Icons: []Icon{{Src: "data:,"}},
		Meta: Meta{"k": 1},
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := func(v Version, members string) {
		t.Helper()
		out, _ := c.AppendPage(nil, v, nil)
		var got []string
		for _, name := range []string{
			"annotations", "title", "outputSchema", "_meta\":{\"k", "icons",
		} {
			if strings.Contains(string(out), `"`+name) {
				got = append(got, strings.TrimSuffix(name, "\":{\"k"))
			}
		}
		if strings.Join(got, " ") != members {
			t.Errorf("%v has %v; want %s", v, got, members)
		}
	}
	f(V20241105, "")
	f(V20250326, "annotations")
	f(V20250618, "annotations title outputSchema _meta")
	f(V20251125, "annotations title outputSchema _meta icons")
	f(V20260728, "annotations title outputSchema _meta icons")
}

func TestCatalogueModernListsCanBeCached(t *testing.T) {
	c := newTestCatalogue(t, 10, "a")
	modern, legacy := page(t, c, V20260728, ""), page(t, c, V20251125, "")
	if modern.TTLMs != 5000 || modern.CacheScope != "public" || legacy.CacheScope != "" {
		t.Errorf("modern %+v, legacy %+v", modern, legacy)
	}
}

func TestCatalogueRefusesBadNames(t *testing.T) {
	c := newTestCatalogue(t, 10)
	for _, name := range []string{"", "a b", "a/b", "ä", strings.Repeat("x", 129)} {
		if err := c.Add(&Tool{Name: name}, 0); err == nil {
			t.Errorf("name %q was taken", name)
		}
	}
	if err := c.Add(&Tool{Name: strings.Repeat("x", 128)}, 0); err != nil {
		t.Error(err)
	}
}
