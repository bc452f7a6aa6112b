package codec

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// anew is what Lines.Next and a scanner without a memory say of the line that buf begins with.
func anew(buf []byte, like *Scanner) (m Message, fault *Error, line []byte, n int, s LineState) {
	fresh := Scanner{
		DepthMax: like.DepthMax, IDBytesMax: like.IDBytesMax, MembersMax: like.MembersMax,
	}
	line, n, s = new(Lines).Next(buf)
	if s == LineFrame {
		fault = fresh.Scan(line, &m)
	}
	return m, fault, line, n, s
}

// sameAsAnew checks that s, whatever it remembers, says of buf what a new scanner says. It tells
// whether the fast path took it.
func sameAsAnew(t *testing.T, s *Scanner, buf []byte) bool {
	t.Helper()
	want, fault, line, n, state := anew(buf, s)
	var got Message
	took := s.ScanLine(buf, &got)
	switch {
	case took == 0:
	case state != LineFrame || took != n || fault != nil ||
		!reflect.DeepEqual(plain(got), plain(want)):
		t.Fatalf("%q: ScanLine took %d bytes, %+v; want %d, %v, %+v",
			buf, took, got, n, fault, want)
	}
	if state != LineFrame {
		return took > 0
	}
	if err := s.Scan(line, &got); err != fault || !reflect.DeepEqual(plain(got), plain(want)) {
		t.Fatalf("%q: %v, %+v; want %v, %+v", line, err, got, fault, want)
	}
	return took > 0
}

// plain is m without the difference between no list and an empty one.
func plain(m Message) Message {
	for _, list := range []*[]Member{&m.ParamMembers, &m.ResultMembers, &m.MetaMembers} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return m
}

const stemCall = `{"jsonrpc":"2.0","id":12345678,"method":"tools/call","params":{"name":"echo",` +
	`"arguments":{"message":"hello, w\u00f6rld","n":-1.5e3,"on":true}}}` + "\n"

// The calls that are passed by their stem, and what must not be.
func TestAgain(t *testing.T) {
	cut := func(old, by string) string { return strings.Replace(stemCall, old, by, 1) }
	for _, c := range []struct {
		name, line string
		takes      bool
	}{
		{"the same", stemCall, true},
		{"another id", cut("12345678", "1"), true},
		{"id 0", cut("12345678", "0"), true},
		{"id of 16 digits", cut("12345678", "1234567890123456"), true},
		{"id of 17 digits", cut("12345678", "12345678901234567"), false},
		{"id with a zero in front", cut("12345678", "01"), false},
		{"no id", cut("12345678", ""), false},
		{"id with a fraction", cut("12345678", "1.0"), false},
		{"id that is a string", cut("12345678", `"a"`), false},
		{"CRLF", cut("\n", "\r\n"), true},
		{"CR alone", cut("\n", "\r"), false},
		{"no end", cut("\n", ""), false},
		{"more behind it", cut("\n", "\n{"), true},
		{"white space behind it", cut("}\n", "} \n"), false},
		{"a brace too many", cut("}\n", "}}\n"), false},
		{"a brace less", cut("}}}\n", "}}\n"), false},
		{"another argument", cut(`"n":-1.5e3`, `"m":null`), true},
		{"one argument", cut(`,"n":-1.5e3,"on":true`, ""), true},
		{"an argument twice", cut(`"n":`, `"message":`), true},
		{"a comma at the end", cut(`true}`, `true,}`), false},
		{"a newline in a string", cut("hello", "hel\nlo"), false},
		{"bad UTF-8", cut("hello", "\xff"), false},
		{"a bad escape", cut(`\u00f6`, `\u00g6`), false},
		{"a bad number", cut("-1.5e3", "01"), false},
		{"an array", cut("true", "[1,\n2]"), false},
		{"a first argument that is an object", cut(`"hello, w\u00f6rld"`, "{}"), false},
		{"white space before a key", cut(`,"n"`, `, "n"`), false},
		{"a key with an escape", cut(`"n"`, `"\u006e"`), false},
		{"a long key", cut(`"n"`, `"nnnnnnnnnn"`), false},
		{"_meta", cut("}}}", `},"_meta":{}}}`), false},
		{"another tool", cut("echo", "Echo"), false},
		{"a member behind params", cut("}}}", `}},"more":1}`), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s Scanner
			sameAsAnew(t, &s, []byte(stemCall)) // learns
			if took := sameAsAnew(t, &s, []byte(c.line)); took != c.takes {
				t.Errorf("%q: the fast path took it: %v", c.line, took)
			}
		})
	}
}

// A stem is one only when nothing about it is unusual.
func TestStemIsNotLearned(t *testing.T) {
	cut := func(old, by string) string { return strings.Replace(stemCall, old, by, 1) }
	for _, first := range []string{
		cut(`","params"`, `", "params"`), cut(`,"method"`, ` ,"method"`),
		cut(`{"message":`, `{ "message":`), cut(`"message":`, `"message" :`),
		cut(`"message":`, `  "ab:":`), cut(`"message":`, `"message": `),
		cut(`"message":`, `"m\u0065ssage":`), cut(`,"arguments"`, `, "arguments"`),
		cut(`:{"message"`, `: {"message"`), cut("echo", strings.Repeat("e", stemBytesMax)),
		cut(`true`, `{}`), cut("}}}", `},"_meta":{}}}`), cut(`"2.0",`, `"2.0", `),
		cut(`{"name"`, `{ "name"`), cut(`"message":"hello, w\u00f6rld","n":-1.5e3,"on":true`, ""),
	} {
		var s Scanner
		for range 2 {
			if sameAsAnew(t, &s, []byte(first)) || len(s.stem.text) > 0 {
				t.Errorf("%q is learned", first)
			}
		}
		for i := range len(first) { // what is accepted behind it is accepted anew
			sameAsAnew(t, &s, []byte(first[:i]+first[i+1:]))
		}
	}
}

