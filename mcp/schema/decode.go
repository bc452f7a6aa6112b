package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mcploop/mcploop/codec"
)

// Bounds of what is decoded into Go values, each of which costs up to 100 bytes.
const (
	schemaValuesMax = 1 << 20 // values in a schema
	slowValuesMax   = 1 << 14 // values in what a slow schema checks
)

// schemaObjectsMax bounds the subschemas: santhosh compiles n of them in a time like n².
const schemaObjectsMax = 5000

func countObjects(v any) (n int) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			n += countObjects(e)
		}
	case map[string]any:
		n = 1
		for _, e := range v {
			n += countObjects(e)
		}
	}
	return n
}

// decoder decodes JSON into maps, lists, strings, json.Numbers, booleans and nil.
type decoder struct {
	*json.Decoder
}

var errManyValues = errors.New("it has too many values to be checked")

// countValues counts the values of valid JSON by what stands between them.
func countValues(raw []byte) (n int) {
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			end, _ := codec.SkipString(raw, i+1)
			i = end - 1
		case ',', '[', '{':
			n++
		}
	}
	return n
}

// decode reads one JSON value. It refuses an object that names a member twice, a number that
// could not be calculated with in reasonable time, and more than most values.
func decode(raw []byte, most int) (any, error) {
	if countValues(raw) > most {
		return nil, errManyValues
	}
	d := decoder{json.NewDecoder(bytes.NewReader(raw))}
	d.UseNumber()
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one value")
	}
	return v, nil
}

func (d *decoder) value() (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '[' {
			return d.array()
		}
		return d.object()
	case json.Number:
		if _, ok := ratOf([]byte(t)); !ok {
			return nil, fmt.Errorf("%.64s has too many digits", t)
		}
	}
	return token, nil
}

func (d *decoder) array() (any, error) {
	list := []any{}
	for d.More() {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.Token()
	return list, err
}

func (d *decoder) object() (any, error) {
	object := map[string]any{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string)
		if _, twice := object[key]; twice {
			return nil, fmt.Errorf("member %.64q comes twice", key)
		}
		if object[key], err = d.value(); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return object, err
}
