package server_test

import (
	"os/exec"
	"strings"
	"testing"
)

func TestTidyFindsWords(t *testing.T) {
	later := "TO" + "DO"
	check(t, findWords, plant(t,
		"a/a.go", "package a\n\n// "+later+": finish\n// toDOs\nfunc f() {} //nolint:errcheck\n",
		"a/b.go", "package a\n\n// "+"Not "+"implemented\nfunc g() {} //nolint:errcheck // why\n",
		"docs/a.md", "FIX"+"ME\n501 Not "+"Implemented\n",
		"a/testdata/x.json", later,
		"go.sum", later,
	),
		"a/a.go:3: says "+later+"; finish it",
		"a/a.go:5: silences lint without a reason",
		"a/b.go:3: says Not "+"implemented; finish it",
		"docs/a.md:1: says FIX"+"ME; finish it",
	)
}

func TestTidyFindsNames(t *testing.T) {
	check(t, findNames, plant(t,
		"a/a.go", "package utils\n", "b/b_test.go", "package helpers_test\n",
		"c/c.go", "package c\n",
	),
		"a/a.go:1: package utils says nothing; name the concept",
		"b/b_test.go:1: package helpers says nothing; name the concept",
	)
}

func TestTidyFindsCalls(t *testing.T) {
	text := "package x\n\nimport \"fmt\"\n\nfunc init() { fmt.Println() }\n"
	check(t, findCalls, plant(t,
		"loop/x.go", text, "cmd/mcploop/x.go", text, "loop/x_test.go", text,
		"bench/tool/main.go", strings.Replace(text, "package x", "package main", 1),
		"mcp/out.go", "package mcp\n\nimport \"os\"\n\nvar out = os.Stdout\n",
	),
		"loop/x.go:5: no init; let the constructor do it",
		"loop/x.go:5: fmt.Println in a library; standard output may carry messages",
		"mcp/out.go:5: os.Stdout in a library; standard output may carry messages",
	)
}

func TestTidyFindsSleeps(t *testing.T) {
	check(t, findSleeps, plant(t, "a/a.go", "package a\n\nfunc f() { time.Sleep(1) }\n",
		"a/a_test.go", `package a

func TestHopes(t *testing.T) {
	time.Sleep(1)
}

func waitFor(ok func() bool) {
	for deadline := time.Now(); !ok(); {
		time.Sleep(1)
	}
}

func waitForever() {
	time.Sleep(1)
}

func TestFake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { time.Sleep(1) })
}
`),
		"a/a_test.go:4: time.Sleep in a test; wait for the event itself, with a deadline",
		"a/a_test.go:14: time.Sleep in a test; wait for the event itself, with a deadline",
	)
}

func TestTidyFindsDocs(t *testing.T) {
	doc := "// Package a is a.\n//\n// Owns:    x.\n// Borrows: y.\n// Never:   z.\npackage a\n"
	check(t, findDocs, plant(t,
		"a/doc.go", doc, "a/a.go", "package a\n",
		"b/b.go", "package b\n",
		"c/doc.go", strings.Replace(doc, "// Never", "// Ever", 1)+strings.Repeat("\n//\n", 15),
		"cmd/x/x.go", "package main\n", "examples/x/x.go", "package x\n",
		"d/d_test.go", "package d\n",
	),
		"b: has no doc.go",
		"c/doc.go: 36 lines; keep a doc.go within 30",
		"c/doc.go: has no line // Never:",
	)
}

func TestTidyFindsTheMachine(t *testing.T) {
	t.Setenv("GOPROXY", "https://mirror.example.net/go,direct")
	home := "/ho" + "me/"
	tr := plant(t,
		"docs/a.md", "see "+home+"ann/src\nhttps://example.org"+home+"page\n`/Users"+"/ann`\n",
		"a/a.sh", "export GOPROXY=https://mirror.example.net/go\n",
		"a/lock.json", `"resolved": "https://registry.npm`+`js.org/ws"`+"\n",
	)
	root := tr.root
	tr.files = append(tr.files, textFile{"docs/b.md", []byte("in " + root + "/x\n")})
	check(t, findMachine, tr,
		`a/a.sh:1: names this machine or a registry: "mirror.example.net"`,
		`a/lock.json:1: names this machine or a registry: "registry.npm`+`js.org"`,
		`docs/a.md:1: names this machine or a registry: "`+home+`a"`,
		"docs/a.md:3: names this machine or a registry: \"`/Users"+"/a\"",
		`docs/b.md:1: names this machine or a registry: "`+root+`"`,
	)
}

func TestTidyFindsBinaries(t *testing.T) {
	check(t, findBinaries, plant(t,
		"bench/tool", "\x7fELF\x02\x01\x01\x00", "docs/loop.png", "\x89PNG\x00",
		"codec/testdata/nul.bin", "a\x00b", "docs/big.csv", strings.Repeat("x", fileBytesMax+1),
	),
		"bench/tool: is a binary file; let the build make it",
		"docs/big.csv: 1048577 bytes; 1048576 is the limit",
	)
}

// TestTidySeesWhatGitTracks plants a file that .gitignore names: it is nobody's business.
func TestTidySeesWhatGitTracks(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed; the tree is then taken from the file system")
	}
	tr := plant(t, ".gitignore", "*.prof\n", "cpu.prof", "x", "notes.txt", "x")
	if out, err := exec.Command("git", "init", "-q", tr.root).CombinedOutput(); err != nil {
		t.Fatalf("git init: %s: %s", err, out)
	}
	tr, err := loadTree(tr.root)
	if err != nil {
		t.Fatal(err)
	}
	check(t, findRooms, tr, "notes.txt: has no place on the top level")
}
