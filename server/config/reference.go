package config

import (
	"fmt"
	"reflect"
	"strings"
)

const referenceHead = `# Configuration

<!-- Made by go generate ./server/config from the field table. Do not edit. -->

` + "`mcploop serve -c FILE` reads one YAML (or JSON) file; `mcploop check -c FILE`" + ` only checks
it. What a file leaves out keeps its default. An unknown key, a key given twice, a
wrong type or a value outside its limits is an error; all of them are reported at once, with
file, line and cure.

` + "```yaml" + `
# yaml-language-server: $schema=./config.schema.json
name: my-tools
listen:
  http: ["127.0.0.1:9999"]
  tcp: ["127.0.0.1:${TCP_PORT:-9998}"]
limits:
  message_bytes: 8MiB
timeouts:
  call: 2m
` + "```" + `

- Sizes: ` + "`65536`, `64KiB`, `4MiB`, `1.5GiB`" + ` (1024), ` + "`64KB`, `4MB`" + ` (1000).
- Durations: a number with its unit, ` + "`500ms`, `30s`, `5m`, `1h30m`" + `.
- ` + "`${VAR}` and `${VAR:-default}`" + ` are replaced in values, after the YAML was parsed, so a
  variable can never add a key. The default also stands in for an empty variable; a variable
  that is not set and has no default is an error. ` + "`$${`" + ` is a literal ` + "`${`" + `.
- Anchors, aliases, tags and a second document are refused; a file may have 1 MiB.
- A ` + "`listen`" + ` section opens exactly the doors that it names.
- A file with the ` + "`mcpServers`" + ` of Claude, Cursor, Windsurf, Gemini or the Inspector, or
  the ` + "`servers`" + ` of VS Code, is read as it is: its servers are the upstreams, every other
  key is at its default, and no sample tools are served. ` + "`mcploop import FILE`" + ` prints the
  same as an ` + "`upstreams`" + ` section; [gateway.md](gateway.md) tells more.
- A running server takes a changed file over ([reload.md](reload.md)): *hot* marks the keys of
  which it does, *cold* those that wait for a restart.
- [config.schema.json](config.schema.json) gives editors completion and checks.
`

// Reference returns docs/config.md: every key with its default, limits and meaning.
func Reference() []byte {
	var b strings.Builder
	b.WriteString(referenceHead)
	section := ""
	eachLeaf(withUpstream(Default()), func(path string, v reflect.Value) {
		name, key := "general", path
		if dot := strings.LastIndexByte(path, '.'); dot >= 0 {
			name, key = path[:dot], path[dot+1:]
		}
		if name != section {
			section = name
			fmt.Fprintf(&b, "\n## %s\n\n", section)
			b.WriteString("| key | default | unit and limits | change | what |\n")
			b.WriteString("|---|---|---|---|---|\n")
		}
		f := fieldAt(path)
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", key, formatValue(f, v),
			f.unitAndLimits(v), f.change(), f.doc)
	})
	return []byte(b.String())
}

func (f *field) change() string {
	if f.hot {
		return "hot"
	}
	return "cold"
}

func (f *field) unitAndLimits(v reflect.Value) string {
	switch {
	case f.enum != nil:
		return strings.Join(f.enum, ", ")
	case f.word != nil:
		return strings.Join(f.word, ", ") + ", or " + f.unit + ": " + f.limits()
	case v.Kind() == reflect.Bool:
		return "true, false"
	case v.Kind() == reflect.Slice:
		return "list of " + f.unit
	case v.Kind() == reflect.Map:
		return f.unit
	case f.unit == "":
		return "text"
	case f.max == 0:
		return f.unit
	}
	return f.unit + ": " + f.limits()
}
