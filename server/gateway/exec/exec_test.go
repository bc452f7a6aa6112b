package exec_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
	"github.com/mcploop/mcploop/server/gateway/exec"
)

// result is an answer as a client reads it.
type result struct {
	IsError           bool
	StructuredContent json.RawMessage
	Content           []struct {
		Type, Text string
		Resource   struct{ URI, MIMEType, Blob string }
	}
}

func (r *result) text() string {
	if len(r.Content) == 0 {
		return ""
	}
	return r.Content[0].Text
}

// plainEnv is enough to run a shell.
func plainEnv() []string { return []string{"PATH=/usr/bin:/bin"} }

// provide makes a provider of one tool, "t".
func provide(t *testing.T, o exec.ToolOptions, change func(*exec.Options)) *exec.Provider {
	t.Helper()
	o.Name = "t"
	opt := exec.Options{Tools: []exec.ToolOptions{o}, Env: plainEnv()}
	if change != nil {
		change(&opt)
	}
	p, err := exec.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func call(ctx context.Context, t *testing.T, p *exec.Provider, args string) (result, error) {
	t.Helper()
	raw, err := p.Call(ctx, gateway.ProviderCall{
		Kind: mcp.KindTool, Own: "t", Arguments: []byte(args),
		Req: &mcp.Request{Version: mcp.LatestModern},
	})
	var r result
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatalf("answered %s: %v", raw, err)
	}
	return r, nil
}

func must(t *testing.T, p *exec.Provider, args string) *result {
	t.Helper()
	r, err := call(t.Context(), t, p, args)
	if err != nil {
		t.Fatal(err)
	}
	return &r
}

