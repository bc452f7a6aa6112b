package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// clientServer is one server of an MCP client's configuration: the "mcpServers" of Claude, Cursor,
// Windsurf, Gemini and the Inspector, the "servers" of VS Code. What is not here is the client's
// own business.
type clientServer struct {
	Command string            `json:"command"`
	Args    []string          `json:"args"`
	Env     map[string]any    `json:"env"`
	Cwd     string            `json:"cwd"`
	Type    string            `json:"type"`
	Kind    string            `json:"transport"`
	URL     string            `json:"url"`
	HTTPURL string            `json:"httpUrl"`   // Gemini, for Streamable HTTP
	Server  string            `json:"serverUrl"` // Windsurf
	Headers map[string]string `json:"headers"`
	Include []string          `json:"includeTools"`
	Exclude []string          `json:"excludeTools"`
	Filter  struct {
		Mode string   `json:"mode"`
		List []string `json:"list"`
	} `json:"toolFilter"`
	Disabled bool  `json:"disabled"`
	Enabled  *bool `json:"enabled"`
}

// clientServers returns the servers of a client's configuration; ok is false when data is none.
func clientServers(data []byte) (servers map[string]json.RawMessage, ok bool) {
	text := withoutComments(data)
	if len(data) > fileBytesMax || !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return nil, false
	}
	var file struct {
		MCPServers map[string]json.RawMessage `json:"mcpServers"`
		Servers    map[string]json.RawMessage `json:"servers"`
		MCP        struct {
			Servers map[string]json.RawMessage `json:"servers"`
		} `json:"mcp"` // VS Code's settings.json
	}
	if json.Unmarshal(text, &file) != nil {
		return nil, false
	}
	for _, servers := range []map[string]json.RawMessage{
		file.MCPServers, file.Servers, file.MCP.Servers,
	} {
		if servers != nil {
			return servers, true
		}
	}
	return nil, false
}

// parseClients makes a Config of a client's servers, with every other key at its default.
func parseClients(
	file string, servers map[string]json.RawMessage, lookup LookupEnv,
) (*Config, error) {
	cfg := Default()
	cfg.Tools.Samples = false
	cfg.Upstreams = map[string]Upstream{}
	cfg.origin = map[string]origin{"": {file: file}}
	var faults Faults
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		fault := func(format string, args ...any) {
			faults = append(faults, &Fault{
				File: file, Path: "server " + clip(name), Text: fmt.Sprintf(format, args...),
			})
		}
		var s clientServer
		if err := json.Unmarshal(servers[name], &s); err != nil {
			fault("%v", err)
			continue
		}
		u, err := s.upstream(lookup)
		if err != nil {
			fault("%v", err)
			continue
		}
		own := plainName(name)
		if _, taken := cfg.Upstreams[own]; taken {
			fault("its name becomes %s here, as another's does; rename one", own)
			continue
		}
		cfg.Upstreams[own] = u
	}
	if len(faults) == 0 {
		faults = append(cfg.fieldFaults(nil), cfg.crossFaults()...)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return cfg, nil
}

// plainName is the name with _ for what no upstream's name may hold, cut to what one may have.
func plainName(name string) string {
	plain := []byte(name)
	for i, c := range plain {
		if !upstreamName(string(c)) {
			plain[i] = '_'
		}
	}
	return string(plain[:min(len(plain), 32)])
}

// upstream is s as our own file would have it.
func (s *clientServer) upstream(lookup LookupEnv) (Upstream, error) {
	u := defaultUpstream()
	u.Disabled = s.Disabled || s.Enabled != nil && !*s.Enabled
	u.Dir, u.Allow, u.Deny = s.Cwd, s.Include, s.Exclude
	switch s.Filter.Mode {
	case "allow":
		u.Allow = append(u.Allow, s.Filter.List...)
	case "block":
		u.Deny = append(u.Deny, s.Filter.List...)
	}
	kind := strings.ToLower(s.Type + s.Kind)
	for _, known := range upstreamTypes() {
		if strings.EqualFold(strings.ReplaceAll(known, "_", "-"), strings.ReplaceAll(kind, "_", "-")) {
			u.Type = known
		}
	}
	if u.Type == Auto && kind != "" {
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
			u.Env[k] = fmt.Sprint(v)
		}
	}
	u.Headers = maps.Clone(s.Headers)
	return u, u.expand(lookup)
}

// expand puts the environment in.
func (u *Upstream) expand(lookup LookupEnv) error {
	in := func(text string) (string, error) {
		text = strings.ReplaceAll(text, "${env:", "${") // VS Code, Gemini
		if strings.Contains(text, "${input:") {
			return "", fmt.Errorf("cannot ask for %q; put an environment variable, ${NAME}, "+
				"in its place", clip(text))
		}
		out, _, err := substitute(text, lookup)
		return out, err
	}
	var err error
	for _, text := range []*string{&u.URL, &u.Dir} {
		if *text, err = in(*text); err != nil {
			return err
		}
	}
	for i := range u.Command {
		if u.Command[i], err = in(u.Command[i]); err != nil {
			return err
		}
	}
	for _, texts := range []map[string]string{u.Env, u.Headers} {
		for k := range texts {
			if texts[k], err = in(texts[k]); err != nil {
				return fmt.Errorf("%s: %w", clip(k), err)
			}
		}
	}
	return nil
}

// withoutComments blanks // and /* */ outside of strings, and commas before a closing bracket, as
// VS Code's files have them.
func withoutComments(data []byte) []byte {
	out := bytes.Clone(data)
	comma := -1
	for i := 0; i < len(out); i++ {
		switch c := out[i]; {
		case c == '"':
			comma = -1
			for i++; i < len(out) && out[i] != '"'; i++ {
				if out[i] == '\\' {
					i++
				}
			}
		case bytes.HasPrefix(out[i:], []byte("//")):
			for ; i < len(out) && out[i] != '\n'; i++ {
				out[i] = ' '
			}
		case bytes.HasPrefix(out[i:], []byte("/*")):
			end := bytes.Index(out[i+2:], []byte("*/"))
			if end < 0 {
				return out
			}
			for stop := i + end + 4; i < stop; i++ {
				out[i] = ' '
			}
			i--
		case c == ',':
			comma = i
		case (c == '}' || c == ']') && comma >= 0:
			out[comma], comma = ' ', -1
		case c != ' ' && c != '\t' && c != '\n' && c != '\r':
			comma = -1
		}
	}
	return out
}
