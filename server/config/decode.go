package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

const (
	listMax   = 256 // entries of one list
	faultsMax = 50  // a wrong file can have a fault on every line
)

// origin is where a value came from.
type origin struct {
	file string
	line int
	env  string // the text with its ${VAR}, when the environment was used
}

// decoder fills a Config from YAML nodes and collects what is wrong. It walks the structs,
// not the file, so depth and size of what it does not know cannot cost anything.
type decoder struct {
	file   string
	lookup LookupEnv
	origin map[string]origin
	bad    map[string]bool // paths that were not set because of a fault
	faults Faults
}

func (d *decoder) fault(n *yaml.Node, path, format string, args ...any) {
	if d.bad == nil {
		d.bad = make(map[string]bool)
	}
	d.bad[path] = true
	if len(d.faults) == faultsMax {
		path, format, args = "", "there are more faults; correct these first", nil
	} else if len(d.faults) > faultsMax {
		return
	}
	text := fmt.Sprintf(format, args...)
	d.faults = append(d.faults, &Fault{File: d.file, Line: n.Line, Path: path, Text: text})
}

func (d *decoder) document(root *yaml.Node, cfg *Config) {
	if root == nil || isNull(root) {
		return
	}
	d.section(root, "", reflect.ValueOf(cfg).Elem())
}

// section sets the fields of one struct from one mapping.
func (d *decoder) section(n *yaml.Node, path string, v reflect.Value) {
	if !d.plain(n, path) || isNull(n) {
		return // a section whose lines are all comments is null
	}
	if n.Kind != yaml.MappingNode {
		d.fault(n, path, "%s where a section of keys must be: %s", describe(n),
			strings.Join(keyNames(v.Type()), ", "))
		return
	}
	if v.Type() == reflect.TypeFor[Listen]() {
		v.SetZero() // only the doors that the file names
	}
	d.origin[path] = origin{file: d.file, line: n.Line}
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		child := join(path, clip(key.Value))
		if line, dup := seen[key.Value]; dup {
			d.fault(key, child, "given twice, first on line %d; keep one", line)
			continue
		}
		seen[key.Value] = key.Line
		field, ok := fieldByKey(v, key)
		if !ok {
			d.fault(key, child, "no such key%s", suggest(key.Value, path, v.Type()))
			continue
		}
		d.value(value, child, field)
	}
}

func (d *decoder) value(n *yaml.Node, path string, v reflect.Value) {
	if v.Kind() == reflect.Struct {
		d.section(n, path, v)
		return
	}
	if v.Type() == reflect.TypeFor[JSON]() {
		if text, ok := d.json(n, path); ok {
			v.SetString(string(text))
		}
		return
	}
	if !d.plain(n, path) {
		return
	}
	if isNull(n) {
		d.fault(n, path, "it has no value; give one or remove the key for the default")
		return
	}
	all, isNamed := asNamed(v)
	switch {
	case v.Kind() == reflect.Slice:
		d.list(n, path, v)
	case isNamed:
		d.named(n, path, all)
	case v.Kind() == reflect.Map:
		d.texts(n, path, v)
	default:
		d.scalar(n, path, v)
	}
}

// entries calls f with each key of a mapping and its value. Keys are the writer's own, without the
// reserved characters.
func (d *decoder) entries(
	n *yaml.Node, path, reserved string, f func(key string, value *yaml.Node),
) bool {
	if n.Kind != yaml.MappingNode {
		d.fault(n, path, "%s where a section of names must be", describe(n))
		return false
	}
	if len(n.Content) > 2*listMax {
		d.fault(n, path, "%d entries; keep at most %d", len(n.Content)/2, listMax)
		return false
	}
	d.origin[path] = origin{file: d.file, line: n.Line}
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		child := join(path, clip(key.Value))
		switch line, dup := seen[key.Value]; {
		case dup:
			d.fault(key, child, "given twice, first on line %d; keep one", line)
		case key.Kind != yaml.ScalarNode || key.Value == "",
			strings.ContainsAny(key.Value, reserved):
			d.fault(key, child, "it is no name; write one without %s",
				strings.Join(strings.Split(reserved, ""), " and "))
		default:
			seen[key.Value] = key.Line
			f(key.Value, value)
		}
	}
	return true
}

