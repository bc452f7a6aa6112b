package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// clientServer is one server of an MCP client's configuration: the "mcpServers" of Claude, Cursor,
// Windsurf, Gemini and the Inspector, the "servers" of VS Code. What is not here is the client's
// own business.
type clientServer struct {
	Command string             `json:"command"`
	Args    []string           `json:"args"`
	Env     map[string]envText `json:"env"`
	Cwd     string             `json:"cwd"`
	Type    string             `json:"type"`
	Kind    string             `json:"transport"`
	URL     string             `json:"url"`
	HTTPURL string             `json:"httpUrl"`   // Gemini, for Streamable HTTP
	Server  string             `json:"serverUrl"` // Windsurf
	Headers map[string]string  `json:"headers"`
	Include []string           `json:"includeTools"`
	Exclude []string           `json:"excludeTools"`
	Filter  struct {
		Mode string   `json:"mode"`
		List []string `json:"list"`
	} `json:"toolFilter"`
	Disabled bool        `json:"disabled"`
	Enabled  *bool       `json:"enabled"`
	OAuth    clientOAuth `json:"oauth"`
	Auth     clientOAuth `json:"auth"`
}

// parseClients makes a Config of a client's servers, with every other key at its default.
func parseClients(file string, servers []namedServer, lookup LookupEnv) (*Config, error) {
	cfg := Default()
	cfg.Tools.Samples = false
	cfg.origin = map[string]origin{"": {file: file}}
	all := clientUpstreams{upstreams: map[string]Upstream{}, lines: map[string]place{}}
	all.add(file, servers)
	for _, own := range slices.Sorted(maps.Keys(all.upstreams)) {
		u, at := all.upstreams[own], all.lines[own]
		if u.Disabled {
			continue // its variables need not be there
		}
		cfg.noteOrigins(join(upstreamsKey, own), &u, at)
		if err := u.expand(lookup); err != nil {
			all.fault(at, "%v", err)
		}
		all.upstreams[own] = u
	}
	cfg.Upstreams = all.upstreams
	faults := all.faults
	if len(faults) == 0 {
		faults = append(cfg.fieldFaults(nil), cfg.crossFaults()...)
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b *Fault) int { return a.Line - b.Line })
		return nil, faults
	}
	return cfg, nil
}

// noteOrigins says where the upstream's values came from: what came out of the environment may be
// a secret.
func (c *Config) noteOrigins(path string, u *Upstream, at place) {
	note := func(path, text string) {
		from := origin{file: at.file, line: at.line}
		if strings.Contains(text, "${") {
			from.env = text
		}
		c.origin[path] = from
	}
	note(path, "")
	walk(reflect.ValueOf(*u), path, func(leaf string, _ reflect.Value) { note(leaf, "") })
	note(join(path, "url"), u.URL)
	for key, patterns := range map[string][]string{"allow": u.Allow, "deny": u.Deny} {
		for i := range patterns {
			note(fmt.Sprintf("%s[%d]", join(path, key), i), "")
		}
	}
}

// place is where a client's server stands.
type place struct {
	file string
	line int
	name string // as the file has it
}

// clientUpstreams are the servers of clients' files as our own file would have them, with their
// ${VAR} as they were written.
type clientUpstreams struct {
	upstreams map[string]Upstream
	lines     map[string]place // by the same names
	faults    Faults
}

func (all *clientUpstreams) fault(at place, format string, args ...any) {
	all.faults = append(all.faults, &Fault{
		File: at.file, Line: at.line, Path: "server " + clip(at.name),
		Text: fmt.Sprintf(format, args...),
	})
}

// add reads the servers of one file.
func (all *clientUpstreams) add(file string, servers []namedServer) {
	if len(servers) > listMax {
		all.faults = append(all.faults, &Fault{
			File: file, Text: fmt.Sprintf("%d servers; keep at most %d", len(servers), listMax),
		})
		return
	}
	for _, server := range servers {
		at := place{file, server.line, server.name}
		var s clientServer
		if err := json.Unmarshal(server.raw, &s); err != nil {
			all.fault(at, "%s", plainJSON(err))
			continue
		}
		u, err := s.upstream()
		if err != nil {
			all.fault(at, "%v", err)
			continue
		}
		own := plainName(server.name)
		if first, taken := all.lines[own]; taken {
			all.fault(at, "it becomes %s here, as server %s of %s:%d does; rename one", own,
				clip(first.name), first.file, first.line)
			continue
		}
		all.upstreams[own], all.lines[own] = u, at
	}
}

