package schema

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// propertiesMax bounds the properties of one object: a bit of a word each.
const propertiesMax = 64

func (c *compiler) objectRule(n *node, m map[string]any) (err error) {
	o := &objectRule{}
	if o.min, o.max, err = counts(m, "minProperties", "maxProperties"); err != nil {
		return err
	}
	o.countsCheck = o.min > 0 || o.max != unlimited
	_, patterned := m["patternProperties"] // see memberRule
	if v, ok := m["additionalProperties"]; ok && !patterned {
		if o.rest, err = c.schema(v); err != nil {
			return err
		}
		o.closed = v == false
	}
	properties, _ := m["properties"].(map[string]any)
	for _, name := range c.inOrder(properties) {
		child, err := c.schema(properties[name])
		if err != nil {
			return err
		}
		o.add(name, child)
	}
	required, _ := m["required"].([]any)
	for _, v := range required {
		name, _ := v.(string)
		at, declared := o.byName[name]
		if !declared {
			at = o.add(name, o.rest)
		}
		o.required |= 1 << (at & (propertiesMax - 1))
	}
	if len(o.props) > propertiesMax {
		return &inexpressible{"an object with more than 64 properties"}
	}
	if len(o.props) > 0 || o.rest != nil || o.countsCheck {
		n.object = o
	}
	return nil
}

// inOrder returns the names in about the order of the schema's text, which is the order that most
// clients write members in. It decides nothing but where the walk looks first.
func (c *compiler) inOrder(properties map[string]any) []string {
	at := func(name string) int { return bytes.Index(c.raw, []byte(`"`+name+`"`)) }
	names := slices.Sorted(maps.Keys(properties))
	slices.SortStableFunc(names, func(a, b string) int { return at(a) - at(b) })
	return names
}

// add declares a property and returns its index.
func (o *objectRule) add(name string, child *node) int {
	p := property{name: name, folded: []byte(name), node: child}
	if raw, err := json.Marshal(name); err == nil && string(raw) == `"`+name+`"` {
		p.literal = string(raw) + ":"
	}
	if o.byName == nil {
		o.byName = map[string]int{}
	}
	o.byName[name] = len(o.props)
	o.props = append(o.props, p)
	return len(o.props) - 1
}

// foldsTo returns the declared name that name is written like but for case, or "".
func (o *objectRule) foldsTo(name string) string {
	for i := range o.props {
		if strings.EqualFold(o.props[i].name, name) {
			return o.props[i].name
		}
	}
	return ""
}

func (c *compiler) arrayRule(n *node, m map[string]any) (err error) {
	a := &arrayRule{}
	if a.min, a.max, err = counts(m, "minItems", "maxItems"); err != nil {
		return err
	}
	if v, ok := m["items"]; ok {
		if _, list := v.([]any); list {
			return &inexpressible{"items as a list"}
		}
		if a.items, err = c.schema(v); err != nil {
			return err
		}
	}
	if v, ok := m["prefixItems"]; ok {
		if a.prefix, err = c.schemas(v); err != nil {
			return err
		}
	}
	a.unique, _ = m["uniqueItems"].(bool)
	if a.items != nil || a.prefix != nil || a.min > 0 || a.max != unlimited || a.unique {
		n.array = a
	}
	return nil
}

func (c *compiler) schemas(v any) ([]*node, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, &inexpressible{"something that should be a list"}
	}
	nodes := make([]*node, 0, len(list))
	for _, e := range list {
		n, err := c.schema(e)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

func (c *compiler) moreRule(n *node, m map[string]any) (err error) {
	r := n.more
	used := r != nil
	if !used {
		r = &moreRule{}
	}
	if v, ok := m["$ref"]; ok {
		target, err := c.ref(v)
		if err != nil {
			return err
		}
		r.refs, used = []*node{target}, true
	}
	for _, part := range []struct {
		word string
		list *[]*node
	}{{"allOf", &r.all}, {"anyOf", &r.anyOf}, {"oneOf", &r.oneOf}} {
		v, ok := m[part.word]
		if !ok {
			continue
		}
		if *part.list, err = c.schemas(v); err != nil {
			return err
		}
		used = true
	}
	if v, ok := m["not"]; ok {
		if r.not, err = c.schema(v); err != nil {
			return err
		}
		r.hasNot, used = true, true
	}
	if v, ok := m["if"]; ok {
		if err := c.condition(r, m, v); err != nil {
			return err
		}
		used = true
	}
	constants, err := c.constants(r, m)
	if err != nil {
		return err
	}
	if used || constants {
		n.more = r
	}
	return nil
}

func (c *compiler) condition(r *moreRule, m map[string]any, v any) (err error) {
	if r.cond, err = c.schema(v); err != nil {
		return err
	}
	if v, ok := m["then"]; ok {
		if r.then, err = c.schema(v); err != nil {
			return err
		}
	}
	if v, ok := m["else"]; ok {
		if r.alt, err = c.schema(v); err != nil {
			return err
		}
	}
	r.hasIf = true
	return nil
}

// constants compiles enum and const.
func (c *compiler) constants(r *moreRule, m map[string]any) (used bool, err error) {
	if v, ok := m["enum"]; ok {
		list, _ := v.([]any)
		if r.enum, err = encodeAll(list); err != nil {
			return false, err
		}
		r.hasEnum, used = true, true
		r.splitEnum()
	}
	if v, ok := m["const"]; ok {
		if r.constant, err = encodeAll([]any{v}); err != nil {
			return false, err
		}
		used = true
	}
	return used, nil
}

// splitEnum puts the strings of a long enum into a map.
func (r *moreRule) splitEnum() {
	const long = 8
	if len(r.enum) <= long {
		return
	}
	r.texts = map[string]bool{}
	r.enum = slices.DeleteFunc(r.enum, func(c constant) bool {
		if c.text != nil {
			r.texts[string(c.text)] = true
		}
		return c.text != nil
	})
}

func encodeAll(list []any) ([]constant, error) {
	all := make([]constant, 0, len(list))
	for _, v := range list {
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, &inexpressible{"such a constant"}
		}
		one := constant{raw: raw}
		if text, ok := v.(string); ok {
			one.text = []byte(text)
		}
		all = append(all, one)
	}
	return all, nil
}