// named reads sections under names of the writer's own.
func (d *decoder) named(n *yaml.Node, path string, all named) {
	all.Set(reflect.MakeMap(all.Type()))
	d.entries(n, path, ".[", func(name string, value *yaml.Node) {
		section := all.fresh()
		d.section(value, join(path, name), section)
		all.SetMapIndex(reflect.ValueOf(name), section)
	})
}

// texts reads names with a text each.
func (d *decoder) texts(n *yaml.Node, path string, v reflect.Value) {
	all := map[string]string{}
	d.entries(n, path, "[]", func(name string, value *yaml.Node) {
		at := fmt.Sprintf("%s[%s]", path, name)
		if !d.plain(value, at) {
			return
		}
		if isNull(value) {
			d.fault(value, at, "it has no value; give one or remove it")
			return
		}
		text := ""
		d.scalar(value, at, reflect.ValueOf(&text).Elem())
		all[name] = text
	})
	v.Set(reflect.ValueOf(all))
}

func (d *decoder) list(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.fault(n, path, "%s where a list must be; write it in [ ]", describe(n))
		return
	}
	if len(n.Content) > listMax {
		d.fault(n, path, "%d entries; keep at most %d", len(n.Content), listMax)
		return
	}
	d.origin[path] = origin{file: d.file, line: n.Line}
	out := make([]string, len(n.Content))
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		if !d.plain(item, at) {
			continue
		}
		if isNull(item) {
			d.fault(item, at, "an entry has no value; give one or remove it")
			continue
		}
		d.scalar(item, at, reflect.ValueOf(&out[i]).Elem())
	}
	v.Set(reflect.ValueOf(out))
}

func (d *decoder) scalar(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		d.fault(n, path, "%s where a single value must be", describe(n))
		return
	}
	text, env, err := substitute(n.Value, d.lookup)
	if err != nil {
		d.fault(n, path, "%s", err)
		return
	}
	from := origin{file: d.file, line: n.Line}
	if env {
		from.env = n.Value
	}
	d.origin[path] = from
	if err := set(v, text, path, n, env); err != nil {
		d.fault(n, path, "%s: %s", from.show(text), err)
	}
}

// set parses text as v's type. A quoted text is never a number or a switch, unless it held
// a ${VAR}.
func set(v reflect.Value, text, path string, n *yaml.Node, env bool) error {
	f := fieldAt(path)
	if v.Kind() == reflect.String {
		_, isNumber := numberAt(path, text)
		v.SetString(text)
		switch {
		case n.Tag == "!!bool":
			return errors.New("it is a switch; write it in quotes")
		case f.word != nil && isNumber && f.unit != bytesUnit && quoted(n) && !env:
			return errors.New("it is quoted; write it without quotes")
		}
		return nil
	}
	if quoted(n) && !env && f.unit != bytesUnit && f.unit != durationUnit {
		return errors.New("it is quoted; write it without quotes")
	}
	switch {
	case v.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return errors.New("write true or false")
		}
		v.SetBool(text == "true")
		return nil
	case v.Type() == reflect.TypeFor[time.Duration]():
		dur, err := parseDuration(text)
		v.SetInt(int64(dur))
		return err
	}
	parseInt := parseCount
	if f.unit == bytesUnit {
		parseInt = parseSize
	}
	num, err := parseInt(text)
	v.SetInt(num)
	return err
}

func quoted(n *yaml.Node) bool {
	return n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
}

// plain refuses what a config file has no use for and what could make it explode.
func (d *decoder) plain(n *yaml.Node, path string) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.fault(n, path, "YAML anchors and aliases are not supported; write the value out")
	case n.Style&yaml.TaggedStyle != 0:
		d.fault(n, path, "YAML tags (%s) are not supported; remove it", clip(n.Tag))
	default:
		return true
	}
	return false
}

// show returns text quoted, or the ${VAR} that it came from: an environment value may be a
// secret.
func (o origin) show(text string) string {
	if o.env != "" {
		return fmt.Sprintf("the value of %q", clip(o.env))
	}
	return fmt.Sprintf("%q", clip(text))
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a section"
	case yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", clip(n.Value))
}

// clip keeps a fault short, whatever the file holds.
func clip(s string) string {
	if len(s) <= 64 {
		return s
	}
	return strings.ToValidUTF8(s[:64], "") + "…"
}
