package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mcploop/mcploop/codec"
)

// Checker is one compiled schema. It is immutable and safe for concurrent use.
type Checker struct {
	root   *node  // nil: every value conforms, or slow is set
	slow   *slow  // the whole schema, when root cannot express it
	why    string // what made it slow, or heavy: see isHeavy
	folded bool   // see RefuseFolded
	object bool   // the root's type is "object"
}

// Compile makes a Checker of a schema: raw JSON (json.RawMessage or []byte) or any value that
// marshals to it. It takes about a millisecond, and a second for the largest that is allowed. The
// error says what is wrong: a schema that its dialect's metaschema refuses, a dialect other than
// draft 4 to 2020-12, a $ref to another document, a pattern that Go's regexp (RE2, linear time)
// cannot express, more than 5,000 objects.
func Compile(schema any) (*Checker, error) {
	raw, ok := schema.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(schema); err != nil {
			return nil, fmt.Errorf("cannot encode the schema: %w", err)
		}
	}
	scanner := codec.Scanner{DepthMax: schemaDepthMax}
	if !scanner.Valid(raw) {
		return nil, fmt.Errorf("cannot compile the schema: %.64q is not JSON in UTF-8, or nested "+
			"deeper than %d", raw, schemaDepthMax)
	}
	doc, err := decode(raw, schemaValuesMax)
	if err != nil {
		return nil, fmt.Errorf("cannot compile the schema: %w", err)
	}
	if n := countObjects(doc); n > schemaObjectsMax {
		return nil, fmt.Errorf("cannot compile the schema: it has %d objects; want at most %d", n,
			schemaObjectsMax)
	}
	d, err := dialectOf(doc)
	if err != nil {
		return nil, err
	}
	general, err := compileSlow(doc, noLoader{}) // also the judge of whether it is a schema at all
	if err != nil {
		return nil, err
	}
	c := &Checker{object: typeIsObject(doc)}
	f := compiler{doc: doc, raw: raw, dialect: d, refs: map[string]*node{}}
	root, err := f.root()
	var cannot *inexpressible
	if errors.As(err, &cannot) {
		c.slow, c.why = general, cannot.Error()
		return c, nil
	}
	if c.root = root; err == nil && isHeavy(root) {
		c.why = "subschemas lead to themselves along several ways, or look at one value too often"
	}
	return c, err
}

func typeIsObject(doc any) bool {
	m, _ := doc.(map[string]any)
	return m["type"] == "object"
}

// RefuseFolded returns a Checker that also refuses a member whose name differs from a declared
// one in nothing but case: encoding/json would decode it into the same field. To be used when
// the checked bytes are decoded into a Go struct.
func (c *Checker) RefuseFolded() *Checker {
	own := *c
	own.folded = true
	return &own
}

// Slow tells why checks of this schema allocate and may take milliseconds, so that they do not
// belong on a loop; "" for a schema whose checks are fast.
func (c *Checker) Slow() string { return c.why }

// Object tells whether the schema's type is "object".
func (c *Checker) Object() bool { return c.object }

// Check returns nil or a *Fault. raw must be one JSON value that a codec.Scanner has passed. An
// object that names a member twice is refused wherever the schema looks at it: two decoders
// could take different ones. The work is bounded by a multiple of len(raw), and for a slow schema
// below a second: what takes more is refused.
func (c *Checker) Check(raw []byte) error {
	if c.slow != nil {
		return c.slow.check(raw, c.folded)
	}
	if c.root == nil {
		return nil
	}
	return check(c.root, raw, c.folded, c.steps(len(raw)))
}

// steps is how many a check of so many bytes may take.
func (c *Checker) steps(bytes int) int {
	steps := stepsFree + stepsPerByte*bytes
	if c.why != "" {
		return min(steps, stepsHeavy)
	}
	return steps
}

// CheckMembers is Check for an object whose members the scanner has listed: it looks at their bytes
// only where they do not conform at first sight. With nil for members it is Check.
func (c *Checker) CheckMembers(raw []byte, members []codec.Member) error {
	if c.AtSight(members) { // Fast path.
		return nil
	}
	return c.Check(raw)
}

// AtSight tells that an object of these members conforms, however long their values are; false says
// nothing.
func (c *Checker) AtSight(members []codec.Member) bool {
	return c.root != nil && members != nil && c.root.conforms(members, c.folded)
}

// Fault says what is wrong with a value. All texts are short, whatever was checked.
type Fault struct {
	Pointer string // where it is: a JSON pointer (RFC 6901), "" for the whole value
	Keyword string // which keyword it breaks; "" when no keyword is the reason
	Text    string // what is wrong
}

// Error returns the place and what is wrong there.
func (f *Fault) Error() string {
	if f.Pointer == "" {
		return f.Text
	}
	return "at " + f.Pointer + ": " + f.Text
}

// quoteBytes bounds what a Fault repeats of a value, a name or a keyword.
const quoteBytes = 64

// quote is the beginning of raw JSON.
func quote(raw []byte) string {
	if len(raw) <= quoteBytes {
		return string(raw)
	}
	return strings.ToValidUTF8(string(raw[:quoteBytes]), "") + "…"
}
