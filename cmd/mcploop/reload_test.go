package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// noWatch is the head of files whose changes are taken over on demand alone.
const noWatch = "reload: {watch: false}\ntools: {samples: false}\n"

// TestReloadCommand prints what changed, and the gateway does what it says: a call in flight at an
// upstream that was not touched, and at one that was removed, are answered.
func TestReloadCommand(t *testing.T) {
	kept, keptIn, keptOut := toolServer(t, "kept")
	old, oldIn, oldOut := toolServer(t, "old")
	fresh, _, _ := toolServer(t, "fresh")
	s := serveFile(t, noWatch+"upstreams:\n  kept: {url: '"+kept+"'}\n  old: {url: '"+old+"'}\n"+
		"  moved: {url: '"+old+"'}\n")
	for _, name := range []string{"kept", "old", "moved"} {
		s.awaitTool(name + "__whoami")
	}
	var held sync.WaitGroup
	for tool, in := range map[string]chan struct{}{"kept": keptIn, "old": oldIn} {
		held.Go(func() {
			got, err := s.call(tool + "__hold")
			if err != nil || got != "held by "+tool {
				t.Errorf("%s: got %q, %v", tool, got, err)
			}
		})
		<-in
	}
	s.write(noWatch + "lists: {page_size: 7}\nlog: {level: warn}\nupstreams:\n" +
		"  kept: {url: '" + kept + "'}\n  moved: {url: '" + fresh + "', in_flight: 9}\n" +
		"  fresh: {url: '" + fresh + "'}\n")
	out, faults, err := s.reload()
	if err != nil {
		t.Fatal(faults, err)
	}
	for _, want := range []string{
		" was taken over\n", "\n  added     fresh\n", "\n  removed   old\n",
		"\n  changed   moved (url, in_flight)\n", "\n  kept      kept\n",
		"\n  applied   log.level: info -> warn\n", "\n  restart   lists.page_size: 1000 -> 7\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in\n%s", want, out)
		}
	}
	s.awaitTool("fresh__whoami")
	s.awaitGone("old__whoami")
	s.await("the changed one is another", func() bool {
		got, err := s.call("moved__whoami")
		if err != nil {
			t.Fatal(err)
		}
		return got == "fresh"
	})
	close(keptOut)
	close(oldOut)
	held.Wait()
	out, _, err = s.reload()
	if err != nil || !strings.Contains(out, "nothing has changed") ||
		!strings.Contains(out, "restart   lists.page_size: 1000 -> 7") {
		t.Errorf("got %s, %v", out, err)
	}
	for name, want := range map[string]float64{
		`mcploop_reloads_total{result="changed"}`:   1,
		`mcploop_reloads_total{result="unchanged"}`: 1,
		`mcploop_reloads_total{result="failed"}`:    0,
		`mcploop_config_restart_keys`:               1,
	} {
		if got := s.metric(name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

// TestReloadExchangesNames: an upstream takes the name of a view that goes with the same file, and
// the other way round.
func TestReloadExchangesNames(t *testing.T) {
	url, _, _ := toolServer(t, "it")
	s := serveFile(t, noWatch+"upstreams:\n  one: {url: '"+url+"'}\nviews:\n  two: {}\n")
	s.awaitTool("one__whoami")
	s.write(noWatch + "upstreams:\n  two: {url: '" + url + "'}\nviews:\n  one: {}\n" +
		"timeouts: {call: 1h}\nlists: {ttl: 1m}\n")
	out, faults, err := s.reload()
	if err != nil {
		t.Fatal(faults, err)
	}
	for _, want := range []string{
		"added     two\n", "removed   one\n", "views     one, two\n",
		"lists.ttl: 5m -> 1m", "timeouts.call: 5m -> 1h",
	} {
		if !strings.Contains(out, want) || strings.Contains(out, "restart") {
			t.Errorf("want %q, and nothing that waits, in\n%s", want, out)
		}
	}
	s.awaitTool("two__whoami")
	s.awaitGone("one__whoami")
}

// TestReloadTakesNoBrokenFile: whatever the file becomes, the server goes on with what it had and
// says why.
func TestReloadTakesNoBrokenFile(t *testing.T) {
	url, _, _ := toolServer(t, "kept")
	good := noWatch + "upstreams:\n  up: {url: '" + url + "'}\n"
	s := serveFile(t, good)
	s.awaitTool("up__whoami")
	hash := s.metric("mcploop_config_hash")
	failed := 0.0
	f := func(name, want string, make func()) {
		t.Helper()
		if err := os.Remove(s.file); err != nil {
			t.Fatal(err)
		}
		make()
		out, faults, err := s.reload()
		if err == nil || out != "" || !strings.Contains(faults, want) ||
			!strings.Contains(faults, "everything stays as it is") {
			t.Errorf("%s: got %q, %q, %v, want %q", name, out, faults, err, want)
		}
		if got, err := s.call("up__whoami"); got != "kept" || err != nil {
			t.Errorf("%s: afterwards a call brings %q, %v", name, got, err)
		}
		failed++
		if got := s.metric(`mcploop_reloads_total{result="failed"}`); got != failed {
			t.Errorf("%s: got %v failures, want %v", name, got, failed)
		}
		if got := s.metric("mcploop_config_hash"); got != hash {
			t.Errorf("%s: the hash is %v, was %v", name, got, hash)
		}
	}
	text := func(text string) func() { return func() { s.write(text) } }
	f("empty", "it is empty", text(""))
	f("comments alone", "it is empty", text("# later\n"))
	f("half a line", "cannot parse YAML", text(good+"  other: {url: 'http"))
	f("half a client's file", "cannot", text(`{"mcpServers": {"a": {"url": "http://127.0`))
	f("wrong type", "limits.connections", text(good+"limits: {connections: many}\n"))
	f("unknown key", "no such key", text(good+"limit: {}\n"))
	f("out of its limits", "timeouts.drain", text(good+"timeouts: {drain: 100h}\n"))
	f("unset variable", "${NOT_SET_ANYWHERE}", text(good+"name: ${NOT_SET_ANYWHERE}\n"))
	f("binary", "not UTF-8", text(good+"\x00\xff\xfe"))
	f("an upstream of two kinds", "url and command",
		text(noWatch+"upstreams:\n  up: {url: 'http://h:1/', command: [x]}\n"))
	f("not there", "no such file", func() {})
	s.write("")
	f("a directory", "no regular file", func() {
		if err := os.Mkdir(s.file, 0o700); err != nil {
			t.Fatal(err)
		}
	})
	f("a pipe", "no regular file", func() {
		if err := syscall.Mkfifo(s.file, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	f("a link to nowhere", "no such file", func() {
		if err := os.Symlink("nowhere", s.file); err != nil {
			t.Fatal(err)
		}
	})
	f("1 GB", "longer than 1MiB", func() {
		s.write("")
		if err := os.Truncate(s.file, 1<<30); err != nil {
			t.Fatal(err)
		}
	})
	s.write(good)
	if out, faults, err := s.reload(); err != nil || !strings.Contains(out, "nothing has changed") {
		t.Errorf("got %q, %q, %v, want the same file as ever", out, faults, err)
	}
}

// TestReloadWatches: a change is taken over when it is seen, however it is made.
func TestReloadWatches(t *testing.T) {
	url, _, _ := toolServer(t, "it")
	with := func(name string) string {
		return "tools: {samples: false}\nupstreams:\n  " + name + ": {url: '" + url + "'}\n"
	}
	s := serveFile(t, with("first"))
	s.awaitTool("first__whoami")
	s.write(with("renamed")) // as editors do
	s.awaitTool("renamed__whoami")
	if err := os.WriteFile(s.file, []byte(with("written")), 0o600); err != nil {
		t.Fatal(err)
	}
	s.awaitTool("written__whoami")
	if err := os.WriteFile(s.file, []byte("upstreams: {"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.await("a broken file is seen", func() bool {
		return s.metric(`mcploop_reloads_total{result="failed"}`) == 1
	})
	s.awaitTool("written__whoami")
	if err := os.Remove(s.file); err != nil {
		t.Fatal(err)
	}
	s.write(with("again"))
	s.awaitTool("again__whoami")
	s.awaitGone("written__whoami")
}

// TestReloadConfigMap: Kubernetes exchanges a directory behind a link.
func TestReloadConfigMap(t *testing.T) {
	url, _, _ := toolServer(t, "it")
	dir := t.TempDir()
	version := func(n int) {
		t.Helper()
		data := filepath.Join(dir, fmt.Sprint("..version_", n))
		text := fmt.Sprintf("tools: {samples: false}\nupstreams: {v%d: {url: '%s'}}\n", n, url)
		if err := os.Mkdir(data, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(data, "m.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(dir, "..data")
		if err := os.Symlink(filepath.Base(data), link+"_tmp"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link+"_tmp", link); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			if err := os.RemoveAll(filepath.Join(dir, fmt.Sprint("..version_", n-1))); err != nil {
				t.Fatal(err)
			}
		}
	}
	version(0)
	file := filepath.Join(dir, "m.yaml")
	if err := os.Symlink("..data/m.yaml", file); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	front := filepath.Join(t.TempDir(), "front")
	serving(ctx, t, "-c", file, "--unix", front)
	for n := range 3 {
		if n > 0 {
			version(n)
		}
		awaitTool(ctx, t, "unix://"+front, fmt.Sprintf("v%d__whoami", n))
	}
}

// TestReloadOnHangup: SIGHUP reads the file again, also where it is not watched; a client's file
// and variables, too.
func TestReloadOnHangup(t *testing.T) {
	url, _, _ := toolServer(t, "it")
	t.Setenv("UPSTREAM_URL", "http://127.0.0.1:1/")
	s := serveFile(t, `{"mcpServers": {"up": {"url": "${UPSTREAM_URL}"}}}`)
	t.Setenv("UPSTREAM_URL", url)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.awaitTool("up__whoami")
	if got := s.metric(`mcploop_reloads_total{result="changed"}`); got != 1 {
		t.Errorf("got %v changes counted, want 1", got)
	}
}

// TestReloadFindsItsServer: by the file, by admin.listen, or not at all.
func TestReloadFindsItsServer(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close() // as a process leaves it that was killed
	s := serveFile(t, noWatch+"admin: {listen: "+socket+"}\n")
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, %v, want 0600", info.Mode(), err)
	}
	for _, args := range [][]string{{"-c", s.file}, {"--admin", socket}} {
		out, faults, err := s.run(append([]string{"reload"}, args...)...)
		if err != nil || !strings.Contains(out, "nothing has changed") {
			t.Errorf("%q: got %q, %q, %v", args, out, faults, err)
		}
	}
	second := newServeCommand()
	second.SetArgs([]string{"-c", s.file, "--unix", filepath.Join(t.TempDir(), "x")})
	second.SetOut(io.Discard)
	second.SetErr(io.Discard)
	err = second.ExecuteContext(s.ctx)
	if err == nil || !strings.Contains(err.Error(), "another process listens there") {
		t.Errorf("a second server on the same socket: %v", err)
	}
	_, faults, err := s.run("reload", "--admin", filepath.Join(t.TempDir(), "nobody"))
	if err == nil || !strings.Contains(faults, "cannot reach a server") {
		t.Errorf("got %q, %v", faults, err)
	}
	off := filepath.Join(t.TempDir(), "off.yaml")
	if err := os.WriteFile(off, []byte("admin: {listen: off}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, faults, err = s.run("reload", "-c", off)
	if err == nil || !strings.Contains(faults, "admin.listen is off") {
		t.Errorf("got %q, %v", faults, err)
	}
}
