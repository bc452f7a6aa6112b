package server_test

import (
	"go/ast"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestExamplesShowEveryType finds exported types of the packages that a developer writes against
// without an example that uses them: nobody copies from a type that is nowhere shown.
func TestExamplesShowEveryType(t *testing.T) {
	tr, err := loadTree("..")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, f := range tr.goFiles {
		if f.test && strings.HasPrefix(filepath.Base(f.path), "example") {
			noteSelectors(f.ast, shown)
		}
	}
	count := 0
	for _, f := range tr.goFiles {
		if f.test || !slices.Contains([]string{"server", "mcp", "client"}, f.dir) {
			continue
		}
		for _, name := range exportedTypes(f.ast) {
			count++
			name = f.dir + "." + name
			if !shown[name] {
				t.Errorf("no example shows %s; write one, or unexport it", name)
			}
		}
	}
	if count < 50 {
		t.Errorf("found %d types; does the test look at the wrong folders?", count)
	}
}

// noteSelectors notes every x.Name of a file.
func noteSelectors(file *ast.File, shown map[string]bool) {
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				shown[x.Name+"."+s.Sel.Name] = true
			}
		}
		return true
	})
}

func exportedTypes(file *ast.File) (names []string) {
	for _, decl := range file.Decls {
		if group, ok := decl.(*ast.GenDecl); ok {
			for _, spec := range group.Specs {
				if of, ok := spec.(*ast.TypeSpec); ok && of.Name.IsExported() {
					names = append(names, of.Name.Name)
				}
			}
		}
	}
	return names
}
