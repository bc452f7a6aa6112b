package server_test

import (
	"fmt"
	"go/ast"
	"os"
	"regexp"
	"strings"
	"testing"
)

// requirements is the count of rows of "Requirement by requirement" in docs/protocol.md.
const requirements = 68

// TestProtocolDocNamesRealTests: docs/protocol.md names for each requirement who shows it. What it
// names must be there, and each of its tables' rows must name something.
func TestProtocolDocNamesRealTests(t *testing.T) {
	doc, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	tr, err := loadTree("..")
	if err != nil {
		t.Fatal(err)
	}
	var tests []string
	for _, f := range tr.goFiles {
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if ok && f.test && strings.HasPrefix(fn.Name.Name, "Test") {
				tests = append(tests, fn.Name.Name)
			}
		}
	}
	names := regexp.MustCompile(`\bTest[A-Z]\w*…?`)
	for _, name := range names.FindAllString(string(doc), -1) {
		if !anyTest(tests, name) {
			t.Errorf("docs/protocol.md names %s, which no package has", name)
		}
	}
	_, table, found := strings.Cut(string(doc), "## Requirement by requirement")
	rows := 0
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "## ") {
			break
		}
		if strings.HasPrefix(line, fmt.Sprintf("| %d | ", rows+1)) {
			if rows++; !names.MatchString(line) && !strings.Contains(line, "not served") {
				t.Errorf("nothing shows requirement %d: %s", rows, line)
			}
		}
	}
	if !found || rows != requirements {
		t.Errorf("docs/protocol.md has requirements 1 to %d; want all %d", rows, requirements)
	}
}

// anyTest tells whether there is a test of that name; "…" stands for the rest of one.
func anyTest(tests []string, name string) bool {
	prefix, open := strings.CutSuffix(name, "…")
	for _, test := range tests {
		if test == prefix || open && strings.HasPrefix(test, prefix) {
			return true
		}
	}
	return false
}
