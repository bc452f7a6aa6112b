package rest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/server/gateway/rest"
)

// TestFaults: each fault of the options is found before anything runs, and says what to write.
func TestFaults(t *testing.T) {
	f := func(want string, change func(*rest.Options, *rest.ToolOptions)) {
		t.Helper()
		tool := rest.ToolOptions{Name: "t", URL: "/x/{id}"}
		opt := rest.Options{BaseURL: "http://127.0.0.1:1/v1"}
		change(&opt, &tool)
		opt.Tools = append(opt.Tools, tool)
		if _, err := rest.New(opt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	f("no such property", func(_ *rest.Options, o *rest.ToolOptions) {
		o.Input = json.RawMessage(`{"type":"object","properties":{"other":{}}}`)
	})
	f("type: object", func(_ *rest.Options, o *rest.ToolOptions) {
		o.Input = json.RawMessage(`{"type":"string"}`)
	})
	f("output schema", func(_ *rest.Options, o *rest.ToolOptions) {
		o.Output = json.RawMessage(`{"type":"object","properties":7}`)
	})
	for _, bad := range []string{
		"", "x", "ftp://h/", "http://{host}/", "http:///x", "http://u:p@h/", "http://h/#f",
		"http://h/?q={x}", "http://h/{", "http://h/}", "http://h/{a b}", "http://h/{}",
	} {
		f("cannot use", func(_ *rest.Options, o *rest.ToolOptions) { o.URL = bad })
	}
	f("cannot use the method", func(_ *rest.Options, o *rest.ToolOptions) { o.Method = "get" })
	f("cannot send a body with GET", func(_ *rest.Options, o *rest.ToolOptions) {
		o.Body = json.RawMessage(`1`)
	})
	f("body type", func(_ *rest.Options, o *rest.ToolOptions) {
		o.Method, o.Body, o.BodyType = "POST", json.RawMessage(`1`), "xml"
	})
	f("form", func(_ *rest.Options, o *rest.ToolOptions) {
		o.Method, o.Body, o.BodyType = "POST", json.RawMessage(`"a"`), "form"
	})
	f("text", func(_ *rest.Options, o *rest.ToolOptions) {
		o.Method, o.Body, o.BodyType = "POST", json.RawMessage(`{}`), "text"
	})
	for _, name := range []string{"Host", "content-length", "a b", "", "X:Y", "connection"} {
		f("header", func(_ *rest.Options, o *rest.ToolOptions) {
			o.Headers = map[string]string{name: "v"}
		})
		f("header", func(o *rest.Options, _ *rest.ToolOptions) {
			o.Headers = map[string]string{name: "v"}
		})
	}
	f("control characters", func(o *rest.Options, _ *rest.ToolOptions) { o.Bearer = "a\nb" })
	f("bearer and basic", func(o *rest.Options, _ *rest.ToolOptions) {
		o.Bearer, o.Basic = "a", "b:c"
	})
	f("hint", func(_ *rest.Options, o *rest.ToolOptions) { o.Hints = []string{"nice"} })
	f("together", func(_ *rest.Options, o *rest.ToolOptions) {
		o.Hints = []string{"read_only", "destructive"}
	})
	f("pointer", func(_ *rest.Options, o *rest.ToolOptions) { o.Pointer = "data" })
	f("field", func(_ *rest.Options, o *rest.ToolOptions) { o.Fields = []string{"a..b"} })
	f("result", func(_ *rest.Options, o *rest.ToolOptions) { o.Result = "xml" })
	f("twice", func(o *rest.Options, o2 *rest.ToolOptions) { o.Tools = append(o.Tools, *o2) })
	f("base_url", func(o *rest.Options, _ *rest.ToolOptions) { o.BaseURL = "http://h/?a=b" })
	if _, err := rest.New(rest.Options{}); err == nil {
		t.Error("an API without tools is none")
	}
}
