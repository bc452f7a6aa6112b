package files_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
	"github.com/mcploop/mcploop/server/gateway/files"
)

const prefix = "file:///docs/"

// tree is a directory that a test fills, and the provider of what is in it.
type tree struct {
	t    *testing.T
	root string
	*files.Provider
}

func plant(t *testing.T, change func(*files.Options)) *tree {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	opt := files.Options{Name: "docs", Root: root, URI: prefix, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&opt)
	}
	p, err := files.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return &tree{t: t, root: root, Provider: p}
}

// write writes a file below the root, or beside it.
func (tr *tree) write(name, text string) {
	tr.t.Helper()
	at := filepath.Join(tr.root, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		tr.t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
		tr.t.Fatal(err)
	}
}

func (tr *tree) link(target, name string) {
	tr.t.Helper()
	if err := os.Symlink(target, filepath.Join(tr.root, name)); err != nil {
		tr.t.Fatal(err)
	}
}

// names are the paths that are listed.
func (tr *tree) names() []string {
	tr.t.Helper()
	list, err := tr.List(tr.t.Context())
	if err != nil {
		tr.t.Fatal(err)
	}
	if len(list.Templates) != 1 || list.Templates[0].Name != prefix+"{+path}" {
		tr.t.Errorf("got templates %+v", list.Templates)
	}
	var names []string
	for _, r := range list.Resources {
		var def struct{ URI, Name string }
		if err := json.Unmarshal(r.Raw, &def); err != nil || def.URI != r.Name {
			tr.t.Errorf("got %s, %v", r.Raw, err)
		}
		names = append(names, def.Name)
	}
	return names
}

type contents struct {
	URI, MIMEType string
	Text          *string
	Blob          *string
}

func (tr *tree) read(uri string) (contents, error) {
	tr.t.Helper()
	raw, err := tr.Call(tr.t.Context(), gateway.ProviderCall{
		Kind: mcp.KindTemplate, Own: prefix + "{+path}", URI: uri,
		Req: &mcp.Request{Version: mcp.LatestModern},
	})
	if err != nil {
		return contents{}, err
	}
	var result struct{ Contents []contents }
	if err := json.Unmarshal(raw, &result); err != nil || len(result.Contents) != 1 {
		tr.t.Fatalf("%s was answered %s, %v", uri, raw, err)
	}
	return result.Contents[0], nil
}

// TestReads: texts as text, bytes as a blob, each with its type, by listed URIs and by others.
func TestReads(t *testing.T) {
	tr := plant(t, nil)
	for name, want := range map[string]struct{ text, kind string }{
		"a.md": {"# é", "text/markdown"}, "dir/deep/b.json": {"{}", "application/json"},
		"no end": {"plain", "text/plain"}, "empty.txt": {"", "text/plain"},
		"é ü.txt": {"x", "text/plain"}, "a%2fb.txt": {"percent", "text/plain"},
		"q?x#y.txt": {"odd", "text/plain"}, "+&=.txt": {"odd", "text/plain"},
		"x.png": {"\x89PNG\r\n\x1a\n\x00", "image/png"},
		"bin":   {"\x00\x01", "application/octet-stream"},
	} {
		tr.write(name, want.text)
		list, err := tr.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		uri := ""
		for _, r := range list.Resources {
			if strings.Contains(string(r.Raw), `"name":`+mustJSON(name)) {
				uri = r.Name
			}
		}
		got, err := tr.read(uri)
		if err != nil || got.URI != uri || got.MIMEType != want.kind {
			t.Fatalf("%q, %s: got %+v, %v", name, uri, got, err)
		}
		text := ""
		if got.Text != nil {
			text = *got.Text
		} else if raw, err := base64.StdEncoding.DecodeString(*got.Blob); err == nil {
			text = string(raw)
		}
		if text != want.text || (got.Blob != nil) != strings.Contains(want.text, "\x00") {
			t.Errorf("%q: got %+v", name, got)
		}
	}
	if got, err := tr.read(prefix + "é ü.txt"); err != nil || *got.Text != "x" {
		t.Errorf("a URI that is not escaped: got %+v, %v", got, err)
	}
}

func mustJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// TestNothingOutsideIsRead: whatever a URI, a link or a special file says, what is not a regular
// file below the root is not found.
func TestNothingOutsideIsRead(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		t.Run(fmt.Sprintf("hidden %v", hidden), func(t *testing.T) { nothingOutside(t, hidden) })
	}
}

