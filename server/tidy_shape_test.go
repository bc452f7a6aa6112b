package server_test

import (
	"fmt"
	"go/ast"
	"path"
	"strings"
	"unicode/utf8"
)

// The shape of code that can be read top-down.
const (
	fileLinesMax     = 400
	funcLinesMax     = 60
	testFuncLinesMax = 100 // tables of cases
	columnsMax       = 100 // a tab counts as 4
	nestingMax       = 4
)

// findShape finds files, functions and lines that are too long.
func findShape(tr *tree) []finding {
	var found []finding
	for _, f := range tr.files {
		if hasShape(f.path) {
			found = append(found, findLongLines(f)...)
		}
	}
	for _, f := range tr.goFiles {
		if f.generated {
			continue
		}
		if n := len(f.lines()); n > fileLinesMax {
			text := fmt.Sprintf("%d lines; split it, %d is the limit", n, fileLinesMax)
			found = append(found, finding{f.path, 0, text})
		}
		found = append(found, findLongFuncs(f)...)
	}
	return sorted(found)
}

// hasShape says whether a file is code: prose and tables have long lines for good reasons.
func hasShape(name string) bool {
	switch path.Ext(name) {
	case ".go", ".sh", ".mjs", ".yml", ".yaml", ".s":
		return true
	}
	return name == "Makefile" || name == ".ci/run"
}

func findLongLines(f textFile) []finding {
	var found []finding
	for i, line := range f.lines() {
		columns := utf8.RuneCountInString(line) + 3*strings.Count(line, "\t")
		if columns > columnsMax {
			text := fmt.Sprintf("%d columns; %d is the limit", columns, columnsMax)
			found = append(found, finding{f.path, i + 1, text})
		}
	}
	return found
}

func findLongFuncs(f *goFile) []finding {
	limit := funcLinesMax
	if f.test {
		limit = testFuncLinesMax
	}
	var found []finding
	for _, decl := range f.ast.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		first, last := f.line(fn.Pos()), f.line(fn.End())
		if n := last - first + 1; n > limit {
			text := fmt.Sprintf("%s has %d lines; %d is the limit", fn.Name.Name, n, limit)
			found = append(found, finding{f.path, first, text})
		}
	}
	return found
}

// findNesting finds functions whose blocks stand too deep in one another.
func findNesting(tr *tree) []finding {
	var found []finding
	for _, f := range tr.goFiles {
		if f.generated {
			continue
		}
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			deepest := &depth{}
			ast.Walk(nesting{0, deepest, f.test}, fn.Body)
			if deepest.blocks > nestingMax {
				text := fmt.Sprintf("%s is nested %d deep; %d is the limit",
					fn.Name.Name, deepest.blocks, nestingMax)
				found = append(found, finding{f.path, f.line(deepest.at.Pos()), text})
			}
		}
	}
	return sorted(found)
}

// depth is the deepest block seen so far.
type depth struct {
	blocks int
	at     ast.Node
}

// nesting walks a function and counts the blocks around each statement. An else-if is as deep
// as its if. In a test a function literal counts for nothing: subtests and goroutines are
// what tests are made of.
type nesting struct {
	blocks  int
	deepest *depth
	test    bool
}

func (v nesting) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.IfStmt:
		inner := v.enter(n)
		if n.Init != nil {
			ast.Walk(v, n.Init)
		}
		ast.Walk(v, n.Cond)
		ast.Walk(inner, n.Body)
		if _, elseIf := n.Else.(*ast.IfStmt); elseIf {
			inner = v
		}
		if n.Else != nil {
			ast.Walk(inner, n.Else)
		}
		return nil
	case *ast.FuncLit:
		if v.test {
			return v
		}
		return v.enter(n)
	case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
		return v.enter(n)
	}
	return v
}

func (v nesting) enter(n ast.Node) nesting {
	inner := nesting{v.blocks + 1, v.deepest, v.test}
	if inner.blocks > v.deepest.blocks {
		*v.deepest = depth{inner.blocks, n}
	}
	return inner
}
