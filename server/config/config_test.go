package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "rewrite docs/config.md and docs/config.schema.json")

func env(pairs ...string) LookupEnv {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func TestDefaultIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Fatalf("Default() is not valid: %s", err)
	}
	cfg, err := Parse(nil, nil)
	if err != nil {
		t.Fatalf("an empty file: %s", err)
	}
	if diff := cfg.Diff(Default()); len(diff) != 0 {
		t.Fatalf("an empty file differs from Default(): %v", diff)
	}
}

// Who reaches a server from other hosts is its operator's decision (all revisions, "Security").
func TestDefaultListensOnLoopbackAlone(t *testing.T) {
	listen := Default().Listen
	for _, addr := range append(listen.HTTP, listen.TCP...) {
		if host, _, err := net.SplitHostPort(addr); err != nil || !net.ParseIP(host).IsLoopback() {
			t.Errorf("the default listens on %q, %v", addr, err)
		}
	}
	if len(listen.HTTP) == 0 {
		t.Error("the default has no HTTP door")
	}
}

func TestTableMatchesStructs(t *testing.T) {
	var leaves, table []string
	eachLeaf(withUpstream(Default()), func(path string, v reflect.Value) {
		leaves = append(leaves, path)
		f := fieldIndex()[path]
		if f == nil {
			t.Errorf("%s is not in the field table", path)
			return
		}
		if v.CanInt() && (f.unit == "" || f.max == 0) {
			t.Errorf("%s has no unit or no limits", path)
		}
		if v.Type() == reflect.TypeFor[time.Duration]() != (f.unit == durationUnit) {
			t.Errorf("%s: Go type %s does not fit unit %q", path, v.Type(), f.unit)
		}
		if !strings.HasSuffix(f.doc, ".") || strings.Contains(f.doc, "|") {
			t.Errorf("%s: doc %q is not a sentence that fits a table", path, f.doc)
		}
	})
	for _, f := range fieldTable() {
		table = append(table, f.path)
		if f.min > f.max {
			t.Errorf("%s: limits are the wrong way round", f.path)
		}
	}
	for _, path := range table {
		if !strings.Contains(strings.Join(leaves, " ")+" ", path+" ") {
			t.Errorf("%s is in the field table and in no struct", path)
		}
	}
	if len(table) != len(leaves) {
		t.Errorf("%d rows in the table, %d leaves in the structs", len(table), len(leaves))
	}
}