func nothingOutside(t *testing.T, hidden bool) {
	tr := plant(t, func(o *files.Options) { o.Hidden = hidden })
	tr.write("in.txt", "in")
	tr.write("in.txt?x", "in")
	tr.write("in.txt#x", "in")
	tr.write("dir/in.txt", "in")
	tr.write(".hidden", "hidden")
	tr.write(".git/config", "hidden")
	tr.write("../secret.txt", "secret")
	tr.link("../secret.txt", "out")
	tr.link(filepath.Join(tr.root, "..", "secret.txt"), "abs")
	tr.link("..", "up")
	tr.link("/etc", "etc")
	tr.link("/dev/zero", "zero")
	tr.link("loop", "loop")
	if err := syscall.Mkfifo(filepath.Join(tr.root, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(tr.root, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, path := range []string{
		"", "/", ".", "..", "../secret.txt", "..%2fsecret.txt", "..%2Fsecret.txt",
		"%2e%2e/secret.txt",
		"%2E%2E%2Fsecret.txt", "%252e%252e/secret.txt", "dir/../../secret.txt", "dir/../in.txt",
		"./in.txt", "dir//in.txt", "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "in.txt/",
		"dir", "dir/", "in.txt%00", "in.txt%00.md", "in.txt\x00", "in.txt?x", "in.txt#x", "in.txt%",
		"in.txt%zz", "out", "abs", "up/secret.txt", "etc/passwd", "zero", "loop", "fifo", "socket",
		"..\\secret.txt",
		".hidden", ".git/config", "dir/%2e%2e/%2e%2e/secret.txt", "\xff", "%ff", "dir%2fin.txt",
		strings.Repeat("a/", 10_000) + "b", "root/../in.txt", "C:\\windows", "dir/.%2e/in.txt",
	} {
		got, err := tr.read(prefix + path)
		if hidden && strings.HasPrefix(path, ".hidden") || strings.HasPrefix(path, ".git") {
			if hidden != (err == nil) {
				t.Errorf("%s: got %+v, %v", path, got, err)
			}
			continue
		}
		var fault *mcp.Error
		if !errors.As(err, &fault) || fault.Code != codec.ErrResourceNotFound.Code {
			t.Errorf("%.60q: got %+v, %v", path, got, err)
		}
	}
	for _, uri := range []string{
		"file:///etc/passwd", "file:///doc/in.txt", "http://x/docs/in.txt", "",
	} {
		if got, err := tr.read(uri); err == nil {
			t.Errorf("%q: got %+v", uri, got)
		}
	}
	want := "[dir/in.txt in.txt in.txt#x in.txt?x]"
	if hidden {
		want = "[.git/config .hidden " + want[1:]
	}
	if got := fmt.Sprint(tr.names()); got != want {
		t.Errorf("listed %s, want %s", got, want)
	}
}

// TestLinksBelowTheRoot lead where they say.
func TestLinksBelowTheRoot(t *testing.T) {
	tr := plant(t, nil)
	tr.write("dir/in.txt", "in")
	tr.link("dir/in.txt", "file")
	tr.link("dir", "other")
	for _, path := range []string{"file", "other/in.txt"} {
		if got, err := tr.read(prefix + path); err != nil || *got.Text != "in" {
			t.Errorf("%s: got %+v, %v", path, got, err)
		}
	}
	if got := fmt.Sprint(tr.names()); got != "[dir/in.txt file]" {
		t.Errorf("listed %s: directories behind links are not walked", got)
	}
}

// TestChoice: include, exclude and hidden files hold for the list and for reads.
func TestChoice(t *testing.T) {
	f := func(change func(*files.Options), want string) {
		t.Helper()
		tr := plant(t, change)
		all := []string{"a.md", "b.txt", "dir/c.md", "dir/d.go", ".e.md", ".dir/f.md", "dir/.g.md"}
		for _, name := range all {
			tr.write(name, "x")
		}
		if got := strings.Join(tr.names(), " "); got != want {
			t.Errorf("listed %s, want %s", got, want)
		}
		for _, name := range all {
			_, err := tr.read(prefix + name)
			if (err == nil) != strings.Contains(" "+want+" ", " "+name+" ") {
				t.Errorf("%s of %s: %v", name, want, err)
			}
		}
	}
	f(nil, "a.md b.txt dir/c.md dir/d.go")
	f(func(o *files.Options) { o.Include = []string{"*.md"} }, "a.md dir/c.md")
	f(func(o *files.Options) { o.Include = []string{"dir/*"} }, "dir/c.md dir/d.go")
	f(func(o *files.Options) { o.Exclude = []string{"*.md"} }, "b.txt dir/d.go")
	f(func(o *files.Options) { o.Hidden = true; o.Include = []string{"*.md"} },
		".dir/f.md .e.md a.md dir/.g.md dir/c.md")
}

// TestLimits: a list and a file are as long as they may be.
func TestLimits(t *testing.T) {
	tr := plant(t, func(o *files.Options) { o.ListMax, o.FileBytesMax = 3, 100 })
	for i := range 10 {
		tr.write(fmt.Sprintf("%d.txt", i), strings.Repeat("x", 98+i))
	}
	if got := fmt.Sprint(tr.names()); got != "[0.txt 1.txt 2.txt]" {
		t.Errorf("listed %s", got)
	}
	for i := range 10 {
		_, err := tr.read(fmt.Sprintf("%s%d.txt", prefix, i))
		if i <= 2 != (err == nil) || err != nil && !strings.Contains(err.Error(), "100 bytes") {
			t.Errorf("a file of %d bytes: %v", 98+i, err)
		}
	}
}

// TestRootComesAndGoes: a root that is not there is an error until it is; one that was replaced is
// the new one.
func TestRootComesAndGoes(t *testing.T) {
	tr := plant(t, nil)
	moved := tr.root + ".old"
	if err := os.Rename(tr.root, moved); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.List(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot open") {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"a.txt", "b.txt"} {
		if err := os.RemoveAll(tr.root); err != nil {
			t.Fatal(err)
		}
		tr.write(name, name)
		if got := fmt.Sprint(tr.names()); got != "["+name+"]" {
			t.Errorf("listed %s, want %s", got, name)
		}
		if got, err := tr.read(prefix + name); err != nil || *got.Text != name {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}

// TestFaults: each fault of the options is found before anything is opened.
func TestFaults(t *testing.T) {
	f := func(want string, o files.Options) {
		t.Helper()
		if _, err := files.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q in it", o, err, want)
		}
	}
	f("write root", files.Options{URI: prefix})
	for _, uri := range []string{"", "file:///docs", "docs/", "file:///{x}/{"} {
		f("cannot use the uri", files.Options{Root: "/x", URI: uri})
	}
	f("brackets", files.Options{Root: "/x", URI: prefix, Include: []string{"["}})
	f("brackets", files.Options{Root: "/x", URI: prefix, Exclude: []string{"["}})
}