func quoted(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// show prints its arguments, each in brackets.
var show = []string{"sh", "-c", `for a in "$@"; do printf '[%s]' "$a"; done`, "sh"}

// TestArgumentsStayArguments: whatever a text holds, it is one element of the command line.
func TestArgumentsStayArguments(t *testing.T) {
	p := provide(t, exec.ToolOptions{Command: append(show, "{x}", "--opt={x}", "end")}, nil)
	for _, text := range []string{
		"plain", "two words", "", "*", "$(id)", "`id`", "$HOME", ";id", "|id", "&& id", ">f", "'",
		`"`, `\`, "a\nb", "é漢", "{x}", "%s", "~", "!x", "#", "x -y", "\t",
	} {
		r := must(t, p, `{"x":`+quoted(text)+`}`)
		if want := "[" + text + "][--opt=" + text + "][end]"; r.IsError || r.text() != want {
			t.Errorf("%q: got %+v, want %q", text, r, want)
		}
	}
}

// TestOptions: a text that begins with - is refused unless that was declared, or nothing behind it
// can be an option.
func TestOptions(t *testing.T) {
	f := func(o exec.ToolOptions, args, want string) {
		t.Helper()
		r := must(t, provide(t, o, nil), args)
		if want == "" {
			if !r.IsError || !strings.Contains(r.text(), "must not") {
				t.Errorf("%v %s: got %+v", o.Command, args, r)
			}
		} else if r.text() != want {
			t.Errorf("%v %s: got %+v, want %q", o.Command, args, r, want)
		}
	}
	x := append(show, "{x}")
	list := json.RawMessage(`{"type":"object","properties":{"x":{"type":"array"}}}`)
	number := json.RawMessage(`{"type":"object","properties":{"x":{"type":"number"}}}`)
	f(exec.ToolOptions{Command: x}, `{"x":"-rf"}`, "")
	f(exec.ToolOptions{Command: x}, `{"x":"--"}`, "")
	f(exec.ToolOptions{Command: x}, `{"x":"a\u0000b"}`, "")
	f(exec.ToolOptions{Command: x, Input: number}, `{"x":-1}`, "")
	f(exec.ToolOptions{Command: x, Options: []string{"x"}}, `{"x":"-rf"}`, "[-rf]")
	f(exec.ToolOptions{Command: append(show, "--", "{x}")}, `{"x":"-rf"}`, "[--][-rf]")
	f(exec.ToolOptions{Command: append(show, "--a={x}")}, `{"x":"-rf"}`, "[--a=-rf]")
	spread := exec.ToolOptions{Command: append(show, "{x...}", "end"), Input: list}
	f(spread, `{"x":["a b","c",1,null]}`, "[a b][c][1][null][end]")
	f(spread, `{"x":[]}`, "[end]")
	f(spread, `{}`, "[end]")
	f(spread, `{"x":["a","-b"]}`, "")
	literal := append(show, "{", "}", "{}", "{print $1}", "{a b}", "--{z}")
	f(exec.ToolOptions{Command: literal}, `{}`, "[{][}][{}][{print $1}][{a b}][--{z}]")
	f(exec.ToolOptions{Command: x, Input: list}, `{"x":["a","b"]}`, `[["a","b"]]`)
	f(exec.ToolOptions{Command: append(show, "{x}", "end"), Input: list}, `{}`, "[end]")
}

// TestFaults: each fault of the options is found before anything runs.
func TestFaults(t *testing.T) {
	f := func(want string, o exec.ToolOptions) {
		t.Helper()
		o.Name = "t"
		_, err := exec.New(exec.Options{Tools: []exec.ToolOptions{o}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q in it", o, err, want)
		}
	}
	f("cannot run nothing", exec.ToolOptions{})
	f("cannot run nothing", exec.ToolOptions{Command: []string{""}})
	f("must not be an argument", exec.ToolOptions{Command: []string{"{x}"}})
	for _, element := range []string{
		"a{x}", "-{x}", "{x}b", "{x}{x}", "--a={x}{x}", "={x}", "--a={x...}", "{+x}", "a{x...}",
	} {
		f("all of an element", exec.ToolOptions{Command: []string{"p", "{x}", element}})
	}
	f("no {y}", exec.ToolOptions{Command: []string{"p", "{x}"}, Options: []string{"y"}})
	f("write input", exec.ToolOptions{Command: []string{"p", "{x...}"}})
	f("no such property", exec.ToolOptions{
		Command: []string{"p", "{x}"}, Input: json.RawMessage(`{"type":"object"}`),
	})
	f("NUL", exec.ToolOptions{Command: []string{"p", "a\x00"}})
	if _, err := exec.New(exec.Options{}); err == nil {
		t.Error("no tools are none")
	}
	p := provide(t, exec.ToolOptions{Command: []string{"no-such-program"}}, nil)
	if _, err := p.List(t.Context()); err == nil || !strings.Contains(err.Error(), "whole path") {
		t.Errorf("got %v, want what to write", err)
	}
	p = provide(t, exec.ToolOptions{Command: []string{"/etc/passwd"}}, nil)
	if _, err := p.List(t.Context()); err == nil {
		t.Error("a file that is no program is one")
	}
	if _, err := call(t.Context(), t, p, `{}`); err == nil {
		t.Error("a file that is no program was run")
	}
}

// TestEnvironment: a program sees what was listed for it, and descriptors 0 to 2.
func TestEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_OURS", "x")
	dir := t.TempDir()
	held, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	fd, err := syscall.Dup(int(held.Fd())) // without close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(fd) }()
	p := provide(t, exec.ToolOptions{Command: []string{
		"sh", "-c", "pwd; ls /proc/self/fd | wc -l; exec env",
	}}, func(o *exec.Options) {
		o.Dir = dir
		o.Env = append(o.Env, "A=1", "A=2")
	})
	lines := strings.Split(must(t, p, `{}`).text(), "\n")
	if lines[0] != dir {
		t.Errorf("it ran in %s, want %s", lines[0], dir)
	}
	if lines[1] != "4" { // and that of the directory itself
		t.Errorf("it had %s descriptors", lines[1])
	}
	got := strings.Join(lines[2:], "\n")
	if strings.Contains(got, "SECRET") || !strings.Contains(got, "A=2\n") ||
		strings.Contains(got, "A=1") {
		t.Errorf("its environment was %s", got)
	}
}

// TestStdin: an argument is standard input as it is; without one it is empty.
func TestStdin(t *testing.T) {
	p := provide(t, exec.ToolOptions{Command: []string{"cat"}, Stdin: "text"}, nil)
	long := strings.Repeat("é long\n", 20_000)
	for _, text := range []string{"", "a", "$(id)\n\ttab", long} {
		if r := must(t, p, `{"text":`+quoted(text)+`}`); r.text() != text {
			t.Errorf("%.20q of %d came back as %d bytes", text, len(text), len(r.text()))
		}
	}
	p = provide(t, exec.ToolOptions{Command: []string{"true"}, Stdin: "text"}, nil)
	if r := must(t, p, `{"text":`+quoted(long)+`}`); r.IsError {
		t.Errorf("a program that does not read: %+v", r)
	}
	p = provide(t, exec.ToolOptions{Command: []string{"cat"}}, nil)
	if r := must(t, p, `{}`); r.IsError || r.text() != "" {
		t.Errorf("got %+v", r)
	}
}

// TestOutcomes: exit status, signals, standard error, JSON, bytes.
func TestOutcomes(t *testing.T) {
	script := func(text string, output string) *exec.Provider {
		o := exec.ToolOptions{Command: []string{"sh", "-c", text}}
		if output != "" {
			o.Output = json.RawMessage(output)
		}
		return provide(t, o, func(o *exec.Options) { o.ResultBytesMax = 10_000 })
	}
	r := must(t, script("echo out; echo err >&2; exit 3", ""), `{}`)
	if !r.IsError || r.text() != "exit status 3\nerr\n\nout\n" {
		t.Errorf("got %+v", r)
	}
	if r = must(t, script("kill -9 $$", ""), `{}`); !r.IsError || r.text() != "signal: killed" {
		t.Errorf("got %+v", r)
	}
	if r = must(t, script("echo out; echo err >&2", ""), `{}`); r.IsError || r.text() != "out\n" {
		t.Errorf("got %+v", r)
	}
	r = must(t, script("seq 1 100000 >&2; exit 1", ""), `{}`)
	if !strings.HasSuffix(strings.TrimSpace(r.text()), "\n100000") || len(r.text()) > 5000 {
		t.Errorf("got %d bytes of standard error: %.100s", len(r.text()), r.text())
	}
	const object = `{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`
	r = must(t, script(`echo '{"n": 1, "f": 1.50}'`, object), `{}`)
	if r.IsError || string(r.StructuredContent) != `{"n": 1, "f": 1.50}` {
		t.Errorf("got %+v", r)
	}
	for text, want := range map[string]string{
		`echo '{"n": "1"}'`: "does not conform", `echo no`: "is not JSON", `true`: "is not JSON",
		`echo '{"n":1} {}'`: "is not JSON",
		`printf '{"n":1,"s":"'; head -c 20000 /dev/zero | tr '\0' x; echo '"}'`: "more than 10000",
	} {
		if r = must(t, script(text, object), `{}`); !r.IsError || r.StructuredContent != nil ||
			!strings.Contains(r.text(), want) {
			t.Errorf("%s: got %+v", text, r)
		}
	}
	r = must(t, script(`printf '\000\377'`, ""), `{}`)
	if len(r.Content) != 1 || r.Content[0].Resource.Blob != "AP8=" {
		t.Errorf("got %+v", r)
	}
	r = must(t, script("head -c 20000 /dev/zero", ""), `{}`)
	if !r.IsError || !strings.Contains(r.text(), "no text") {
		t.Errorf("got %+v", r)
	}
}