func TestParseSetsValues(t *testing.T) {
	cfg, err := Parse([]byte(`
name: tools
version: 1.10
listen:
  tcp: ["127.0.0.1:7000", "[::1]:0"]
  stdio: true
limits: {message_bytes: 1.5MiB, connections: 20_000, head_timeout: 2s}
timeouts: {call: 0}
queue:
  # all defaults
security: {allowed_origins: [https://app.example], allowed_hosts: [mcp.example:8443]}
lists: {cache_scope: private, ttl: 1h30m}
log: {level: debug}
tools: {samples: false}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Name, want.Version = "tools", "1.10"
	want.Listen = Listen{TCP: []string{"127.0.0.1:7000", "[::1]:0"}, Stdio: true}
	want.Limits.MessageBytes, want.Limits.Connections = 3*mib/2, 20_000
	want.Limits.HeadTimeout, want.Timeouts.Call = 2*time.Second, 0
	want.Security.AllowedOrigins = []string{"https://app.example"}
	want.Security.AllowedHosts = []string{"mcp.example:8443"}
	want.Lists.CacheScope, want.Lists.TTL = "private", 90*time.Minute
	want.Log.Level, want.Tools.Samples = "debug", false
	for _, ch := range cfg.Diff(want) {
		t.Errorf("got and want differ: %s", ch)
	}
}

func TestLoadReportsFileAndLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mcploop.yaml")
	if err := os.WriteFile(path, []byte("limits:\n  conections: 5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	want := path + ":2: cannot use limits.conections: no such key; the nearest is " +
		"limits.connections"
	if err == nil || err.Error() != want {
		t.Fatalf("got  %v\nwant %s", err, want)
	}
	var fault *Fault
	if !errors.As(err, &fault) || fault.Line != 2 {
		t.Fatalf("no Fault of line 2 in %#v", err)
	}
}

func TestLoadRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "absent.yaml"), "/dev/zero"} {
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "cannot ") {
			t.Errorf("Load(%q) = %v", path, err)
		}
	}
}

func TestDiff(t *testing.T) {
	cfg := Default()
	cfg.Limits.MessageBytes = 8 * mib
	cfg.Log.Level = "debug"
	cfg.Listen.Unix = []string{"/run/mcploop.sock"}
	var got []string
	for _, ch := range cfg.Diff(Default()) {
		got = append(got, ch.String())
	}
	want := []string{
		`listen.unix: [] -> ["/run/mcploop.sock"] (cold)`,
		"limits.message_bytes: 4MiB -> 8MiB (cold)",
		"log.level: info -> debug (hot)",
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
	if diff := cfg.Diff(cfg); diff != nil {
		t.Fatalf("a Config differs from itself: %v", diff)
	}
}

func TestGeneratedFilesAreFresh(t *testing.T) {
	f := func(name string, want []byte) {
		t.Helper()
		path := filepath.Join("..", "..", "docs", name)
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("docs/%s is stale; run: make generate", name)
		}
	}
	f("config.schema.json", Schema())
	f("config.md", Reference())
}

// TestSchemaAgreesWithParse holds the editor's schema and the strict reader together: what
// one takes, the other takes.
func TestSchemaAgreesWithParse(t *testing.T) {
	var schema jsonschema.Schema
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	if err != nil {
		t.Fatal(err)
	}
	f := func(text string, want bool) {
		t.Helper()
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		_, parseErr := Parse([]byte(text), env("V", "7"))
		if schemaErr := resolved.Validate(value); (schemaErr == nil) != want {
			t.Errorf("%s\nschema says %v, want valid=%v", text, schemaErr, want)
		}
		if (parseErr == nil) != want {
			t.Errorf("%s\nParse says %v, want valid=%v", text, parseErr, want)
		}
	}
	f("{}", true)
	f("limits:\n", true)
	f("name: x\nversion: 1.5", true)
	f("name: true", false)
	f("listen: {http: [':80'], stdio: true}", true)
	f("listen: {http: ':80'}", false)
	f("limits: {connections: 7}", true)
	f("limits: {connections: '${V}'}", true)
	f("limits: {connections: 0}", false)
	f("limits: {connections: many}", false)
	f("limits: {message_bytes: 4096}", true)
	f("limits: {message_bytes: 4 MiB}", true)
	f("limits: {message_bytes: 4 MB}", true)
	f("limits: {message_bytes: 4 mib}", false)
	f("timeouts: {call: 0}", true)
	f("timeouts: {call: 30}", false)
	f("timeouts: {call: 1h30m}", true)
	f("loops: {count: 0, pin: true}", true)
	f("loops: {pin: 1}", false)
	f("memory: {limit: auto, gogc: off}", true)
	f("memory: {limit: 512MiB, gogc: 200}", true)
	f("memory: {limit: 536870912, gogc: '${V}0'}", true)
	f("memory: {gogc: '200'}", false)
	f("memory: {limit: most}", false)
	f("memory: {limit: 4096}", false)
	f("memory: {gogc: 9}", false)
	f("memory: {gogc: 50 %}", false)
	f("log: {level: loud}", false)
	f("upstreams: {a: {command: [x], env: {K: 1, L: '${V}'}}, b: {url: 'http://h/'}}", true)
	f("upstreams: {a: {command: x}}", false)
	f("upstreams: {a: {command: [x], env: {K: true}}}", false)
	f("upstreams: {a: {command: [x], timeout: 5}}", false)
	f("upstreams: {a: {command: [x], era: old}}", false)
	f("upstreams: {a: {http: {tools: {t: {url: /x, body: [1], input: {type: object}}}}}}", true)
	f("upstreams: {a: {http: {tools: {t: {url: 'http://h/', input: 5}}}}}", false)
	f("upstreams: {a: {http: {tools: {t: {url: 'http://h/', method: get}}}}}", false)
	f("upstreams: {a: {exec: {processes: 1, tools: {t: {command: [x]}}}}}", true)
	f("upstreams: {a: {exec: {processes: 0, tools: {t: {command: [x]}}}}}", false)
	f("logs: {}", false)
	f("- 1", false)
}

func TestReferenceNamesEveryKey(t *testing.T) {
	text := string(Reference())
	for _, f := range fieldTable() {
		key := f.path[strings.LastIndexByte(f.path, '.')+1:]
		if !strings.Contains(text, "| `"+key+"` |") {
			t.Errorf("%s is missing", f.path)
		}
	}
}
