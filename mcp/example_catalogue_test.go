package mcp_test

import (
	"errors"
	"fmt"

	"github.com/mcploop/mcploop/mcp"
)

// A catalogue keeps definitions with whatever runs them, here the name of the node that has the
// tool, and writes the pages of their list. The cursor of a page leads to the next.
func ExampleCatalogue() {
	list := func(c *mcp.Catalogue[string], cursor []byte) {
		page, fault := c.AppendPage(nil, mcp.V20251125, cursor)
		if fault != nil {
			fmt.Println(fault.Code)
			return
		}
		fmt.Printf("%s\n", page)
	}
	nodes := mcp.NewCatalogue[string](mcp.ListOptions{PageSize: 1})
	for name, node := range map[string]string{"add": "node-a", "search": "node-b"} {
		if err := nodes.Add(&mcp.Tool{Name: name}, node); err != nil {
			fmt.Println(err)
			return
		}
	}
	list(nodes, nil)
	list(nodes, []byte(`"dG9vbHM6YWRk"`))
	list(nodes, []byte(`"of another server"`))
	// Output:
	// {"tools":[{"name":"add","inputSchema":{"type":"object"}}],"nextCursor":"dG9vbHM6YWRk"}
	// {"tools":[{"name":"search","inputSchema":{"type":"object"}}]}
	// -32602
}

// Each kind of definition has a list of its own, and says itself why it cannot be offered.
func ExampleDefinition() {
	for _, d := range []mcp.Definition{
		&mcp.Prompt{Name: "review"},
		&mcp.Resource{URI: "docs://intro", Name: "intro"},
		&mcp.ResourceTemplate{URITemplate: "docs://{name}", Name: "docs"},
		&mcp.Tool{Name: "two words"},
	} {
		err := mcp.NewCatalogue[int](mcp.ListOptions{}).Add(d, 0)
		fmt.Println(err == nil, errors.Is(err, mcp.ErrToolName))
	}
	// Output:
	// true false
	// true false
	// true false
	// false true
}

// What a modern list says beside its definitions: how long, and by whom, it may be reused.
func ExampleListOptions() {
	prompts := mcp.NewCatalogue[int](mcp.ListOptions{
		Member: "prompts", TTLMs: 60_000, CacheScope: "private",
		ServerInfo: []byte(`{"name":"s","version":"1"}`),
	})
	modern, _ := prompts.AppendPage(nil, mcp.LatestModern, nil)
	legacy, _ := prompts.AppendPage(nil, mcp.LatestLegacy, nil)
	fmt.Printf("%s\n%s\n", modern[:51], legacy)
	// Output:
	// {"prompts":[],"ttlMs":60000,"cacheScope":"private",
	// {"prompts":[]}
}

// Each goes over the entries in the order of the list.
func ExampleEntry() {
	tools := mcp.NewCatalogue[func(int) int](mcp.ListOptions{})
	_ = tools.Add(&mcp.Tool{Name: "square"}, func(n int) int { return n * n })
	_ = tools.Add(&mcp.Tool{Name: "double"}, func(n int) int { return 2 * n })
	tools.Each(func(e *mcp.Entry[func(int) int]) bool {
		fmt.Println(e.Name, e.Handler(5))
		return true
	})
	fmt.Println(tools.Lookup([]byte("halve")) == nil)
	// Output:
	// double 10
	// square 25
	// true
}

// Whoever looks the same name up many times in a row, such as one connection, keeps a Recent: the
// name is compared as it came, a raw JSON string. A change of the catalogue makes it forget.
func ExampleRecent() {
	tools := mcp.NewCatalogue[string](mcp.ListOptions{})
	_ = tools.Add(&mcp.Tool{Name: "add"}, "handler")
	var recent mcp.Recent[string]
	for range 2 { // the second does not decode the name
		e, ok := tools.LookupRaw([]byte(`"\u0061dd"`), &recent)
		fmt.Println(e.Name, e.Handler, ok)
	}
	tools.Remove("add")
	e, ok := tools.LookupRaw([]byte(`"\u0061dd"`), &recent)
	fmt.Println(e == nil, ok)
	_, ok = tools.LookupRaw([]byte(`7`), &recent)
	fmt.Println(ok)
	// Output:
	// add handler true
	// add handler true
	// true true
	// false
}

// A definition of another server is shown as it was written, under a name of one's own.
func ExampleRawDefinition() {
	d, err := mcp.ReadDefinition(mcp.KindPrompt, []byte(`{"name":"review","title":"R","x":1.0}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	show := func(d mcp.RawDefinition, v mcp.Version) {
		list := mcp.NewCatalogue[int](mcp.ListOptions{Member: d.Kind.Member()})
		if err := list.Add(&d, 0); err != nil {
			fmt.Println(err)
			return
		}
		page, _ := list.AppendPage(nil, v, nil)
		fmt.Printf("%s\n", page)
	}
	d.Name = "up__" + d.Name
	show(d, mcp.V20251125)
	show(d, mcp.V20241105) // which knows no titles
	// Output:
	// {"prompts":[{"name":"up__review","title":"R","x":1.0}]}
	// {"prompts":[{"name":"up__review","x":1.0}]}
}
