package schema

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/mcploop/mcploop/mcp/subschema"
)

// compiler makes nodes of a schema that is known to be valid.
type compiler struct {
	doc     any
	raw     []byte // doc's text
	dialect dialect
	refs    map[string]*node // by $ref; filled before the target is compiled
	anchors map[string]any   // subschemas by their $anchor
	depth   int
}

// inexpressible says which keyword makes a schema slow.
type inexpressible struct{ what string }

func (e *inexpressible) Error() string { return e.what + " is checked by the slow checker alone" }

// schemaDepthMax bounds the nesting of subschemas.
const schemaDepthMax = 500

// slowWords are keywords that the walk does not express, anywhere.
var slowWords = map[string]bool{
	"unevaluatedItems": true, "unevaluatedProperties": true, "additionalItems": true,
	"$dynamicRef": true, "$dynamicAnchor": true, "$recursiveRef": true, "$recursiveAnchor": true,
	"$vocabulary": true,
}

// newerWords are keywords that draft 7 does not know and ignores.
var newerWords = []string{
	"dependentRequired", "dependentSchemas", "minContains", "maxContains", "$anchor",
}

func (c *compiler) root() (*node, error) {
	if c.dialect == older {
		return nil, &inexpressible{"its $schema"}
	}
	if m, ok := c.doc.(map[string]any); ok {
		for _, v := range m {
			if namesDocument(v) {
				return nil, &inexpressible{"$id of a subschema"}
			}
		}
	}
	c.anchors = map[string]any{}
	subschema.Each(c.doc, func(m map[string]any) {
		if name, ok := m["$anchor"].(string); ok {
			c.anchors[name] = m
		}
	})
	return c.schema(c.doc)
}

// namesDocument finds $id or $schema below the root: they change what references mean.
func namesDocument(v any) bool {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if namesDocument(e) {
				return true
			}
		}
	case map[string]any:
		for name, e := range v {
			if name == "$id" || name == "$schema" || namesDocument(e) {
				return true
			}
		}
	}
	return false
}

// schema compiles a subschema; nil for one that accepts everything.
func (c *compiler) schema(v any) (*node, error) {
	switch v := v.(type) {
	case bool:
		if v {
			return nil, nil
		}
		return never(), nil
	case map[string]any:
		n := &node{}
		trivial, err := c.fill(n, v)
		if trivial {
			return nil, err
		}
		return n, err
	}
	return nil, &inexpressible{fmt.Sprintf("a schema like %.32s", wanted(v))}
}

// fill compiles m into n; trivial tells that m accepts everything.
func (c *compiler) fill(n *node, m map[string]any) (trivial bool, err error) {
	if c.depth++; c.depth > schemaDepthMax {
		return false, &inexpressible{"such deep nesting"}
	}
	defer func() { c.depth-- }()
	n.types, n.source = kindAny, m
	for word := range m {
		if slowWords[word] {
			return false, &inexpressible{word}
		}
	}
	for _, word := range newerWords {
		if _, ok := m[word]; ok && c.dialect == draft7 {
			return false, &inexpressible{word + " in draft 7"}
		}
	}
	_, hasPrefix := m["prefixItems"]
	_, hasRef := m["$ref"]
	if c.dialect != draft2020 && hasPrefix || c.dialect == draft7 && hasRef && len(m) > 1 {
		return false, &inexpressible{"$ref or prefixItems of an older draft"}
	}
	for _, part := range []func(*node, map[string]any) error{
		c.types, c.objectRule, c.arrayRule, c.textRule, c.numberRule, c.memberRule,
		c.containsRule, c.moreRule,
	} {
		if err := part(n, m); err != nil {
			return false, err
		}
	}
	trivial = n.types == kindAny && n.array == nil && n.text == nil && n.number == nil &&
		n.more == nil && n.object == nil
	if n.object == nil {
		n.object = &objectRule{}
	}
	n.setUsual()
	return trivial, nil
}

var kindNames = map[string]kinds{
	"null": kindNull, "boolean": kindBool, "number": kindNumber, "integer": kindNumber,
	"string": kindString, "array": kindArray, "object": kindObject,
}

