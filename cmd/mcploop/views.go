package main

import (
	"maps"
	"slices"

	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/config"
)

// viewOptions turns the views of the configuration into options, key by key.
func viewOptions(cfg *config.Config) []server.ViewOptions {
	var list []server.ViewOptions
	for _, name := range slices.Sorted(maps.Keys(cfg.Views)) {
		v := cfg.Views[name]
		list = append(list, server.ViewOptions{
			Name: name, Title: v.Title, Instructions: v.Instructions, Upstreams: v.Upstreams,
			Allow: v.Allow, Deny: v.Deny, Prefixed: v.Names == config.PrefixedNames,
		})
	}
	return list
}
