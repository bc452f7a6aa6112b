package rest_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/server/gateway/rest"
)

// hostile are texts that want to be more than a text.
var hostile = []string{
	"plain", "with space", "a/b", "a\\b", "a?x=1", "a#frag", "a&admin=1", "a=b", "a+b", "100%",
	"%2e%2e%2fadmin", "%00", "a;b", "{id}", "{{x}}", `"`, `","admin":true,"x":"`, `\`, "'", "é漢😀",
	"http://evil.example/", "//evil.example", "@evil.example", ":80", "a,b", "[x]", "$(id)", "`id`",
	"\u2028", "true", "null", "12", "-1", "<script>", "a\tb",
}

// refusedInPath lead elsewhere, or nowhere.
var refusedInPath = []string{
	"", ".", "..", "../admin", "a/../../admin", "..\\admin", "./x", "x/..", "x/.",
}

// refusedInHeader would end the header.
var refusedInHeader = []string{
	"a\r\nX-Admin: 1", "a\nb", "a\rb", "a\x00b", "\x7f", "a\r\n\r\nGET / HTTP/1.1",
}

func injectable() rest.Options {
	return rest.Options{Tools: []rest.ToolOptions{
		{Name: "path", URL: "/v1/items/{x}/end"},
		{Name: "deep", URL: "/v1/files/{+x}"},
		{Name: "query", URL: "/v1/q?own=1", Query: map[string]string{"x": "{x}", "y": "<{x}>"}},
		{Name: "header", URL: "/v1/h", Headers: map[string]string{"X-Value": "{x}"}},
		{
			Name: "json", URL: "/v1/j", Method: "POST",
			Body: json.RawMessage(`{"x":"{x}","in":["<{x}>",{"k":"{x}"}],"fixed":"f","n":1.50}`),
		},
		{
			Name: "form", URL: "/v1/f", Method: "POST", BodyType: "form",
			Body: json.RawMessage(`{"x":"{x}","fixed":"f"}`),
		},
		{
			Name: "text", URL: "/v1/t", Method: "PUT", BodyType: "text",
			Body: json.RawMessage(`"<{x}>"`),
		},
	}}
}

// TestArgumentsStayInTheirPlace sends hostile texts through every place: each arrives as it is, and
// nothing beside it changes.
func TestArgumentsStayInTheirPlace(t *testing.T) {
	a := startAPI(t, injectable(), nil)
	for _, text := range append(hostile, refusedInHeader...) {
		args := `{"x":` + quoted(text) + `}`
		a.must("path", args)
		got := a.got()
		segments := strings.Split(got.URL.EscapedPath(), "/")
		if len(segments) != 5 || got.URL.RawQuery != "" {
			t.Fatalf("path %q: asked for %s", text, got.RequestURI)
		}
		if value, err := url.PathUnescape(segments[3]); err != nil || value != text ||
			segments[1] != "v1" || segments[2] != "items" || segments[4] != "end" {
			t.Errorf("path %q: asked for %s, %v", text, got.RequestURI, err)
		}
		a.must("query", args)
		q, err := url.ParseQuery(a.got().URL.RawQuery)
		if err != nil || len(q) != 3 || q.Get("x") != text || q.Get("y") != "<"+text+">" ||
			q.Get("own") != "1" {
			t.Errorf("query %q: got %v, %v", text, q, err)
		}
		a.must("json", args)
		var body struct {
			X     string
			In    []json.RawMessage
			Fixed string
			N     json.Number
		}
		raw := a.got().body
		if err := json.Unmarshal([]byte(raw), &body); err != nil || body.X != text ||
			body.Fixed != "f" || body.N != "1.50" || len(body.In) != 2 ||
			!sameJSON(body.In[0], "<"+text+">") ||
			!sameJSON(body.In[1], map[string]string{"k": text}) {
			t.Errorf("json %q: got %s, %v", text, raw, err)
		}
		a.must("form", args)
		form, err := url.ParseQuery(a.got().body)
		if err != nil || len(form) != 2 || form.Get("x") != text || form.Get("fixed") != "f" {
			t.Errorf("form %q: got %v, %v", text, form, err)
		}
		a.must("text", args)
		if got := a.got().body; got != "<"+text+">" {
			t.Errorf("text %q: got %q", text, got)
		}
	}
}

func sameJSON(raw json.RawMessage, want any) bool {
	wanted, err := json.Marshal(want)
	if err != nil {
		return false
	}
	var a, b any
	return json.Unmarshal(raw, &a) == nil && json.Unmarshal(wanted, &b) == nil &&
		mustJSON(a) == mustJSON(b)
}

func mustJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// TestHeaderArguments: a header takes what has no control characters, and its edges trimmed.
func TestHeaderArguments(t *testing.T) {
	a := startAPI(t, injectable(), nil)
	for _, text := range hostile {
		a.must("header", `{"x":`+quoted(text)+`}`)
		got := a.got()
		if value := got.Header.Get("X-Value"); value != text || got.Header.Get("X-Admin") != "" {
			t.Errorf("header %q: got %q", text, value)
		}
	}
	for _, text := range refusedInHeader {
		r := a.must("header", `{"x":`+quoted(text)+`}`)
		if !r.IsError || !strings.Contains(r.text(), "control characters") || !a.nothing() {
			t.Errorf("header %q: answered %+v", text, r)
		}
	}
}

// TestPathArguments: nothing leads up or out of a path.
func TestPathArguments(t *testing.T) {
	a := startAPI(t, injectable(), nil)
	for _, text := range refusedInPath {
		for _, tool := range []string{"path", "deep"} {
			r := a.must(tool, `{"x":`+quoted(text)+`}`)
			if !r.IsError || !a.nothing() {
				t.Errorf("%s %q: answered %+v", tool, text, r)
			}
		}
	}
	for text, want := range map[string]string{
		"a/b/c.txt": "/v1/files/a/b/c.txt", "a b/ü": "/v1/files/a%20b/%C3%BC",
		"a/%2e%2e/b": "/v1/files/a/%252e%252e/b", "..a/b..": "/v1/files/..a/b..",
		"a?b#c": "/v1/files/a%3Fb%23c",
	} {
		a.must("deep", `{"x":`+quoted(text)+`}`)
		if got := a.got().RequestURI; got != want {
			t.Errorf("deep %q: asked for %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"/etc", "a//b"} {
		if r := a.must("deep", `{"x":`+quoted(text)+`}`); !r.IsError || !a.nothing() {
			t.Errorf("deep %q: answered %+v", text, r)
		}
	}
}

// TestLiteralAndArgumentMakeNoDots: "." before an argument "." would be "..".
func TestLiteralAndArgumentMakeNoDots(t *testing.T) {
	a := startAPI(t, rest.Options{Tools: []rest.ToolOptions{
		{Name: "t", URL: "/a/{x}{y}/b"},
	}}, nil)
	if r := a.must("t", `{"x":"a","y":".."}`); !r.IsError {
		t.Errorf("answered %+v", r)
	}
	if r := a.must("t", `{"x":"...","y":"b"}`); r.IsError || a.got().RequestURI != "/a/...b/b" {
		t.Errorf("answered %+v", r)
	}
}

// TestArgumentsAreTyped: a place that is all of a body's string takes the argument as JSON; what
// was left out leaves nothing, a default stands in, an array is a name several times.
func TestArgumentsAreTyped(t *testing.T) {
	schema := json.RawMessage(`{"type":"object","properties":{"n":{"type":"number"},
		"o":{"type":"object"},"s":{"type":["string","null"]},"l":{"type":"array"},
		"d":{"type":"string","default":"usual"},"b":{"type":"boolean"}},
		"additionalProperties":false}`)
	a := startAPI(t, rest.Options{Tools: []rest.ToolOptions{
		{
			Name: "json", URL: "/j", Method: "POST", Input: schema,
			Body: json.RawMessage(`{"n":"{n}","o":"{o}","s":"{s}","l":["{l}","{b}"],"d":"{d}",
				"t":"{n} of {b}"}`),
		},
		{
			Name: "query", URL: "/q", Input: schema,
			Query: map[string]string{"l": "{l}", "n": "{n}", "b": "{b}", "o": "{o}"},
		},
	}}, nil)
	a.must("json", `{"n":12345678901234567890.10,"o":{"z":1,"a":[]},"l":[],"b":false,"s":null}`)
	const want = `{"n":12345678901234567890.10,"o":{"z":1,"a":[]},"s":null,"l":[[],false],` +
		`"d":"usual","t":"12345678901234567890.10 of false"}`
	if got := a.got().body; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	a.must("json", `{}`)
	if got := a.got().body; got != `{"l":[],"d":"usual"}` {
		t.Errorf("got %s, want nothing of what was left out", got)
	}
	a.must("query", `{"l":["a&b","c",3,true],"n":1e3,"o":{"k": "v"}}`)
	const query = "l=a%26b&l=c&l=3&l=true&n=1e3&o=%7B%22k%22%3A%22v%22%7D"
	if got := a.got().URL.RawQuery; got != query {
		t.Errorf("got %s", got)
	}
}

// TestArgumentsAreChecked: what does not fit the schema is not sent, and the model is told; before
// 2025-11-25 it is a protocol error.
func TestArgumentsAreChecked(t *testing.T) {
	a := startAPI(t, injectable(), nil)
	for _, args := range []string{`{}`, `{"x":1}`, `{"x":"a","y":"b"}`, `{"x":"a","x":"b"}`} {
		r := a.must("path", args)
		if !r.IsError || !strings.Contains(r.text(), "invalid arguments") || !a.nothing() {
			t.Errorf("%s: answered %+v", args, r)
		}
	}
}