func (c *compiler) types(n *node, m map[string]any) error {
	v, ok := m["type"]
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	n.types = 0
	whole, number := false, false
	for _, v := range list {
		name, _ := v.(string)
		kind, known := kindNames[name]
		if !known {
			return &inexpressible{"type"}
		}
		n.types |= kind
		whole = whole || name == "integer"
		number = number || name == "number"
	}
	if whole && !number {
		n.number = &numberRule{whole: true}
	}
	return nil
}

// unlimited is the maximum of what has none.
const unlimited = int(^uint(0) >> 1)

// count reads a keyword that is a whole number, at least 0.
func count(m map[string]any, word string, missing int) (int, error) {
	v, ok := m[word]
	if !ok {
		return missing, nil
	}
	number, _ := v.(json.Number)
	n, err := strconv.Atoi(string(number))
	if err != nil || n < 0 {
		return 0, &inexpressible{word + " written in that way"}
	}
	return n, nil
}

// counts reads a pair of such keywords.
func counts(m map[string]any, minWord, maxWord string) (least, most int, err error) {
	if least, err = count(m, minWord, 0); err != nil {
		return 0, 0, err
	}
	most, err = count(m, maxWord, unlimited)
	return least, most, err
}

func (c *compiler) textRule(n *node, m map[string]any) (err error) {
	t := &textRule{}
	if t.min, t.max, err = counts(m, "minLength", "maxLength"); err != nil {
		return err
	}
	if v, ok := m["pattern"]; ok {
		pattern, _ := v.(string)
		if t.pattern, t.cost, err = compilePattern(pattern); err != nil {
			return err
		}
	}
	if t.pattern != nil || t.min > 0 || t.max != unlimited {
		n.text = t
	}
	return nil
}

func (c *compiler) numberRule(n *node, m map[string]any) error {
	r := n.number
	if r == nil {
		r = &numberRule{}
	}
	for _, part := range []struct {
		word string
		b    *bound
		set  *bool
	}{
		{"minimum", &r.min, &r.ranged},
		{"maximum", &r.max, &r.ranged},
		{"exclusiveMinimum", &r.above, &r.ranged},
		{"exclusiveMaximum", &r.below, &r.ranged},
		{"multipleOf", &r.multiple, &r.multiplied},
	} {
		v, ok := m[part.word]
		if !ok {
			continue
		}
		number, ok := v.(json.Number)
		if !ok {
			return &inexpressible{part.word + " written in that way"}
		}
		if *part.b, ok = boundOf([]byte(number)); !ok {
			return &inexpressible{part.word + " of such a size"}
		}
		*part.set = true
	}
	if r.whole || r.ranged || r.multiplied {
		r.setUsual()
		n.number = r
	}
	return nil
}

// ref compiles the target of a local reference once.
func (c *compiler) ref(v any) (*node, error) {
	uri, _ := v.(string)
	fragment, local := strings.CutPrefix(uri, "#")
	if !local {
		return nil, &inexpressible{"$ref by address"}
	}
	if n, ok := c.refs[uri]; ok {
		return n, nil
	}
	target, ok := c.anchors[fragment]
	if fragment == "" || fragment[0] == '/' {
		target, ok = resolve(c.doc, fragment)
	}
	if !ok {
		return nil, &inexpressible{"such a $ref"}
	}
	switch t := target.(type) {
	case map[string]any:
		n := &node{}
		c.refs[uri] = n
		_, err := c.fill(n, t)
		return n, err
	case bool:
		return c.schema(t)
	}
	return nil, &inexpressible{"such a $ref"}
}

// resolve follows a JSON pointer that may be percent-encoded.
func resolve(doc any, pointer string) (any, bool) {
	if pointer == "" {
		return doc, true
	}
	decoded, err := url.PathUnescape(pointer)
	if err != nil {
		return nil, false
	}
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for _, token := range strings.Split(decoded[1:], "/") {
		token = unescape.Replace(token)
		switch v := doc.(type) {
		case map[string]any:
			var ok bool
			if doc, ok = v[token]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			doc = v[i]
		default:
			return nil, false
		}
	}
	return doc, true
}
