package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/server/gateway/declared"
)

// body is the template of a JSON value: arguments stand in its strings. A string that is one place
// and nothing else becomes the argument as JSON, of whatever type; any other stays a string. A
// member or an entry whose argument is not there is left out.
type body struct {
	raw     json.RawMessage   // of a value without places
	text    declared.Template // of a string
	object  bool
	names   []string // of members, in the order of the configuration
	entries []*body  // members or entries; nil for a value
	isText  bool
}

// bodyDepthMax bounds the nesting of a body's template.
const bodyDepthMax = 64

func parseBody(raw json.RawMessage) (*body, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	b, err := readBody(d, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot use the body: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("cannot use the body: there is something behind its value")
	}
	return b, nil
}

func readBody(d *json.Decoder, depth int) (*body, error) {
	if depth > bodyDepthMax {
		return nil, fmt.Errorf("it is nested deeper than %d", bodyDepthMax)
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case string:
		t, err := declared.ParseTemplate(v)
		return &body{isText: true, text: t}, err
	case json.Delim:
		b := &body{object: v == '{', entries: []*body{}}
		for d.More() {
			if err := b.entry(d, depth); err != nil {
				return nil, err
			}
		}
		_, err := d.Token()
		return b, err
	}
	value, err := json.Marshal(token)
	return &body{raw: value}, err
}

// entry reads one member or entry.
func (b *body) entry(d *json.Decoder, depth int) error {
	if b.object {
		name, err := d.Token()
		if err != nil {
			return err
		}
		b.names = append(b.names, name.(string)) // a member's name is always one
	}
	e, err := readBody(d, depth+1)
	b.entries = append(b.entries, e)
	return err
}

// arguments are the names of all arguments in it.
func (b *body) arguments() []string {
	names := b.text.Names()
	for _, e := range b.entries {
		names = append(names, e.arguments()...)
	}
	return names
}

// append writes the value with the arguments in it; false: its argument is not there.
func (b *body) append(dst []byte, a declared.Arguments) ([]byte, bool) {
	switch {
	case b.raw != nil:
		return append(dst, b.raw...), true
	case b.isText:
		if place, alone := b.text.Alone(); alone {
			raw := a.JSON(place.Name)
			return append(dst, raw...), raw != nil
		}
		text, ok := b.text.Expand(a, nil)
		if !ok {
			return dst, false
		}
		return codec.AppendString(dst, text), true
	}
	opening, closing := byte('['), byte(']')
	if b.object {
		opening, closing = '{', '}'
	}
	dst = append(dst, opening)
	for i, e := range b.entries {
		start := len(dst)
		if dst[start-1] != opening {
			dst = append(dst, ',')
		}
		if b.object {
			dst = append(codec.AppendString(dst, b.names[i]), ':')
		}
		var ok bool
		if dst, ok = e.append(dst, a); !ok {
			dst = dst[:start]
		}
	}
	return append(dst, closing), true
}

// pairs are the members of an object as a form has them.
func (b *body) pairs(a declared.Arguments) []Pair {
	var pairs []Pair
	for i, e := range b.entries {
		pairs = append(pairs, expandPairs(b.names[i], e, a)...)
	}
	return pairs
}

// expandPairs is one name with its value; an array is the name several times.
func expandPairs(name string, e *body, a declared.Arguments) []Pair {
	if place, alone := e.text.Alone(); alone {
		texts, _ := a.Texts(place.Name)
		var pairs []Pair
		for _, text := range texts {
			pairs = append(pairs, Pair{name, text})
		}
		return pairs
	}
	if e.isText {
		text, ok := e.text.Expand(a, nil)
		if !ok {
			return nil
		}
		return []Pair{{name, text}}
	}
	raw, ok := e.append(nil, a)
	if !ok {
		return nil
	}
	return []Pair{{name, string(raw)}}
}