// Whatever byte of a call is missing, doubled or another one, and whatever the limits.
func TestAgainWithoutAByte(t *testing.T) {
	for _, s := range []Scanner{{}, {MembersMax: 1}, {MembersMax: 2}, {IDBytesMax: 7}} {
		for i := range len(stemCall) {
			for _, c := range []string{"", `"`, "\\", " ", "\n", "0", ",", "}", "{", ":", "\x80"} {
				one := s
				sameAsAnew(t, &one, []byte(stemCall))
				sameAsAnew(t, &one, []byte(stemCall[:i]+c+stemCall[i+1:]+stemCall))
				sameAsAnew(t, &one, []byte(stemCall[:i]+c+stemCall[i:]+stemCall))
				sameAsAnew(t, &one, []byte(stemCall[:i]+c))
			}
		}
	}
}

// A scanner that meets other calls learns them, and forgets what does not come any more.
func TestStemChanges(t *testing.T) {
	var s Scanner
	other := []byte(strings.Replace(stemCall, "echo", "other", 1))
	nested := []byte(strings.Replace(stemCall, "true", "{}", 1))
	takes := func(line []byte) (took int) {
		for range 4 * stemMisses {
			if sameAsAnew(t, &s, line) {
				took++
			}
		}
		return took
	}
	if n := takes([]byte(stemCall)); n < 4*stemMisses-1 {
		t.Errorf("the fast path took %d calls", n)
	}
	if n := takes(other); n < 2*stemMisses {
		t.Errorf("the fast path took %d calls of another tool", n)
	}
	if n := takes(nested); n > 0 || len(s.stem.text) > 0 {
		t.Errorf("the fast path took %d calls with an object; stem %q", n, s.stem.text)
	}
}

// Calls put together from usual and odd pieces, all by one scanner: what it learned of one is no
// reason to take, or to read in another way, any other.
func TestAgainAfterAnything(t *testing.T) {
	pieces := [][]string{
		{`{"jsonrpc":"2.0",`, `{"jsonrpc":"2.0",`, `{ "jsonrpc":"2.0",`, `{"jsonrpc":"2.0" ,`, `{`},
		{
			`"id":7,`, `"id":1234567890123456,`, `"id":12345678901234567,`, `"id":01,`, `"id":"7",`,
			`"id":7 ,`, ``, `"id":7,"id":8,`, `"id":-7,`, `"id":null,`,
		},
		{
			`"method":"tools/call",`, `"method":"tools/call",`, `"method":"m",`, `"method":"",`,
			`"method":"tools\/call",`, `"method":"tools/call", `, `"method":"tools/call","x":1,`,
			`"method":"a","method":"b",`, `"method":1,`, ``,
		},
		{`"params":{`, `"params":{`, `"params":{ `, `"params" :{`, `"params":{},"params":{`},
		{
			`"name":"a",`, `"name":"b",`, `"name":"\u0061",`, `"name":1,`, `"name":"a","name":"b",`,
			`"name":"a","x":2,`, `"name":"\"}",`, `"name": "a",`,
		},
		{`"arguments":{`, `"arguments":{`, `"arguments":{ `, `"arguments":[`, `"Arguments":{`},
		{
			`"k":`, `"k":`, `"":`, `"k" :`, `"k": `, `"k:":`, `"\u006b":`, `"long key of it":`,
			`k:`, `"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":`,
		},
		{`"v"`, `"v"`, `1`, `null`, `{}`, `[1]`, `"}}"`, `"\n"`, `-0`, `01`, `tru`, "\"\xff\"", ``},
		{``, ``, `,"l":1`, `,"k":{"a":[]}`, `, "l":1`, `,`, `,"l":"\ud800"`, `,"ü":0`, ` `},
		{`}`, `}`, `},"_meta":{}`, `},"x":1`, `}}`, ``},
		{`}}`, `}}`, `},"y":1}`, `} }`, `}`, `}}}`, `},"id":9}`, `},"method":"z"}`},
		{"\n", "\n", "\r\n", "\r", "", " \n", "\n{"},
	}
	rng := rand.New(rand.NewPCG(1, 2))
	took := 0
	for _, s := range []Scanner{{}, {MembersMax: 1}, {MembersMax: 3}, {IDBytesMax: 16}} {
		for range 30_000 {
			var line []byte
			for _, choice := range pieces {
				i := 0
				if rng.IntN(8) == 0 { // else the usual one
					i = rng.IntN(len(choice))
				}
				line = append(line, choice[i]...)
			}
			if sameAsAnew(t, &s, line) {
				took++
			}
		}
	}
	if took < 1000 {
		t.Errorf("the fast path took %d calls", took)
	}
}

// FuzzAgain: what a scanner has seen changes nothing of what it says.
func FuzzAgain(f *testing.F) {
	f.Add([]byte(stemCall), []byte(stemCall))
	f.Add([]byte(strings.Replace(stemCall, `","p`, `", "p`, 1)), []byte(stemCall))
	f.Add([]byte(stemCall), []byte(strings.Replace(stemCall, "}}}", `},"_meta":{}}}`, 1)))
	f.Fuzz(func(t *testing.T, before, line []byte) {
		var s Scanner
		sameAsAnew(t, &s, before)
		sameAsAnew(t, &s, line)
		sameAsAnew(t, &s, before)
	})
}
