package config

import (
	"fmt"
	"hash/fnv"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Change is one key that differs between two Configs.
type Change struct {
	Path string
	Old  string // as a file would write it
	New  string
	Hot  bool // a running server could take it; false needs a restart
}

// String returns "KEY: OLD -> NEW (hot|cold)".
func (ch Change) String() string {
	kind := "cold"
	if ch.Hot {
		kind = "hot"
	}
	return fmt.Sprintf("%s: %s -> %s (%s)", ch.Path, ch.Old, ch.New, kind)
}

// Values returns "KEY: OLD -> NEW".
func (ch Change) Values() string { return fmt.Sprintf("%s: %s -> %s", ch.Path, ch.Old, ch.New) }

// OfUpstream takes the path of an upstream's key apart.
func (ch Change) OfUpstream() (name, key string, ok bool) {
	parts := strings.SplitN(ch.Path, ".", 3)
	if len(parts) < 3 || parts[0] != upstreamsKey {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// OfView tells whether the key is one of a view.
func (ch Change) OfView() bool { return strings.HasPrefix(ch.Path, viewsKey+".") }

// Diff returns what changes when a server goes from old to c, in the order of the table.
func (c *Config) Diff(old *Config) []Change {
	before := make(map[string]string)
	eachLeaf(old, func(path string, v reflect.Value) {
		before[path] = formatValue(fieldAt(path), v)
	})
	var changes []Change
	eachLeaf(c, func(path string, v reflect.Value) {
		f := fieldAt(path)
		if now := formatValue(f, v); now != before[path] {
			changes = append(changes, Change{path, before[path], now, f.hot})
		}
	})
	return changes
}

// formatValue writes a leaf as a file would; equal values have equal texts.
func formatValue(f *field, v reflect.Value) string {
	if f.hide && !v.IsZero() {
		return fingerprint(fmt.Sprintf("%q", v.Interface()))
	}
	switch value := v.Interface().(type) {
	case int:
		return f.format(int64(value))
	case time.Duration:
		return f.format(int64(value))
	case []string:
		quoted := slices.Clone(value)
		for i := range quoted {
			quoted[i] = fmt.Sprintf("%q", quoted[i])
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case map[string]string: // headers and environments hold secrets: their names may be shown
		names := "{" + strings.Join(slices.Sorted(maps.Keys(value)), ", ") + "}"
		if len(value) == 0 {
			return names
		}
		return names + " " + fingerprint(fmt.Sprintf("%q", value)) // fmt sorts the keys
	case JSON:
		if value == "" {
			return "none"
		}
	case string:
		if value == "" {
			return `""`
		}
		return value
	}
	return fmt.Sprint(v.Interface())
}

// fingerprint differs when texts differ, and says nothing of them.
func fingerprint(text string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text)) // it never fails
	return fmt.Sprintf("#%08x", h.Sum32())
}
