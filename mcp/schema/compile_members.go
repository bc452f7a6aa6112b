package schema

import (
	"maps"
	"regexp"
	"slices"
)

// memberRule holds what looks at an object's members a second time: patternProperties,
// propertyNames, and what depends on the presence of members.
type memberRule struct {
	patterns  []patternRule   // at most 64: a bit of a word each
	declared  map[string]bool // by properties
	rest      *node           // additionalProperties, when there are patterns
	closed    bool            // and it is false
	names     *node           // propertyNames
	hasNames  bool
	triggers  map[string]int // bits of the names that dependencies speak of, at most 64
	dependent []dependency
}

type patternRule struct {
	pattern *regexp.Regexp
	cost    int // for each 64 bytes of name
	node    *node
}

// dependency is what the presence of one member asks for.
type dependency struct {
	word     string
	trigger  uint64 // bits of triggers
	required uint64
	node     *node // nil: accepts everything
}

// containsRule is contains with its bounds.
type containsRule struct {
	node     *node
	min, max int
	word     string // which keyword asks for min
}

// membersMax bounds the patterns, and the names of dependencies, of one object.
const membersMax = 64

func (c *compiler) memberRule(n *node, m map[string]any) error {
	r := &memberRule{triggers: map[string]int{}}
	if err := c.patterns(r, m); err != nil {
		return err
	}
	if v, ok := m["propertyNames"]; ok {
		var err error
		if r.names, err = c.schema(v); err != nil {
			return err
		}
		r.hasNames = true
	}
	for _, word := range []string{"dependentRequired", "dependentSchemas", "dependencies"} {
		if err := c.dependencies(r, m, word); err != nil {
			return err
		}
	}
	if r.patterns != nil || r.hasNames || r.dependent != nil {
		n.moreOf().members = r
	}
	return nil
}

// moreOf makes the part of n that is checked last.
func (n *node) moreOf() *moreRule {
	if n.more == nil {
		n.more = &moreRule{}
	}
	return n.more
}

func (c *compiler) patterns(r *memberRule, m map[string]any) (err error) {
	patterns, _ := m["patternProperties"].(map[string]any)
	if len(patterns) == 0 {
		return nil
	}
	if len(patterns) > membersMax {
		return &inexpressible{"more than 64 patternProperties"}
	}
	for _, text := range slices.Sorted(maps.Keys(patterns)) {
		p := patternRule{}
		if p.pattern, p.cost, err = compilePattern(text); err != nil {
			return err
		}
		if p.node, err = c.schema(patterns[text]); err != nil {
			return err
		}
		r.patterns = append(r.patterns, p)
	}
	properties, _ := m["properties"].(map[string]any)
	r.declared = make(map[string]bool, len(properties))
	for name := range properties {
		r.declared[name] = true
	}
	if v, ok := m["additionalProperties"]; ok {
		if r.rest, err = c.schema(v); err != nil {
			return err
		}
		r.closed = v == false
	}
	return nil
}

// dependencies compiles a keyword whose members are lists of names or schemas.
func (c *compiler) dependencies(r *memberRule, m map[string]any, word string) (err error) {
	wanted, _ := m[word].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		d := dependency{word: word, trigger: r.bit(name)}
		if list, ok := wanted[name].([]any); ok {
			for _, v := range list {
				required, _ := v.(string)
				d.required |= r.bit(required)
			}
		} else if d.node, err = c.schema(wanted[name]); err != nil {
			return err
		}
		r.dependent = append(r.dependent, d)
	}
	if len(r.triggers) > membersMax {
		return &inexpressible{"more than 64 names in " + word}
	}
	return nil
}

// bit is the one of name.
func (r *memberRule) bit(name string) uint64 {
	at, ok := r.triggers[name]
	if !ok {
		at = len(r.triggers)
		r.triggers[name] = at
	}
	return 1 << (at & (membersMax - 1))
}

func (c *compiler) containsRule(n *node, m map[string]any) (err error) {
	v, ok := m["contains"]
	if !ok {
		return nil
	}
	r := &containsRule{word: "contains"}
	if _, ok := m["minContains"]; ok {
		r.word = "minContains"
	}
	if r.min, r.max, err = counts(m, "minContains", "maxContains"); err != nil {
		return err
	}
	if r.word == "contains" {
		r.min = 1
	}
	if r.node, err = c.schema(v); err != nil {
		return err
	}
	n.moreOf().contains = r
	return nil
}
