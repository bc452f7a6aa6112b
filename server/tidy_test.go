package server_test

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTidy is the house rules as a test, so that a reviewer never has to be one. Each check
// takes a tree and returns what it found; tidy_planted_test.go shows that each check finds
// what it is there for.
func TestTidy(t *testing.T) {
	tr, err := loadTree(filepath.Join(".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.goFiles) == 0 {
		t.Fatal("no Go file found: the test looks at the wrong folder")
	}
	for _, c := range tidyChecks() {
		t.Run(c.name, func(t *testing.T) {
			for _, f := range c.find(tr) {
				t.Error(f)
			}
		})
	}
}

type tidyCheck struct {
	name string
	find func(tr *tree) []finding
}

func tidyChecks() []tidyCheck {
	return []tidyCheck{
		{"rooms", findRooms},
		{"arrows", findArrows},
		{"modules", findModules},
		{"purity", findPurity},
		{"shape", findShape},
		{"nesting", findNesting},
		{"words", findWords},
		{"names", findNames},
		{"calls", findCalls},
		{"sleeps", findSleeps},
		{"docs", findDocs},
		{"machine", findMachine},
		{"binaries", findBinaries},
	}
}

// finding is one broken rule.
type finding struct {
	path string
	line int // 0 when the whole file is meant
	text string
}

func (f finding) String() string {
	if f.line == 0 {
		return f.path + ": " + f.text
	}
	return fmt.Sprintf("%s:%d: %s", f.path, f.line, f.text)
}

// tree is what git would track under root.
type tree struct {
	root    string
	module  string // module path of root's go.mod
	files   []textFile
	goFiles []*goFile
	nested  []string // folders with a go.mod of their own: modules that only bench needs
}

type textFile struct {
	path string // slash-separated, relative to root
	data []byte
}

func (f textFile) lines() []string {
	return strings.Split(strings.TrimSuffix(string(f.data), "\n"), "\n")
}

type goFile struct {
	textFile
	dir       string // "." for root
	test      bool
	generated bool
	fset      *token.FileSet
	ast       *ast.File
}

func (f *goFile) line(pos token.Pos) int { return f.fset.Position(pos).Line }

// imports calls do with every imported path and its line.
func (f *goFile) imports(do func(importPath string, line int)) {
	for _, spec := range f.ast.Imports {
		do(strings.Trim(spec.Path.Value, `"`), f.line(spec.Pos()))
	}
}

func loadTree(root string) (*tree, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	tr := &tree{root: abs}
	tracked := gitFiles(abs)
	err = filepath.WalkDir(abs, func(full string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(abs, full)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if entry.IsDir() {
			if untracked(rel) {
				return filepath.SkipDir
			}
			return nil
		}
		if tracked != nil && !tracked[rel] || !entry.Type().IsRegular() {
			return nil
		}
		return tr.add(full, rel)
	})
	return tr, err
}

// untracked names the folders that .gitignore names, for a tree without git.
func untracked(dir string) bool {
	return slices.Contains([]string{".git", "bin", "build", "node_modules"}, path.Base(dir))
}

// gitFiles returns what git tracks or would track, or nil where git cannot say.
func gitFiles(root string) map[string]bool {
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		return nil
	}
	args := []string{"-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"}
	out, err := exec.Command("git", args...).Output()
	if err != nil {
		return nil
	}
	files := make(map[string]bool)
	for name := range strings.SplitSeq(string(out), "\x00") {
		files[name] = true
	}
	return files
}

func (tr *tree) add(full, rel string) error {
	data, err := os.ReadFile(full)
	if err != nil {
		return err
	}
	tf := textFile{path: rel, data: data}
	tr.files = append(tr.files, tf)
	if path.Base(rel) == "go.mod" {
		tr.addModule(tf)
	}
	if path.Ext(rel) != ".go" {
		return nil
	}
	gf := &goFile{
		textFile: tf, dir: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"),
		fset: token.NewFileSet(),
	}
	gf.ast, err = parser.ParseFile(gf.fset, rel, data, parser.ParseComments)
	if err != nil {
		return err
	}
	gf.generated = ast.IsGenerated(gf.ast)
	tr.goFiles = append(tr.goFiles, gf)
	return nil
}

func (tr *tree) addModule(f textFile) {
	if dir := path.Dir(f.path); dir != "." {
		tr.nested = append(tr.nested, dir)
		return
	}
	first, _, _ := bytes.Cut(f.data, []byte("\n"))
	tr.module = strings.TrimSpace(strings.TrimPrefix(string(first), "module"))
}

// inNested says whether dir belongs to a module of its own.
func (tr *tree) inNested(dir string) bool {
	return slices.ContainsFunc(tr.nested, func(n string) bool { return within(dir, n) })
}

// within says whether dir is base or below it.
func within(dir, base string) bool {
	return dir == base || strings.HasPrefix(dir, base+"/")
}

// matches says whether dir is one of the patterns; "x/..." is x and all below it.
func matches(dir string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if base, ok := strings.CutSuffix(p, "/..."); ok {
			return within(dir, base)
		}
		return dir == p
	})
}

// sorted brings findings into the order of files and lines.
func sorted(found []finding) []finding {
	slices.SortStableFunc(found, func(a, b finding) int {
		return cmp.Or(strings.Compare(a.path, b.path), a.line-b.line)
	})
	return found
}
