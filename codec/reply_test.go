package codec

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAppendMessages(t *testing.T) {
	f := func(got []byte, want string) {
		t.Helper()
		if string(got) != "<"+want {
			t.Errorf("got  %s\nwant <%s", got, want)
		}
		if !json.Valid(got[1:]) {
			t.Errorf("not valid JSON: %s", got)
		}
	}
	dst := func() []byte { return []byte("<") }
	id := []byte(`"a\n"`)
	f(AppendResult(dst(), id, []byte(`{"x":1}`)), `{"jsonrpc":"2.0","id":"a\n","result":{"x":1}}`)
	f(AppendError(dst(), []byte("1.0"), ErrMethodNotFound, nil),
		`{"jsonrpc":"2.0","id":1.0,"error":{"code":-32601,"message":"method not found"}}`)
	f(AppendError(dst(), nil, ErrParse, []byte(`{"a":[]}`)),
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error",`+
			`"data":{"a":[]}}}`)
	f(AppendError(dst(), nil, ErrInternal.With("\x00\xff\"\n"), nil), `{"jsonrpc":"2.0","id":null,`+
		`"error":{"code":-32603,"message":"internal error: \u0000\ufffd\"\n"}}`)
	f(AppendNotification(dst(), "a/b", nil), `{"jsonrpc":"2.0","method":"a/b"}`)
	f(AppendNotification(dst(), "a", []byte(`{}`)), `{"jsonrpc":"2.0","method":"a","params":{}}`)
	f(AppendRequest(dst(), []byte("7"), `a"`, []byte(`{"b":"\\n"}`)),
		`{"jsonrpc":"2.0","id":7,"method":"a\"","params":{"b":"\\n"}}`)
	f(AppendRequest(dst(), []byte("7"), "a", nil), `{"jsonrpc":"2.0","id":7,"method":"a"}`)
}

// A pretty-printed result must not end the frame of a line door early.
func TestAppendKeepsOneLine(t *testing.T) {
	result := []byte("{\r\n\t\"a\": [\n1,\r2\n]\n}\n")
	for _, got := range [][]byte{
		AppendResult([]byte("head\n")[:5], []byte("1"), result)[5:],
		AppendError(nil, nil, ErrInternal, result),
		AppendNotification(nil, "a", result),
		AppendRequest(nil, []byte("1"), "a", result),
	} {
		if strings.ContainsAny(string(got), "\r\n") || !json.Valid(got) {
			t.Errorf("not one line of JSON: %q", got)
		}
	}
	if string(result) != "{\r\n\t\"a\": [\n1,\r2\n]\n}\n" {
		t.Errorf("the caller's result was changed: %q", result)
	}
	if got := AppendResult([]byte("head\n"), []byte("1"), result); string(got[:5]) != "head\n" {
		t.Errorf("the head was changed: %q", got)
	}
}

func TestAppendString(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		got := string(AppendString([]byte("<"), s))
		if got != "<"+want {
			t.Errorf("AppendString(%q) = %s; want %s", s, got, want)
		}
		if b := string(AppendStringBytes([]byte("<"), []byte(s))); b != got {
			t.Errorf("AppendStringBytes(%q) = %s; AppendString %s", s, b, got)
		}
	}
	f("", `""`)
	f("plain", `"plain"`)
	f("a\"b\\c/d", `"a\"b\\c/d"`)
	f("\x00\x01\b\t\n\f\r\x1f\x7f", `"\u0000\u0001\u0008\t\n\u000c\r\u001f`+"\x7f"+`"`)
	f("é€😀\u2028", "\"é€😀\u2028\"")
	f("a\xffb", `"a\ufffdb"`)
	f("\xff\xff", `"\ufffd\ufffd"`)
	f("\xed\xa0\x80", `"\ufffd\ufffd\ufffd"`)
	f("é\xe2\x82", `"é\ufffd\ufffd"`)
	f("\ufffd", "\"\ufffd\"")
}

func TestUnquoteString(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		got, ok := UnquoteString([]byte("<"), []byte(raw))
		if !ok || string(got) != "<"+want {
			t.Errorf("UnquoteString(%s) = %q, %v; want %q", raw, got, ok, want)
		}
		content, ok := StringContent([]byte(raw))
		if !ok || string(content) != want {
			t.Errorf("StringContent(%s) = %q, %v; want %q", raw, content, ok, want)
		}
	}
	f(`""`, "")
	f(`"abc"`, "abc")
	f(`"a long string without any escape"`, "a long string without any escape")
	f(`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t")
	f(`"é€\u00e9\u20AC😀"`, "é€é€😀")
	f(`"\ud83d\ude00"`, "😀")
	f(`"\ud83d"`, "\ufffd")
	f(`"\ude00x"`, "\ufffdx")
	f(`"\ud83d\u0041"`, "\ufffdA")
	f(`"\ud83d\ud83d\ude00"`, "\ufffd😀")
	f(`"\ud83d\n"`, "\ufffd\n")
	f(`"\u0000"`, "\x00")

	bad := []string{
		``, `"`, `a`, `1`, `null`, `{}`, `abc"`, `"abc`, `"a"b"`, `"a""`, `"\"`, `"\x"`, `"\u12"`,
		`"\u12G4"`, `"\`, `"\u`, `"\ud83d\u00"`, "\"a\nb\"", "\"\xff\"", "\"\xe2\x82\"",
		` "a"`, `"a" `,
	}
	for _, raw := range bad {
		if got, ok := UnquoteString([]byte("<"), []byte(raw)); ok || string(got) != "<" {
			t.Errorf("UnquoteString(%q) = %q, %v; want none", raw, got, ok)
		}
		if got, ok := StringContent([]byte(raw)); ok {
			t.Errorf("StringContent(%q) = %q; want none", raw, got)
		}
	}
}

// What AppendString writes, UnquoteString and encoding/json read back as the same.
func FuzzStrings(f *testing.F) {
	for _, s := range []string{"", "a", "\x00\"\\\xff", "é\xe2\x82", "<>&\u2028😀"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := strings.ToValidUTF8(s, "\x00")
		raw := AppendString(nil, s)
		got, ok := UnquoteString(nil, raw)
		if !ok || !utf8.Valid(got) {
			t.Fatalf("%q became %s, read back %q", s, raw, got)
		}
		if utf8.ValidString(s) && string(got) != want {
			t.Fatalf("%q became %s, read back %q", s, raw, got)
		}
		var std string
		if err := json.Unmarshal(raw, &std); err != nil || std != string(got) {
			t.Fatalf("%s: encoding/json reads %q (%v), we %q", raw, std, err, got)
		}
	})
}
