package server_test

import (
	"fmt"
	"strings"
)

// arrow says which packages of ours the packages of a room may import. The first arrow whose
// room matches decides. This is the picture of docs/architecture.md; a new arrow begins there.
type arrow struct {
	room string
	to   []string
}

func arrows() []arrow {
	return []arrow{
		{"codec", nil},
		{"shard", nil},
		{"pool", nil},
		{"loop", []string{"pool", "shard"}},
		{"mcp", []string{"codec", "shard", "mcp/subschema"}},
		{"mcp/schema", []string{"codec", "mcp/subschema"}},
		{"mcp/subschema", nil},
		{"client/process", nil},
		{"client/oauth", nil},
		{"client/oauth/fake", nil},
		{"client", []string{"loop", "mcp", "codec", "pool", "shard", "client/process"}},
		{"server/session", []string{"mcp", "shard"}},
		{"server/gateway", []string{
			"client", "client/oauth", "mcp", "codec", "pool", "shard", "loop",
		}},
		{"server/gateway/declared", []string{"mcp", "mcp/schema", "codec"}},
		{"server/gateway/rest", []string{
			"server/gateway", "server/gateway/declared", "client", "mcp", "codec",
		}},
		{"server/gateway/openapi", []string{
			"server/gateway", "server/gateway/declared", "server/gateway/rest", "mcp",
		}},
		{"server/gateway/exec", []string{
			"server/gateway", "server/gateway/declared", "client", "client/process", "mcp", "codec",
		}},
		{"server/gateway/files", []string{"server/gateway", "client", "mcp", "codec"}},
		{"server/cluster", []string{"server/session"}},
		{"server/auth", []string{"mcp"}},
		{"server/admin", []string{"server/config"}},
		{"server/fault", []string{"loop", "pool", "server/session"}},
		{"server/audit", nil},
		{"server/seal", nil},
		{"server/task", nil},
		{"server/trace", nil},
		{"server/config", nil},
		{"server", []string{
			"codec", "shard", "pool", "loop", "mcp", "mcp/schema", "client", "client/process",
			"client/oauth",
			"server/session", "server/gateway",
			"server/seal", "server/task",
			"server/cluster", "server/auth", "server/admin", "server/fault", "server/audit",
			"server/trace", "server/config",
		}},
		{"bench/...", []string{"bench/...", "codec", "client"}},
		{"cmd/...", []string{
			"server", "server/config", "server/audit", "server/gateway/...", "server/admin",
			"client", "client/process", "client/oauth", "mcp", "bench/...", "cmd/...",
		}},
		{"examples/...", []string{
			"server", "server/config", "mcp", "client", "client/oauth", "examples/...",
		}},
	}
}

func arrowOf(dir string) (arrow, bool) {
	for _, a := range arrows() {
		if matches(dir, []string{a.room}) {
			return a, true
		}
	}
	return arrow{}, false
}

// findArrows finds imports of ours that the picture does not have, and packages that are not
// in it at all. Tests may import what they like; the compiler keeps them from going round.
func findArrows(tr *tree) []finding {
	var found []finding
	for _, f := range tr.goFiles {
		if f.test || tr.inNested(f.dir) {
			continue
		}
		a, known := arrowOf(f.dir)
		if !known {
			found = append(found, finding{f.path, 0, "package " + f.dir + " is in no room"})
			continue
		}
		f.imports(func(importPath string, line int) {
			dir, ours := strings.CutPrefix(importPath, tr.module+"/")
			if ours && !matches(dir, a.to) {
				text := fmt.Sprintf("%s must not import %s", f.dir, dir)
				found = append(found, finding{f.path, line, text})
			}
		})
	}
	return sorted(found)
}

// home says in which packages a third-party module may be imported.
type home struct {
	module string
	dirs   []string
}

func homes() []home {
	return []home{
		{"github.com/cloudwego/netpoll", []string{"loop"}},
		{"github.com/valyala/fastjson", []string{"codec", "mcp", "server"}},
		{"github.com/valyala/bytebufferpool", []string{"pool"}},
		{"github.com/VictoriaMetrics/metrics", []string{"server/..."}},
		{"github.com/google/jsonschema-go", []string{"server"}},
		{"github.com/santhosh-tekuri/jsonschema", []string{"mcp/schema"}},
		{"golang.org/x/text", []string{"mcp/schema"}},
		{"golang.org/x/oauth2", []string{"client/oauth"}},
		{"github.com/golang-jwt/jwt", []string{"client/oauth"}},
		{"github.com/spf13/cobra", []string{"cmd/..."}},
		{"go.yaml.in/yaml/v3", []string{"server/config"}},
		{"github.com/HdrHistogram/hdrhistogram-go", []string{"bench/..."}},
		{"golang.org/x/sys", []string{
			"loop", "client/process", "bench/...",
		}},
		{"github.com/gobwas/ws", []string{"codec"}},
		{"github.com/klauspost/compress", []string{"codec"}},
		{"github.com/sony/gobreaker", []string{"pool"}},
		{"github.com/nats-io", []string{"server/cluster"}},
		{"github.com/getkin/kin-openapi", []string{"server/gateway/openapi"}},
		{"github.com/fsnotify/fsnotify", []string{"cmd/mcploop", "server/gateway/files"}},
		{"go.opentelemetry.io", []string{"server/trace"}},
	}
}

// findModules finds third-party imports away from home. Tests may use what they like.
func findModules(tr *tree) []finding {
	var found []finding
	for _, f := range tr.goFiles {
		if f.test || tr.inNested(f.dir) {
			continue
		}
		f.imports(func(importPath string, line int) {
			first, _, _ := strings.Cut(importPath, "/")
			if !strings.Contains(first, ".") || within(importPath, tr.module) {
				return
			}
			if text := homeFault(importPath, f.dir); text != "" {
				found = append(found, finding{f.path, line, text})
			}
		})
	}
	return sorted(found)
}

func homeFault(importPath, dir string) string {
	for _, h := range homes() {
		if !within(importPath, h.module) {
			continue
		}
		if matches(dir, h.dirs) {
			return ""
		}
		return fmt.Sprintf("%s belongs to %s only", h.module, strings.Join(h.dirs, ", "))
	}
	return importPath + " has no home yet; say in tidy_arrows_test.go which room needs it"
}
