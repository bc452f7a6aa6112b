package config

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Import returns the upstreams section of a file of ours for the servers in the files of MCP
// clients. Keys at their defaults are left out; ${VAR} stays as it was written, so no secret comes
// into the section that was none in the files. The error is Faults when the files could be read.
func Import(files ...string) ([]byte, error) {
	all := clientUpstreams{upstreams: map[string]Upstream{}, lines: map[string]place{}}
	for _, file := range files {
		data, err := readFile(file)
		if err != nil {
			return nil, err
		}
		servers, fault, ok := clientServers(data)
		switch {
		case !ok:
			all.faults = append(all.faults, &Fault{
				File: file, Text: `cannot find "mcpServers" or "servers" in it; ` +
					"is it the configuration of an MCP client?",
			})
		case fault != nil:
			fault.File = file
			all.faults = append(all.faults, fault)
		default:
			all.add(file, servers)
		}
	}
	if len(all.faults) > 0 {
		return nil, all.faults
	}
	return all.yaml()
}

// yaml writes the section.
func (all *clientUpstreams) yaml() ([]byte, error) {
	section := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range slices.Sorted(maps.Keys(all.upstreams)) {
		u := all.upstreams[name]
		entry, err := u.node()
		if err != nil {
			return nil, fmt.Errorf("cannot write upstream %q: %w", name, err)
		}
		key := &yaml.Node{Kind: yaml.ScalarNode, Value: name, Tag: "!!str"}
		if at := all.lines[name]; at.name != name {
			key.HeadComment = fmt.Sprintf("%q in %s", clip(at.name), clip(at.file))
		}
		section.Content = append(section.Content, key, entry)
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(map[string]*yaml.Node{upstreamsKey: section}); err != nil {
		return nil, fmt.Errorf("cannot write the upstreams: %w", err)
	}
	return out.Bytes(), nil
}

// node holds the keys that differ from the defaults, in the order of the struct.
func (u *Upstream) node() (*yaml.Node, error) {
	return differing(reflect.ValueOf(*u), reflect.ValueOf(defaultUpstream()))
}

// differing holds the keys of a section, and of those in it, that differ from plain.
func differing(value, plain reflect.Value) (*yaml.Node, error) {
	entry := &yaml.Node{Kind: yaml.MappingNode}
	for i := range value.NumField() {
		field := value.Field(i)
		empty := field.Kind() == reflect.Slice && field.Len() == 0
		if empty || reflect.DeepEqual(field.Interface(), plain.Field(i).Interface()) {
			continue
		}
		key, text := &yaml.Node{}, &yaml.Node{}
		err := key.Encode(value.Type().Field(i).Tag.Get("yaml"))
		if err == nil && field.Kind() == reflect.Struct {
			text, err = differing(field, plain.Field(i))
		} else if err == nil {
			err = text.Encode(field.Interface())
		}
		if err != nil {
			return nil, err
		}
		entry.Content = append(entry.Content, key, text)
	}
	return entry, nil
}
