package server_test

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

// purity says what a room of bytes and meaning must not know of the standard library.
type purity struct {
	room    string
	imports []string
	noClock bool // no call that reads the clock or waits for it
	noGo    bool // no go statement
}

func purities() []purity {
	return []purity{
		{"codec", []string{
			"net", "net/http", "os", "context", "log", "log/slog",
			"encoding/json",
		}, true, true},
		{"mcp", []string{"net", "net/http", "os", "log", "log/slog"}, true, true},
		{"shard", []string{"net", "net/http", "os", "log", "log/slog"}, true, false},
		{"pool", []string{"net/http", "os", "encoding/json"}, false, false},
		{"loop", []string{"net/http", "encoding/json"}, false, false},
		{"server/config", []string{"net/http", "log", "log/slog"}, true, true},
	}
}

// findPurity finds sockets, clocks and goroutines in rooms that promise to have none.
func findPurity(tr *tree) []finding {
	var found []finding
	for _, f := range tr.goFiles {
		i := slices.IndexFunc(purities(), func(p purity) bool { return p.room == f.dir })
		if f.test || i < 0 {
			continue
		}
		p := purities()[i]
		report := func(line int, text string) {
			found = append(found, finding{f.path, line, f.dir + " must not " + text})
		}
		f.imports(func(importPath string, line int) {
			if slices.Contains(p.imports, importPath) {
				report(line, "import "+importPath)
			}
		})
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				if p.noGo {
					report(f.line(n.Pos()), "start a goroutine")
				}
			case *ast.SelectorExpr:
				if name := qualified(n); p.noClock && slices.Contains(clockCalls(), name) {
					report(f.line(n.Pos()), "use "+name)
				}
			}
			return true
		})
	}
	return sorted(found)
}

// clockCalls are what reads the clock or waits for it.
func clockCalls() []string {
	return []string{
		"time.Now", "time.Since", "time.Until", "time.After", "time.AfterFunc", "time.NewTimer",
		"time.NewTicker", "time.Tick", "time.Sleep",
	}
}

// findRooms finds what does not belong on the top level.
func findRooms(tr *tree) []finding {
	folders := []string{
		"codec", "shard", "pool", "loop", "mcp", "server", "client", "cmd", "bench", "tuning",
		"deploy", "examples", "docs", ".ci", ".github",
	}
	files := []string{
		"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "go.mod", "go.sum",
		".golangci.yml", ".gitignore", ".gitattributes", ".dockerignore",
	}
	var found []finding
	for _, f := range tr.files {
		top, _, below := strings.Cut(f.path, "/")
		switch {
		case below && !slices.Contains(folders, top):
			found = append(found, finding{f.path, 0, top + " is no room"})
		case !below && !slices.Contains(files, top):
			found = append(found, finding{f.path, 0, "has no place on the top level"})
		}
	}
	return sorted(found)
}

// findDocs finds packages without the three promises of a doc.go.
func findDocs(tr *tree) []finding {
	const docLinesMax = 30
	headings := []string{"// Owns:", "// Borrows:", "// Never:"}
	missing := make(map[string]bool)
	var found []finding
	for _, f := range tr.goFiles {
		exempt := f.ast.Name.Name == "main" || within(f.dir, "cmd") || within(f.dir, "examples")
		if f.test || exempt {
			continue
		}
		if path.Base(f.path) != "doc.go" {
			if _, seen := missing[f.dir]; !seen {
				missing[f.dir] = true
			}
			continue
		}
		missing[f.dir] = false
		if n := len(f.lines()); n > docLinesMax {
			text := fmt.Sprintf("%d lines; keep a doc.go within %d", n, docLinesMax)
			found = append(found, finding{f.path, 0, text})
		}
		for _, heading := range headings {
			if !strings.Contains(string(f.data), "\n"+heading) {
				found = append(found, finding{f.path, 0, "has no line " + heading})
			}
		}
	}
	for dir, none := range missing {
		if none {
			found = append(found, finding{dir, 0, "has no doc.go"})
		}
	}
	return sorted(found)
}
