package schema

import (
	"errors"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// meter counts the steps of one check by santhosh-tekuri/jsonschema, which knows no bound: a few
// nested anyOf with a $ref to themselves take it years. It sits in the compiled subschemas as
// their format, which santhosh looks at before it goes on to a subschema's own subschemas. When
// the steps are used up each format refuses, and the check is over in no time.
//
// It belongs to one metered and is used by one check at a time.
type meter struct {
	left int // of the steps
	text int // of what patterns may take, see patternSteps
}

// Bounds of one check, in steps: a step is a subschema that looks at a value, or as much work.
const (
	slowStepsFree     = 1 << 15
	slowStepsPerValue = 32
)

var errSteps = errors.New(textSteps)

// fill makes the meter ready for a value of that many values and bytes.
func (m *meter) fill(values, bytes int) {
	m.left = slowStepsFree + slowStepsPerValue*values
	m.text = patternSteps(bytes)
}

// spend takes the cost of looking at v. Once it has refused it refuses everything.
func (m *meter) spend(c *cost, v any) error {
	if m.left >= 0 && m.text >= 0 {
		m.left -= c.of(v)
		m.text -= c.patterns(v)
	}
	if m.left < 0 || m.text < 0 {
		return errSteps
	}
	return nil
}

// spent tells whether the steps did not suffice.
func (m *meter) spent() bool { return m.left < 0 || m.text < 0 }

// attach meters s and what it leads to; seen are the subschemas that are metered.
func (m *meter) attach(s *jsonschema.Schema, seen map[*jsonschema.Schema]bool) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	same, below := sameValue(s), belowValue(s)
	cost := costOf(s, same, below)
	s.Format = &jsonschema.Format{Name: "steps", Validate: func(v any) error {
		return m.spend(&cost, v)
	}}
	for _, child := range append(same, below...) {
		m.attach(child, seen)
	}
}

// sameValue lists the subschemas that s applies to the value itself.
func sameValue(s *jsonschema.Schema) []*jsonschema.Schema {
	list := slices.Concat(s.AllOf, s.AnyOf, s.OneOf,
		[]*jsonschema.Schema{s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else})
	if s.DynamicRef != nil {
		list = append(list, s.DynamicRef.Ref)
	}
	for _, child := range s.DependentSchemas {
		list = append(list, child)
	}
	for _, dependency := range s.Dependencies {
		list = appendSchema(list, dependency)
	}
	return withoutNil(list)
}

// belowValue lists the subschemas that s applies to members, their names, and items.
func belowValue(s *jsonschema.Schema) []*jsonschema.Schema {
	list := append(slices.Clone(s.PrefixItems), s.PropertyNames, s.UnevaluatedProperties,
		s.Contains, s.Items2020, s.UnevaluatedItems)
	for _, child := range s.Properties {
		list = append(list, child)
	}
	for _, child := range s.PatternProperties {
		list = append(list, child)
	}
	list = appendSchema(list, s.AdditionalProperties)
	list = appendSchema(list, s.AdditionalItems)
	if items, ok := s.Items.([]*jsonschema.Schema); ok {
		list = append(list, items...)
	}
	return withoutNil(appendSchema(list, s.Items))
}

// appendSchema appends v when it is a schema and not a boolean.
func appendSchema(list []*jsonschema.Schema, v any) []*jsonschema.Schema {
	if s, ok := v.(*jsonschema.Schema); ok {
		return append(list, s)
	}
	return list
}

func withoutNil(list []*jsonschema.Schema) []*jsonschema.Schema {
	return slices.DeleteFunc(list, func(s *jsonschema.Schema) bool { return s == nil })
}

// cost is what one subschema does with a value before the formats of its own subschemas are
// asked. Subschemas that refuse at once, by type, enum or false, are never asked.
type cost struct {
	each   int // for any value
	member int // and for each member or item
	text   int // instructions of pattern
	name   int // and of all patternProperties
	unique bool
}

func costOf(s *jsonschema.Schema, same, below []*jsonschema.Schema) cost {
	c := cost{each: 1, member: 1 + len(same), unique: s.UniqueItems} // unevaluated*: a table each
	for _, child := range same {
		c.each += constantsOf(child)
	}
	largest := 0
	for _, child := range below {
		largest = max(largest, constantsOf(child))
	}
	c.member += largest * (1 + len(s.PatternProperties))
	if s.Pattern != nil {
		c.text = patternCost(s.Pattern.String())
	}
	for pattern := range s.PatternProperties {
		c.name += patternCost(pattern.String())
	}
	return c
}

// constantsOf is how many values a subschema may compare one with, and 1.
func constantsOf(s *jsonschema.Schema) int {
	n := 1
	if s.Enum != nil {
		n += sizeOf(s.Enum.Values)
	}
	if s.Const != nil {
		n += sizeOf(*s.Const)
	}
	return n
}

// of is the cost of v in steps.
func (c *cost) of(v any) int {
	switch v := v.(type) {
	case map[string]any:
		return c.each + len(v)*c.member
	case []any:
		steps := c.each + len(v)*c.member
		switch {
		case c.unique && len(v) <= pairwiseItems:
			steps += len(v) * sizeOf(v)
		case c.unique:
			steps += sizeOf(v)
		}
		return steps
	}
	return c.each
}

// pairwiseItems: uniqueItems compares so many items each with each, more by their hashes.
const pairwiseItems = 20

// patterns is the cost of matching v.
func (c *cost) patterns(v any) int {
	switch v := v.(type) {
	case string:
		return textCost(len(v), c.text)
	case map[string]any:
		steps := 0
		if c.name > 0 {
			for name := range v {
				steps += textCost(len(name), c.name)
			}
		}
		return steps
	}
	return 0
}

// sizeOf counts the values in v.
func sizeOf(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			n += sizeOf(e)
		}
	case map[string]any:
		for _, e := range v {
			n += sizeOf(e)
		}
	}
	return n
}
