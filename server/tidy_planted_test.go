package server_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// plant writes a tree of name, text pairs and loads it. Every tree has a go.mod.
func plant(t *testing.T, pairs ...string) *tree {
	t.Helper()
	root := t.TempDir()
	pairs = append(pairs, "go.mod", "module example.org/planted\n\ngo 1.26\n")
	for i := 0; i < len(pairs); i += 2 {
		name := filepath.Join(root, filepath.FromSlash(pairs[i]))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(pairs[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tr, err := loadTree(root)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// check compares all that find finds in the planted tree.
func check(t *testing.T, find func(*tree) []finding, tr *tree, want ...string) {
	t.Helper()
	var got []string
	for _, f := range find(tr) {
		got = append(got, f.String())
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestTidyFindsBrokenArrows(t *testing.T) {
	imports := func(pkg, importPath string) string {
		return "package " + pkg + "\n\nimport _ \"example.org/planted/" + importPath + "\"\n"
	}
	check(t, findArrows, plant(t,
		"codec/scan.go", imports("codec", "pool"),
		"codec/scan_test.go", imports("codec_test", "server"),
		"loop/loop.go", imports("loop", "shard"),
		"loop/json.go", imports("loop", "codec"),
		"mcp/call.go", imports("mcp", "loop"),
		"server/server.go", imports("server", "server/session"),
		"server/session/table.go", imports("session", "server"),
		"server/config/config.go", imports("config", "mcp"),
		"client/client.go", imports("client", "server"),
		"cmd/mcploop/main.go", imports("main", "server"),
		"examples/hello/main.go", imports("main", "server"),
		"bench/load.go", imports("bench", "server"),
		"bench/peers/go.mod", "module example.org/peers\n",
		"bench/peers/main.go", imports("main", "server"),
		"extra/extra.go", "package extra\n",
	),
		"bench/load.go:3: bench must not import server",
		"client/client.go:3: client must not import server",
		"codec/scan.go:3: codec must not import pool",
		"extra/extra.go: package extra is in no room",
		"loop/json.go:3: loop must not import codec",
		"mcp/call.go:3: mcp must not import loop",
		"server/config/config.go:3: server/config must not import mcp",
		"server/session/table.go:3: server/session must not import server",
	)
}

func TestTidyFindsModulesAwayFromHome(t *testing.T) {
	imports := func(importPath string) string {
		return "package x\n\nimport _ \"" + importPath + "\"\n"
	}
	check(t, findModules, plant(t,
		"loop/poller.go", imports("github.com/cloudwego/netpoll"),
		"server/server.go", imports("github.com/cloudwego/netpoll"),
		"server/server_test.go", imports("github.com/cloudwego/netpoll"),
		"codec/scan.go", imports("github.com/valyala/fastjson/fastfloat"),
		"loop/json.go", imports("github.com/valyala/fastjson"),
		"loop/buf.go", imports("github.com/valyala/bytebufferpool"),
		"mcp/new.go", imports("github.com/somebody/something"),
		"server/own.go", imports("example.org/planted/codec"),
		"server/std.go", imports("net/http"),
	),
		"loop/buf.go:3: github.com/valyala/bytebufferpool belongs to pool only",
		"loop/json.go:3: github.com/valyala/fastjson belongs to codec, mcp, server only",
		"mcp/new.go:3: github.com/somebody/something has no home yet; "+
			"say in tidy_arrows_test.go which room needs it",
		"server/server.go:3: github.com/cloudwego/netpoll belongs to loop only",
	)
}

func TestTidyFindsImpurity(t *testing.T) {
	check(t, findPurity, plant(t,
		"codec/clock.go", "package codec\n\nimport \"time\"\n\nvar _ = time.Now()\n",
		"codec/date.go", "package codec\n\nimport \"time\"\n\nfunc f(time.Time) {}\n",
		"codec/sock.go", "package codec\n\nimport _ \"net/http\"\n",
		"codec/go.go", "package codec\n\nfunc f() { go f() }\n",
		"codec/x_test.go", "package codec\n\nimport _ \"net\"\n",
		"loop/json.go", "package loop\n\nimport (\n\t_ \"net\"\n\t_ \"encoding/json\"\n)\n",
	),
		"codec/clock.go:5: codec must not use time.Now",
		"codec/go.go:3: codec must not start a goroutine",
		"codec/sock.go:3: codec must not import net/http",
		"loop/json.go:5: loop must not import encoding/json",
	)
}

func TestTidyFindsRooms(t *testing.T) {
	check(t, findRooms, plant(t,
		"codec/scan.go", "package codec\n", "README.md", "", "notes.txt", "", "scripts/x.sh", "",
		"bin/tool", "", "build/out", "",
	),
		"notes.txt: has no place on the top level",
		"scripts/x.sh: scripts is no room",
	)
}

func TestTidyFindsShape(t *testing.T) {
	body := func(lines int) string { return strings.Repeat("\t_ = 0\n", lines) }
	check(t, findShape, plant(t,
		"a/file.go", "package a\n"+strings.Repeat("// x\n", 400),
		"a/full.go", "package a\n"+strings.Repeat("// x\n", 399),
		"a/func.go", "package a\n\nfunc ok() {\n"+body(58)+"}\n\nfunc long() {\n"+body(59)+"}\n",
		"a/x_test.go", "package a\n\nfunc ok() {\n"+body(98)+"}\n\nfunc long() {\n"+body(99)+"}\n",
		"a/line.go", "package a\n\n// "+strings.Repeat("é", 97)+"\n// "+strings.Repeat("é", 98),
		"a/tab.go", "package a\n\nvar (\n\t_ = \""+strings.Repeat("x", 91)+"\"\n)\n",
		"a/run.sh", "# "+strings.Repeat("x", 99)+"\n",
		"a/prose.md", strings.Repeat("x", 200)+"\n",
		"a/gen.go", "// Code generated by x. DO NOT EDIT.\n\npackage a\n"+strings.Repeat("\n", 400),
	),
		"a/file.go: 401 lines; split it, 400 is the limit",
		"a/func.go:64: long has 61 lines; 60 is the limit",
		"a/line.go:4: 101 columns; 100 is the limit",
		"a/run.sh:1: 101 columns; 100 is the limit",
		"a/tab.go:4: 101 columns; 100 is the limit",
		"a/x_test.go:104: long has 101 lines; 100 is the limit",
	)
}

func TestTidyFindsNesting(t *testing.T) {
	text := `package a

func four() {
	for {
		if true {
		} else if true {
			switch {
			case true:
				func() {}()
			}
		}
	}
}

func five() {
	for range 3 {
		select {
		default:
			if true {
			} else {
				switch any(1).(type) {
				case int:
					func() {}()
				}
			}
		}
	}
}
`
	tr := plant(t, "a/a.go", text, "a/a_test.go", text)
	check(t, findNesting, tr, "a/a.go:23: five is nested 5 deep; 4 is the limit")
}