// plainJSON says what is wrong without a word of Go.
func plainJSON(err error) string {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		where := kind.Field
		if where == "" {
			where = "a server"
		}
		return fmt.Sprintf("%s must not be a %s", where, kind.Value)
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// plainName is the name with _ for what no upstream's name may hold, cut to what one may have.
func plainName(name string) string {
	if name == "" {
		return "_"
	}
	plain := []byte(name)
	for i, c := range plain {
		if !upstreamName(string(rune(c))) {
			plain[i] = '_'
		}
	}
	return string(plain[:min(len(plain), upstreamNameMax)])
}

// upstream is s as our own file would have it, with its ${VAR}.
func (s *clientServer) upstream() (Upstream, error) {
	u := defaultUpstream()
	u.Disabled = s.Disabled || s.Enabled != nil && !*s.Enabled
	u.Dir, u.Allow, u.Deny = s.Cwd, s.Include, s.Exclude
	switch s.Filter.Mode {
	case "allow":
		u.Allow = append(u.Allow, s.Filter.List...)
	case "block":
		u.Deny = append(u.Deny, s.Filter.List...)
	}
	if u.Type = typeOf(s.Type + s.Kind); u.Type == "" {
		return u, fmt.Errorf("cannot use type %q: it is one of %s", clip(s.Type+s.Kind),
			strings.Join(upstreamTypes(), ", "))
	}
	for _, raw := range []string{s.URL, s.HTTPURL, s.Server} {
		if raw != "" {
			u.URL = raw
		}
	}
	if s.Command != "" {
		u.Command = append([]string{s.Command}, s.Args...)
	}
	if len(s.Env) > 0 {
		u.Env = map[string]string{}
		for k, v := range s.Env {
			u.Env[k] = string(v)
		}
	}
	u.Headers = maps.Clone(s.Headers)
	s.OAuth.put(&u.OAuth)
	s.Auth.put(&u.OAuth)
	u.eachText(func(text *string) { // VS Code's and Cursor's spelling of the same
		*text = strings.ReplaceAll(*text, "${env:", "${")
	})
	return u, nil
}

// typeOf finds the spelling of a type that upstreamTypes has; "" when there is none.
func typeOf(kind string) string {
	plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "-") }
	for _, known := range upstreamTypes() {
		if plain(known) == plain(kind) {
			return known
		}
	}
	if kind == "" {
		return Auto
	}
	return ""
}

// eachText calls f with every text that may hold ${VAR}, in the same order each time.
func (u *Upstream) eachText(f func(text *string)) {
	f(&u.URL)
	f(&u.Dir)
	f(&u.OAuth.ClientID)
	f(&u.OAuth.ClientSecret)
	f(&u.OAuth.RedirectURL)
	for i := range u.OAuth.Scopes {
		f(&u.OAuth.Scopes[i])
	}
	for i := range u.Command {
		f(&u.Command[i])
	}
	for _, texts := range []map[string]string{u.Env, u.Headers} {
		for _, k := range slices.Sorted(maps.Keys(texts)) {
			text := texts[k]
			f(&text)
			texts[k] = text
		}
	}
}

// expand puts the environment in.
func (u *Upstream) expand(lookup LookupEnv) error {
	var faults []error
	u.eachText(func(text *string) {
		if _, from, asks := strings.Cut(*text, "${input:"); asks {
			name, _, _ := strings.Cut(from, "}")
			faults = append(faults, fmt.Errorf("nobody can be asked for ${input:%s}; "+
				"put an environment variable, ${NAME}, in its place", clip(name)))
			return
		}
		out, _, err := substitute(*text, lookup)
		if err != nil {
			faults = append(faults, err)
			return
		}
		*text = out
	})
	if len(faults) > 0 {
		return faults[0]
	}
	return nil
}
