package config

import (
	"fmt"
	"maps"
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
	if parts := strings.SplitN(list, ".", 3); len(parts) == 3 && parts[0] == upstreamsKey {
		list = join(join(upstreamsKey, anyName), parts[2])
	}
	f := fieldIndex()[list]
	if f == nil {
		panic(fmt.Sprintf("BUG: config field %q is not in the table", path))
	}
	return f
}

// eachLeaf calls f with every leaf of cfg, in the order of the structs.
func eachLeaf(cfg *Config, f func(path string, v reflect.Value)) {
	walk(reflect.ValueOf(cfg).Elem(), "", f)
}

func walk(v reflect.Value, path string, f func(path string, v reflect.Value)) {
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("yaml")
		if key == "" {
			continue
		}
		child := join(path, key)
		if v.Field(i).Kind() == reflect.Struct {
			walk(v.Field(i), child, f)
			continue
		}
		if named, ok := v.Field(i).Interface().(map[string]Upstream); ok {
			for _, name := range slices.Sorted(maps.Keys(named)) {
				walk(reflect.ValueOf(named[name]), join(child, name), f)
			}
			continue
		}
		f(child, v.Field(i))
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
