package schema

import (
	"fmt"
	"unicode"
)

// declared are the names of members that a slow schema speaks of, anywhere.
type declared struct {
	names map[string]bool
	twins map[string]string // a name by its foldKey
}

// declaredNames collects the names under properties and in required.
func declaredNames(doc any) declared {
	d := declared{names: map[string]bool{}, twins: map[string]string{}}
	d.collect(doc)
	for name := range d.names {
		d.twins[foldKey(name)] = name
	}
	return d
}

func (d *declared) collect(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			d.collect(e)
		}
	case map[string]any:
		if properties, ok := v["properties"].(map[string]any); ok {
			for name := range properties {
				d.names[name] = true
			}
		}
		if required, ok := v["required"].([]any); ok {
			for _, name := range required {
				if s, ok := name.(string); ok {
					d.names[s] = true
				}
			}
		}
		for _, e := range v {
			d.collect(e)
		}
	}
}

// refuseFolded looks at all members of value. It takes a declared name for declared everywhere.
func (d *declared) refuseFolded(value any) error {
	switch v := value.(type) {
	case []any:
		for _, e := range v {
			if err := d.refuseFolded(e); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, e := range v {
			if twin, ok := d.twins[foldKey(name)]; ok && !d.names[name] {
				return foldFault("", name, twin)
			}
			if err := d.refuseFolded(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// foldKey is the same for names that strings.EqualFold takes for one.
func foldKey(name string) string {
	folded := make([]rune, 0, len(name))
	for _, c := range name {
		least := c
		for next := unicode.SimpleFold(c); next != c; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		folded = append(folded, least)
	}
	return string(folded)
}

func foldFault(pointer, name, twin string) *Fault {
	return &Fault{Pointer: pointer, Text: fmt.Sprintf(
		"member %.64q is %.64q written in another case", name, twin)}
}
