package codec

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"testing"
	"unicode/utf8"
)

// What is listed of arguments: every member with its value, or nothing at all.
func TestArgumentsListed(t *testing.T) {
	const seven = `"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7`
	for arguments, want := range map[string]string{
		`{}`:                                "",
		`{"message":"hi"}`:                  `message="hi" `,
		`{ "a" : [1,{"b":2}] , "b":null }`:  `a=[1,{"b":2}] b=null `,
		`{"a":1,"a":2}`:                     `a=1 a=2 `,
		`{"repository_name":{"a":"b"}}`:     `repository_name={"a":"b"} `,
		`{` + seven + `,"h":8}`:             "a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8 ",
		`{` + seven + `,"h":8,"i":9}`:       "nothing",
		`{"\u0061":1}`:                      "nothing",
		`{"long\u0061":1,"b":2}`:            "nothing",
		`[1]`:                               "nothing",
		`null`:                              "nothing",
		`{"é":1}`:                           "é=1 ",
		`{"":0,"x":{"arguments":{"y":1}}} `: `=0 x={"arguments":{"y":1}} `,
	} {
		for _, frame := range []string{
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":` +
				arguments + `}}`,
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":` +
				arguments + `,"_meta":{"arguments":{"z":1}}}}`,
			`{"id":"1","params":{"arguments": ` + arguments + `,"name":"a"},` +
				`"method":"prompts/get","jsonrpc":"2.0"}`,
		} {
			var s Scanner
			var m Message
			if err := s.Scan([]byte(frame), &m); err != nil {
				t.Fatal(frame, err)
			}
			if got := listedText(m.ArgumentMembers); got != want {
				t.Errorf("%s: listed %s, want %s", frame, got, want)
			}
			if got := string(m.Arguments); got != strings.TrimSpace(arguments) {
				t.Errorf("%s: arguments are %s", frame, got)
			}
			// The next message knows nothing of this one.
			_ = s.Scan([]byte(`{"jsonrpc":"2.0","id":1,"method":"ping"}`), &m)
			if m.Arguments != nil || m.ArgumentMembers != nil {
				t.Errorf("%s: left something behind", frame)
			}
		}
	}
}

func listedText(members []Member) string {
	if members == nil {
		return "nothing"
	}
	var b strings.Builder
	for _, m := range members {
		b.WriteString(string(m.Key) + "=" + string(m.Value) + " ")
	}
	return b.String()
}

// Arguments that come twice make no message, and faulty ones are no JSON.
func TestArgumentsRefused(t *testing.T) {
	for params, want := range map[string]*Error{
		`{"name":"a","arguments":{},"arguments":{}}`:               ErrInvalidRequest,
		`{"arguments":{"a":1},"name":"a","arguments":{}}`:          ErrInvalidRequest,
		`{"name":"a","arguments":{"a":1,}}`:                        ErrParse,
		`{"name":"a","arguments":{"a"}}`:                           ErrParse,
		`{"name":"a","arguments":{"a" 1}}`:                         ErrParse,
		`{"name":"a","arguments":{"a":01}}`:                        ErrParse,
		`{"name":"a","arguments":{a:1}}`:                           ErrParse,
		`{"name":"a","arguments":{"a":1 "b":2}}`:                   ErrParse,
		`{"name":"a","arguments":{"abcdefghijk` + "\x01" + `":1}}`: ErrParse,
		`{"name":"a","arguments":{"a":1}`:                          ErrParse,
		`{"name":"a","arguments":{`:                                ErrParse,
	} {
		var s Scanner
		var m Message
		frame := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":` + params + `}`
		if err := s.Scan([]byte(frame), &m); err != want {
			t.Errorf("%s: %v, want %v", frame, err, want)
		}
		if m.Arguments != nil || m.ArgumentMembers != nil {
			t.Errorf("%s: refused, but has arguments", frame)
		}
	}
}

// Every byte at every place of a word, before and behind plain ones.
func TestMarks(t *testing.T) {
	for c := range 256 {
		special := c == '"' || c == '\\' || c < ' ' || c >= utf8.RuneSelf
		for at := range 8 {
			for _, plain := range []byte{' ', '!', '#', '[', ']', 'a', 0x7f} {
				word := []byte(strings.Repeat(string(plain), 8))
				word[at] = byte(c)
				want := 8
				if special {
					want = at
				}
				got := bits.TrailingZeros64(marks(binary.LittleEndian.Uint64(word))) >> 3
				if got != want {
					t.Errorf("%q: first mark at %d, want %d", word, got, want)
				}
			}
		}
	}
}
