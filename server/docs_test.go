package server_test

import (
	"fmt"
	"go/ast"
	"os"
	"regexp"
	"strings"
	"testing"
)

// docTables are the pages whose rows name the tests that show them, and how many rows there are:
// a number, and with it what is promised, does not get lost.
var docTables = []struct {
	file, heading string // where the numbered rows begin
	rows          int
	unless        string // what a row without a test says
}{
	{"../docs/protocol.md", "## Requirement by requirement", 68, "not served"},
	{"../docs/faults.md", "## Messages", 112, "not there"},
}

// Pages that name for each row who shows it: what they name must be there, and each row must name
// something.
func TestDocsNameRealTests(t *testing.T) {
	tests := testNames(t)
	names := regexp.MustCompile(`\bTest[A-Z]\w*…?`)
	for _, table := range docTables {
		doc, err := os.ReadFile(table.file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names.FindAllString(string(doc), -1) {
			if !anyTest(tests, name) {
				t.Errorf("%s names %s, which no package has", table.file, name)
			}
		}
		_, text, found := strings.Cut(string(doc), table.heading)
		rows := 0
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, fmt.Sprintf("| %d | ", rows+1)) {
				if rows++; !names.MatchString(line) && !strings.Contains(line, table.unless) {
					t.Errorf("%s: nothing shows row %d: %s", table.file, rows, line)
				}
			}
		}
		if !found || rows != table.rows {
			t.Errorf("%s has rows 1 to %d; want all %d", table.file, rows, table.rows)
		}
	}
}

// testNames are the names of all tests of all packages.
func testNames(t *testing.T) []string {
	t.Helper()
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
	return tests
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
