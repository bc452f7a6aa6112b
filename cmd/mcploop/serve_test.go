package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/config"
)

// TestServeSaysWhereItIs starts the command as a user would, and calls a tool at every address that
// it prints.
func TestServeSaysWhereItIs(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	file := filepath.Join(t.TempDir(), "mcploop.yaml")
	// A door of the file gives way to those of the command line.
	err := os.WriteFile(file, []byte("name: n\nlisten:\n  http: [\"192.0.2.1:1\"]\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd := newServeCommand()
	cmd.SetArgs([]string{
		"-c", file, "--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0",
		"--unix", filepath.Join(t.TempDir(), "s"),
	})
	said, out := io.Pipe()
	cmd.SetOut(out)
	cmd.SetErr(io.Discard)
	ended := make(chan error, 1)
	go func() {
		err := cmd.ExecuteContext(ctx)
		out.Close()
		ended <- err
	}()
	var text strings.Builder
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		text.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "Try: ") {
			break
		}
	}
	urls := regexp.MustCompile(`\b(http|ws|tcp|unix)://\S*`).FindAllString(text.String(), -1)
	called := map[string]bool{}
	for _, url := range urls {
		if strings.HasSuffix(url, "/health") || strings.HasSuffix(url, "/metrics") {
			continue
		}
		url = strings.TrimRight(url, `"`)
		call := newToolsCommand()
		var answer bytes.Buffer
		call.SetOut(&answer)
		call.SetArgs([]string{"call", "echo", url, "--arg", "message=hello"})
		if err := call.ExecuteContext(ctx); err != nil || answer.String() != "hello\n" {
			t.Errorf("%s: got %q, %v", url, answer.String(), err)
		}
		scheme, _, _ := strings.Cut(url, ":")
		called[scheme+filepath.Ext("."+filepath.Base(url))] = true
	}
	for _, want := range []string{"http.mcp", "ws.mcp", "http.sse", "unix.s"} {
		if !called[want] {
			t.Errorf("nothing was called at %s: it printed %v in\n%s", want, urls, text.String())
		}
	}
	if !strings.Contains(text.String(), `"mcpServers"`) {
		t.Errorf("no block to paste in\n%s", text.String())
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestEachKeyReachesTheServer changes one key of the configuration after the other: one that leaves
// the options of the server as they are is a key that nothing reads.
func TestEachKeyReachesTheServer(t *testing.T) {
	elsewhere := []string{ // serve, newLog and setMemory read these
		"Log.Level", "Log.Format", "Tools.Samples", "Memory.Limit", "Memory.GOGC",
		"Reload.Watch", "Admin.Listen", // reloader: TestReload*
		"Upstreams", // addUpstreams: TestEachUpstreamKeyReachesTheGateway
		"Views",     // viewOptions: TestEachViewKeyReachesTheServer
	}
	count := 0
	each(reflect.ValueOf(config.Default()).Elem(), "", func(path string) {
		count++
		cfg := config.Default()
		change(t, path, fieldAt(reflect.ValueOf(cfg).Elem(), path))
		same := reflect.DeepEqual(optionsOf(cfg), optionsOf(config.Default()))
		if same != slices.Contains(elsewhere, path) {
			t.Errorf("%s: the options are the same: %v", path, same)
		}
	})
	if count < 60 {
		t.Errorf("found %d keys; does the test look at the wrong struct?", count)
	}
}

func optionsOf(cfg *config.Config) server.Options {
	opt := serverOptions(cfg, io.Discard)
	opt.Log = nil // another one each time
	return opt
}

// each visits the exported leaves of a struct by their path.
func each(v reflect.Value, prefix string, visit func(path string)) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		switch path := prefix + field.Name; {
		case !field.IsExported():
		case field.Type.Kind() == reflect.Struct:
			each(v.Field(i), path+".", visit)
		default:
			visit(path)
		}
	}
}

func fieldAt(v reflect.Value, path string) reflect.Value {
	for name := range strings.SplitSeq(path, ".") {
		v = v.FieldByName(name)
	}
	return v
}

func change(t *testing.T, path string, field reflect.Value) {
	t.Helper()
	switch field.Kind() {
	case reflect.Bool:
		field.SetBool(!field.Bool())
	case reflect.Int, reflect.Int64:
		field.SetInt(field.Int() + 1)
	case reflect.String:
		field.SetString(field.String() + "x")
	case reflect.Map:
		field.Set(reflect.MakeMap(field.Type()))
	case reflect.Slice:
		field.Set(reflect.ValueOf([]string{strings.Repeat("QUJD", 10) + "QUI="}))
	default:
		t.Errorf("%s is a %s: teach this test to change it", path, field.Kind())
	}
}

// TestLogLevelAndFormat: what the options cannot be compared by.
func TestLogLevelAndFormat(t *testing.T) {
	var out bytes.Buffer
	log := newLog(config.Log{Level: "error", Format: "json"}, &out, nil)
	log.Warn("one")
	log.Error("two")
	if got := out.String(); strings.Contains(got, "one") || !strings.HasPrefix(got, `{"time":`) {
		t.Errorf("got %s", got)
	}
	out.Reset()
	newLog(config.Log{Level: "debug", Format: "text"}, &out, nil).Debug("one")
	if got := out.String(); !strings.Contains(got, "level=DEBUG msg=one") {
		t.Errorf("got %s", got)
	}
}
