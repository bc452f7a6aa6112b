package mcp

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestCatalogueChangesOneByOne: whatever was added and removed since the last look, lookups and
// lists are those of a catalogue that was made of what is left.
func TestCatalogueChangesOneByOne(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	c := newTestCatalogue(t, 7)
	left := map[string]int{}
	for step := range 3000 {
		name := fmt.Sprintf("tool_%03d", random.IntN(400))
		if random.IntN(3) == 0 {
			_, there := left[name]
			if got := c.Remove(name); got != there {
				t.Fatalf("Remove(%s) = %v, want %v", name, got, there)
			}
			delete(left, name)
		} else {
			if err := c.Add(&Tool{Name: name}, step); err != nil {
				t.Fatal(err)
			}
			left[name] = step
		}
		if random.IntN(4) == 0 {
			checkCatalogue(t, c, left)
		}
	}
}

func checkCatalogue(t *testing.T, c *Catalogue[int], left map[string]int) {
	t.Helper()
	var listed []string
	c.Each(func(e *Entry[int]) bool {
		listed = append(listed, e.Name)
		return true
	})
	if !slices.IsSorted(listed) || len(listed) != len(left) || c.Len() != len(left) {
		t.Fatalf("%d are listed, %d are left; sorted: %v", len(listed), len(left),
			slices.IsSorted(listed))
	}
	for i := range 400 {
		name := fmt.Sprintf("tool_%03d", i)
		want, there := left[name]
		e := c.Lookup([]byte(name))
		if there != (e != nil) || there && e.Handler != want {
			t.Fatalf("Lookup(%s) = %v, want %d, %v", name, e, want, there)
		}
	}
}

// TestRecentIsOfOneCatalogue: what was looked up in one catalogue is no answer of another.
func TestRecentIsOfOneCatalogue(t *testing.T) {
	var recent Recent[int]
	raw := []byte(`"same"`)
	for i := range 2 {
		c := NewCatalogue[int](ListOptions{ServerInfo: []byte(`{}`)})
		if err := c.Add(&Tool{Name: "same"}, i); err != nil {
			t.Fatal(err)
		}
		if e, _ := c.LookupRaw(raw, &recent); e.Handler != i {
			t.Errorf("got the handler %d, want %d", e.Handler, i)
		}
	}
}

// TestNamedSharesWhatIsEncoded: an entry under another name is shown under it, in every revision,
// and takes no second copy of the definition.
func TestNamedSharesWhatIsEncoded(t *testing.T) {
	tool := &Tool{Name: "up__echo", Title: "Echo", Description: `says "up__echo"`}
	e, err := NewEntry[int](tool, 1)
	if err != nil {
		t.Fatal(err)
	}
	own := e.Named("echo")
	if own.shown != e.shown {
		t.Error("the definition is held twice")
	}
	for v := V20241105; v < versionCount; v++ {
		c := NewCatalogue[int](ListOptions{ServerInfo: []byte(`{}`)})
		c.Put(own)
		out, fault := c.AppendPage(nil, v, nil)
		var list ListToolsResult
		if err := json.Unmarshal(out, &list); fault != nil || err != nil {
			t.Fatalf("%v: %v %v in %s", v, fault, err, out)
		}
		if got := list.Tools[0]; got.Name != "echo" || got.Description != tool.Description {
			t.Errorf("%v shows %+v", v, got)
		}
	}
}

func TestPutTellsWhatClientsSee(t *testing.T) {
	c := newTestCatalogue(t, 10, "a")
	same, _ := NewEntry(&Tool{Name: "a", Description: "d"}, 7)
	other, _ := NewEntry(&Tool{Name: "a", Description: "e"}, 7)
	if c.Put(same) {
		t.Error("another handler alone was told as a difference")
	}
	if c.Lookup([]byte("a")).Handler != 7 {
		t.Error("the handler was not replaced")
	}
	if !c.Put(other) {
		t.Error("another description was not told")
	}
}

// BenchmarkCatalogueReadBetweenChanges: 10,000 tools come one by one while somebody looks them up
// and lists them: the cost of one.
func BenchmarkCatalogueReadBetweenChanges(b *testing.B) {
	const many = 10_000
	b.ReportAllocs()
	for b.Loop() {
		c := NewCatalogue[int](ListOptions{PageSize: 100})
		var out []byte
		for i := range many {
			if err := c.Add(&Tool{Name: fmt.Sprintf("tool_%05d", i*7919%many)}, i); err != nil {
				b.Fatal(err)
			}
			c.Lookup([]byte("tool_00001"))
			out, _ = c.AppendPage(out[:0], V20260728, nil)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*many), "ns/tool")
}
