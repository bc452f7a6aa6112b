package rest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/mcploop/mcploop/codec"
)

// Trim says what of a response is the answer.
type Trim struct {
	Pointer string   // JSON pointer (RFC 6901) of the part that is wanted; "" is all
	Fields  []string // members that are kept, of the object or of each in an array; a.b is nested
	Result  string   // auto (default), text or structured: see trimmer.structured
}

// trimmer is a compiled Trim.
type trimmer struct {
	steps  []string // of the pointer
	fields fieldTree
	result string
}

// fieldTree are names that are kept, each with what is kept of it; nil is all.
type fieldTree map[string]fieldTree

const (
	resultAuto       = "auto"
	resultText       = "text"
	resultStructured = "structured"
)

// Validate tells what of it cannot be used.
func (o Trim) Validate() error {
	_, err := o.compile()
	return err
}

func (o Trim) compile() (trimmer, error) {
	t := trimmer{result: o.Result}
	switch o.Result {
	case "":
		t.result = resultAuto
	case resultAuto, resultText, resultStructured:
	default:
		return t, fmt.Errorf("cannot use the result %q; write auto, text or structured", o.Result)
	}
	if o.Pointer != "" {
		if o.Pointer[0] != '/' {
			return t, fmt.Errorf("cannot use the pointer %q; write /NAME/NAME", o.Pointer)
		}
		for step := range strings.SplitSeq(o.Pointer[1:], "/") {
			step = strings.ReplaceAll(step, "~1", "/")
			t.steps = append(t.steps, strings.ReplaceAll(step, "~0", "~"))
		}
	}
	for _, field := range o.Fields {
		if t.fields == nil {
			t.fields = fieldTree{}
		}
		at := t.fields
		names := strings.Split(field, ".")
		for i, name := range names {
			if name == "" {
				return t, fmt.Errorf("cannot use the field %q; write NAME or NAME.NAME", field)
			}
			if i == len(names)-1 {
				at[name] = nil
				break
			}
			if at[name] == nil {
				at[name] = fieldTree{}
			}
			at = at[name]
		}
	}
	return t, nil
}

// wantsJSON: only a response of JSON can be the answer.
func (t *trimmer) wantsJSON() bool {
	return len(t.steps) > 0 || t.fields != nil || t.result == resultStructured
}

// apply returns the part of raw that is wanted; raw is valid JSON.
func (t *trimmer) apply(raw []byte) ([]byte, error) {
	for i, step := range t.steps {
		next := child(raw, step)
		if next == nil {
			return nil, fmt.Errorf("the response has nothing at /%s",
				strings.Join(t.steps[:i+1], "/"))
		}
		raw = next
	}
	if t.fields == nil {
		return raw, nil
	}
	return appendFields(nil, raw, t.fields), nil
}

// child is a member, or an entry by its number; nil when there is none.
func child(raw []byte, step string) []byte {
	raw = raw[codec.SkipSpace(raw, 0):]
	if len(raw) == 0 {
		return nil
	}
	if raw[0] == '{' {
		return codec.Find(raw, step)
	}
	var entries []json.RawMessage
	n, err := strconv.ParseUint(step, 10, 31)
	if err != nil || raw[0] != '[' || json.Unmarshal(raw, &entries) != nil ||
		n >= uint64(len(entries)) {
		return nil
	}
	return entries[n]
}

// appendFields appends what the tree keeps of raw: bytes of values are not changed.
func appendFields(dst, raw []byte, keep fieldTree) []byte {
	i := codec.SkipSpace(raw, 0)
	if keep == nil || i >= len(raw) || raw[i] != '{' && raw[i] != '[' {
		return append(dst, raw...)
	}
	object, closing := raw[i] == '{', raw[i]+2 // in ASCII both closing ones stand so
	dst = append(dst, raw[i])
	first := len(dst)
	for i = codec.SkipSpace(raw, i+1); i < len(raw) && raw[i] != closing; {
		inner := keep
		var key []byte
		if object {
			end, _ := codec.SkipString(raw, i+1)
			key = raw[i:end]
			i = codec.SkipSpace(raw, codec.SkipSpace(raw, end)+1)
		}
		from := i
		i = codec.SkipValue(raw, i)
		value := raw[from:i]
		if i = codec.SkipSpace(raw, i); raw[i] == ',' {
			i = codec.SkipSpace(raw, i+1)
		}
		if object {
			var kept bool
			if inner, kept = keep[memberName(key)]; !kept {
				continue
			}
		}
		if len(dst) > first {
			dst = append(dst, ',')
		}
		if object {
			dst = append(append(dst, key...), ':')
		}
		dst = appendFields(dst, value, inner)
	}
	return append(dst, closing)
}

// memberName is the name that a raw string spells.
func memberName(key []byte) string {
	var name string
	_ = json.Unmarshal(key, &name) // it was scanned
	return name
}
