package server_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
)

// unfinished are the words of work that was left for later. They are put together here, so
// that this file passes its own check.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b|` +
	`(?i:not (yet )?impl` + `emented)`)

// status501 is a phrase of HTTP, in quotes: nobody's unfinished work.
const status501 = `"Not Impl` + `emented"`

// findWords finds unfinished work, and lint that was silenced without a reason.
func findWords(tr *tree) []finding {
	noReason := regexp.MustCompile(`//nolint(:[a-z,]+)?\s*$`)
	var found []finding
	for _, f := range tr.files {
		if isBinary(f.data) || path.Base(f.path) == "go.sum" || inTestdata(f.path) {
			continue
		}
		for i, line := range f.lines() {
			word := unfinished.FindString(line)
			if word != "" && !strings.Contains(line, "501") && !strings.Contains(line, status501) {
				found = append(found, finding{f.path, i + 1, "says " + word + "; finish it"})
			}
			if noReason.MatchString(line) {
				found = append(found, finding{f.path, i + 1, "silences lint without a reason"})
			}
		}
	}
	return sorted(found)
}

func inTestdata(name string) bool {
	return slices.Contains(strings.Split(name, "/"), "testdata")
}

// findNames finds packages that are named for nothing.
func findNames(tr *tree) []finding {
	banned := []string{
		"util", "utils", "common", "helper", "helpers", "types", "misc", "base", "shared", "lib",
	}
	var found []finding
	for _, f := range tr.goFiles {
		name := strings.TrimSuffix(f.ast.Name.Name, "_test")
		if slices.Contains(banned, name) {
			text := fmt.Sprintf("package %s says nothing; name the concept", name)
			found = append(found, finding{f.path, f.line(f.ast.Name.Pos()), text})
		}
	}
	return sorted(found)
}

// findCalls finds what a library must not do: print to standard output, which may carry
// messages, and work in init.
func findCalls(tr *tree) []finding {
	programs := []string{"cmd/...", "examples/..."}
	var found []finding
	for _, f := range tr.goFiles {
		if f.test || f.ast.Name.Name == "main" || matches(f.dir, programs) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				name := qualified(n)
				stdout := name == "os.Stdout" && f.dir != "server" && // it serves stdio
					f.dir != "bench/fake" // so does that, in tests
				if stdout || strings.HasPrefix(name, "fmt.Print") {
					text := name + " in a library; standard output may carry messages"
					found = append(found, finding{f.path, f.line(n.Pos()), text})
				}
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					text := "no init; let the constructor do it"
					found = append(found, finding{f.path, f.line(n.Pos()), text})
				}
			}
			return true
		})
	}
	return sorted(found)
}

// findSleeps finds tests that hope instead of wait. time.Sleep is for a polling function with a
// deadline (named wait…, poll…, eventually… or until…) and for the fake clock of synctest.
func findSleeps(tr *tree) []finding {
	var found []finding
	for _, f := range tr.goFiles {
		if !f.test {
			continue
		}
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && isPoll(fn) {
				continue
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && isSynctest(call) {
					return false
				}
				if sel, ok := n.(*ast.SelectorExpr); ok && qualified(sel) == "time.Sleep" {
					text := "time.Sleep in a test; wait for the event itself, with a deadline"
					found = append(found, finding{f.path, f.line(n.Pos()), text})
				}
				return true
			})
		}
	}
	return sorted(found)
}

// isPoll says whether fn is a polling function: by its name, and by asking for the time.
func isPoll(fn *ast.FuncDecl) bool {
	name := strings.ToLower(fn.Name.Name)
	named := slices.ContainsFunc([]string{"wait", "poll", "eventually", "until"},
		func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	if !named {
		return false
	}
	bounded := false
	ast.Inspect(fn, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && qualified(sel) != "time.Sleep" {
			bounded = bounded || slices.Contains(clockCalls(), qualified(sel))
		}
		return true
	})
	return bounded
}

func isSynctest(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && qualified(sel) == "synctest.Test"
}

// qualified returns "pkg.Name" for a selector on a plain name.
func qualified(sel *ast.SelectorExpr) string {
	if x, ok := sel.X.(*ast.Ident); ok {
		return x.Name + "." + sel.Sel.Name
	}
	return ""
}

func isBinary(data []byte) bool {
	return bytes.IndexByte(data[:min(len(data), 8192)], 0) >= 0
}
