package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// fieldIndex is the table by path; made once, never changed.
var fieldIndex = sync.OnceValue(func() map[string]*field {
	table := fieldTable()
	index := make(map[string]*field, len(table))
	for i := range table {
		index[table[i].path] = &table[i]
	}
	return index
})

// fieldAt returns what is known about a leaf; an entry of a list is known as its list.
func fieldAt(path string) *field {
	list, _, _ := strings.Cut(path, "[")
	f := fieldIndex()[anyNames(list)]
	if f == nil {
		panic(fmt.Sprintf("BUG: config field %q is not in the table", path))
	}
	return f
}

// anyNames puts the names of the table in place of those that a file has chosen.
func anyNames(path string) string {
	parts := strings.Split(path, ".")
	if len(parts) < 3 || parts[0] != upstreamsKey && parts[0] != viewsKey {
		return path
	}
	parts[1] = anyName
	switch {
	case len(parts) > 5 && parts[3] == "tools":
		parts[4] = anyTool
	case len(parts) > 5 && parts[3] == "users":
		parts[4] = anyUser
	}
	return strings.Join(parts, ".")
}

// named is a section whose keys are names of the writer's own, each a section itself.
type named struct{ reflect.Value }

func asNamed(v reflect.Value) (named, bool) {
	t := v.Type()
	return named{v}, t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct
}

// fresh is a section of it with its defaults, which can be set.
func (n named) fresh() reflect.Value {
	v := reflect.New(n.Type().Elem()).Elem()
	switch at := v.Addr().Interface().(type) {
	case *Upstream:
		*at = defaultUpstream()
	case *View:
		*at = defaultView()
	case *HTTPTool:
		*at = defaultHTTPTool()
	}
	return v
}

// word stands for a name in the field table.
func (n named) word() string {
	switch n.Type().Elem() {
	case reflect.TypeFor[Upstream](), reflect.TypeFor[View]():
		return anyName
	case reflect.TypeFor[User]():
		return anyUser
	}
	return anyTool
}

// names are those that are there, sorted.
func (n named) names() []string {
	var all []string
	for _, key := range n.MapKeys() {
		all = append(all, key.String())
	}
	slices.Sort(all)
	return all
}

// eachLeaf calls f with every leaf of cfg, in the order of the structs.
func eachLeaf(cfg *Config, f func(path string, v reflect.Value)) {
	walk(reflect.ValueOf(cfg).Elem(), "", f)
}

// walk visits the leaves of a section, and then its sections.
func walk(v reflect.Value, path string, f func(path string, v reflect.Value)) {
	var inner []func()
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("yaml")
		if key == "" {
			continue
		}
		child := join(path, key)
		if v.Field(i).Kind() == reflect.Struct {
			inner = append(inner, func() { walk(v.Field(i), child, f) })
			continue
		}
		if all, ok := asNamed(v.Field(i)); ok {
			inner = append(inner, func() { walkNamed(all, child, f) })
			continue
		}
		f(child, v.Field(i))
	}
	for _, walkOne := range inner {
		walkOne()
	}
}

func walkNamed(all named, path string, f func(path string, v reflect.Value)) {
	for _, name := range all.names() {
		walk(all.MapIndex(reflect.ValueOf(name)), join(path, name), f)
	}
}

// fieldByKey returns the struct field that a mapping's key names.
func fieldByKey(v reflect.Value, key *yaml.Node) (reflect.Value, bool) {
	if key.Kind != yaml.ScalarNode || key.Value == "" {
		return reflect.Value{}, false
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == key.Value {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func keyNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" {
			names = append(names, key)
		}
	}
	return names
}

// suggest says what the writer of an unknown key may have meant: a sibling with a similar
// name, the same name in another section, or one of all siblings.
func suggest(key, path string, t reflect.Type) string {
	names := keyNames(t)
	if name := nearest(key, names); name != "" {
		return fmt.Sprintf("; the nearest is %s", join(path, name))
	}
	for _, f := range fieldTable() {
		if strings.HasSuffix(f.path, "."+key) {
			return fmt.Sprintf("; there is a %s", f.path)
		}
	}
	return "; known here: " + strings.Join(names, ", ")
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
