package config

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// View is a part of what upstreams offer, served as /mcp/NAME; its name is its key in Config.Views.
type View struct {
	Upstreams    []string `yaml:"upstreams"`
	Allow        []string `yaml:"allow"`
	Deny         []string `yaml:"deny"`
	Names        string   `yaml:"names"`
	Title        string   `yaml:"title"`
	Instructions string   `yaml:"instructions"`
}

const viewsKey = "views"

// Names of a View.
const (
	OwnNames      = "own"
	PrefixedNames = "prefixed"
)

func defaultView() View { return View{Names: OwnNames} }

func viewFields() []field {
	at := func(key string) string { return join(join(viewsKey, anyName), key) }
	list := []field{
		{
			path: at("upstreams"), unit: "names",
			doc: "The upstreams that it shows; empty is all. Of two that want one name, the one " +
				"that comes first here has it.",
		},
		{
			path: at("allow"), unit: "patterns",
			doc: "Names of tools and prompts, and URIs, that it shows, as its clients see them, " +
				"with * and ?; empty is all.",
		},
		{path: at("deny"), unit: "patterns", doc: "Names and URIs that it does not show."},
		{
			path: at("names"), enum: []string{OwnNames, PrefixedNames},
			doc: "own: what upstreams call their tools and prompts; prefixed: as on /mcp.",
		},
		{path: at("title"), doc: "What user interfaces show; empty is the name."},
		{path: at("instructions"), doc: "What models are told of it."},
	}
	for i := range list {
		list[i].hot = true
	}
	return list
}

// checkViews checks what one field's limits cannot say.
func (c *Config) checkViews(report reportFunc) {
	for _, name := range slices.Sorted(maps.Keys(c.Views)) {
		v := c.Views[name]
		at := join(viewsKey, name)
		if !upstreamName(name) {
			report(at, "", fmt.Sprintf("write a name of 1 to %d characters of A-Z a-z 0-9 _ -",
				upstreamNameMax))
		}
		if _, taken := c.Upstreams[name]; taken {
			report(at, "", "an upstream has that name, and /mcp/"+name+" with it; write another")
		}
		for i, up := range v.Upstreams {
			if _, there := c.Upstreams[up]; !there {
				report(fmt.Sprintf("%s[%d]", join(at, "upstreams"), i), up,
					"it is no upstream of this file")
			}
		}
		for key, patterns := range map[string][]string{"allow": v.Allow, "deny": v.Deny} {
			for i, p := range patterns {
				if _, err := path.Match(p, ""); err != nil {
					report(fmt.Sprintf("%s[%d]", join(at, key), i), p, "close its brackets")
				}
			}
		}
	}
}

// renameMax is the longest name that rename may give, beside the upstream's own and the separator:
// clients refuse names of more than 128 characters.
func renameMax(name string, u *Upstream) int { return 128 - len(name) - len(u.Separator) }

// checkRename checks names that clients will call tools by.
func (u *Upstream) checkRename(name, at string, report reportFunc) {
	from := map[string]string{}
	for _, own := range slices.Sorted(maps.Keys(u.Rename)) {
		to, most := u.Rename[own], renameMax(name, u)
		where := fmt.Sprintf("%s[%s]", join(at, "rename"), own)
		if to == "" || len(to) > most || strings.Trim(to, toolNameBytes) != "" {
			report(where, to, fmt.Sprintf("write 1 to %d characters of A-Z a-z 0-9 _ - .", most))
		}
		if other, twice := from[to]; twice {
			report(where, to, fmt.Sprintf("%q is renamed to that, too; write another", other))
		}
		from[to] = own
	}
}

const toolNameBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."
