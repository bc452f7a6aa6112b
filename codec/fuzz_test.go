package codec

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

var fuzzSeeds = []string{
	smallCall, modernCall,
	`{"jsonrpc":"2.0","method":"a","params":{"_meta":{"k\u0061":1,"b":[1,{"c":null}]}}}`,
	`{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"\ud83d\ude00"}}`,
	`{"jsonrpc":"2.0","id":-1.0,"result":[1e5,-0.1E+2,true,false,null,""]}`,
	`{"id":1,"id":2,"x":"\/\b\u00e9é"}`, ` [ {} , [ ] , "a\\" ] `,
	`[`, `{"a":01}`, "\"\xed\xa0\x80\"",
}

// FuzzScan holds the scanner against encoding/json: the same inputs are JSON (but for UTF-8,
// which encoding/json repairs, and depth), and each member has the same value.
func FuzzScan(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		var s Scanner
		var m Message
		kept := bytes.Clone(frame)
		err := s.Scan(frame, &m)
		if !bytes.Equal(frame, kept) {
			t.Fatal("the frame was changed")
		}
		want := json.Valid(frame) && utf8.Valid(frame) && depthOf(frame) <= DepthMaxDefault
		if got := err != ErrParse; got != want {
			t.Fatalf("accepted %v; encoding/json says %v", got, want)
		}
		if s.Valid(frame) != want {
			t.Fatalf("Valid and Scan differ: %v, %v", !want, want)
		}
		if err != nil {
			return
		}
		var std struct {
			Version string          `json:"jsonrpc"`
			ID      json.RawMessage `json:"id"`
			Method  *string         `json:"method"`
			Params  json.RawMessage `json:"params"`
			Result  json.RawMessage `json:"result"`
			Error   json.RawMessage `json:"error"`
		}
		if !exactNames(frame, &std) {
			return
		}
		same := func(what string, got, want []byte) {
			if what == "id" && m.Kind == KindError && string(want) == "null" {
				return
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%s = %q; encoding/json has %q", what, got, want)
			}
		}
		same("id", m.ID, std.ID)
		same("params", m.Params, std.Params)
		same("result", m.Result, std.Result)
		same("error", m.Error, std.Error)
		if (m.Method != nil) != (std.Method != nil) ||
			std.Method != nil && string(m.Method) != *std.Method {
			t.Fatalf("method = %q; encoding/json differs", m.Method)
		}
		sameMembers(t, m.Params, m.ParamMembers)
		sameMembers(t, m.Meta, m.MetaMembers)
		sameMembers(t, m.Result, m.ResultMembers)
		sameArguments(t, &m)
	})
}

// sameArguments holds what was listed of arguments against Find.
func sameArguments(t *testing.T, m *Message) {
	t.Helper()
	if !bytes.Equal(m.Arguments, m.Param("arguments")) {
		t.Fatalf("arguments = %q; the list has %q", m.Arguments, m.Param("arguments"))
	}
	if m.ArgumentMembers == nil {
		return
	}
	var std map[string]json.RawMessage
	if err := json.Unmarshal(m.Arguments, &std); err != nil {
		t.Fatalf("%q is listed: %v", m.Arguments, err)
	}
	first := map[string][]byte{}
	for _, member := range m.ArgumentMembers {
		if _, twice := first[string(member.Key)]; !twice {
			first[string(member.Key)] = member.Value
		}
	}
	if len(first) != len(std) {
		t.Fatalf("%q: listed %d names; encoding/json has %d", m.Arguments, len(first), len(std))
	}
	for name, value := range first {
		if found := Find(m.Arguments, name); !bytes.Equal(found, value) {
			t.Fatalf("%q: %q is %q; Find has %q", m.Arguments, name, value, found)
		}
	}
}

// exactNames decodes frame into std unless it holds a name that encoding/json, which does not
// heed case, would take for one of the envelope's.
func exactNames(frame []byte, std any) bool {
	var all map[string]json.RawMessage
	if json.Unmarshal(frame, &all) != nil || json.Unmarshal(frame, std) != nil {
		return false
	}
	for name := range all {
		switch name {
		case "jsonrpc", "id", "method", "params", "result", "error":
			continue
		}
		for _, known := range []string{"jsonrpc", "id", "method", "params", "result", "error"} {
			if bytes.EqualFold([]byte(name), []byte(known)) {
				return false
			}
		}
	}
	return true
}

// sameMembers compares a member list with encoding/json's reading of the object.
func sameMembers(t *testing.T, raw []byte, members []Member) {
	t.Helper()
	var std map[string]json.RawMessage
	if len(raw) == 0 || raw[0] != '{' {
		if len(members) != 0 {
			t.Fatalf("%d members of %q", len(members), raw)
		}
		return
	}
	if err := json.Unmarshal(raw, &std); err != nil {
		t.Fatal(err)
	}
	if len(std) != len(members) {
		t.Fatalf("%d members of %q; want %d", len(members), raw, len(std))
	}
	for _, member := range members {
		if want, ok := std[string(member.Key)]; !ok || !bytes.Equal(member.Value, want) {
			t.Fatalf("member %q = %q; want %q", member.Key, member.Value, want)
		}
	}
}

// depthOf returns the deepest nesting of frame, which is valid JSON.
func depthOf(frame []byte) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(frame); i++ {
		switch c := frame[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// FuzzBatch: the elements are those that encoding/json sees.
func FuzzBatch(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add([]byte(seed))
		f.Add([]byte("[" + seed + " , " + seed + "]"))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		var s Scanner
		var got [][]byte
		n, err := s.Batch(frame, func(raw []byte) { got = append(got, raw) })
		if (err != ErrParse) != s.Valid(frame) || n != len(got) || err != nil && n != 0 {
			t.Fatalf("Batch = %d, %v with %d elements; valid %v", n, err, len(got), s.Valid(frame))
		}
		var std []json.RawMessage
		if err != nil || json.Unmarshal(frame, &std) != nil {
			return
		}
		if len(std) != n {
			t.Fatalf("%d elements; want %d", n, len(std))
		}
		for i := range std {
			if !bytes.Equal(got[i], std[i]) {
				t.Fatalf("element %d = %q; want %q", i, got[i], std[i])
			}
		}
	})
}

// FuzzLine: a stream gives the same lines however it is split, the lines are those that lie
// between its newlines, and no more is kept than the limit.
func FuzzLine(f *testing.F) {
	f.Add("a\nbb\r\n\nccccccccccccc\nd", uint8(1), uint8(4))
	f.Add("12345\r\n123456\r\n12345\r", uint8(3), uint8(5))
	f.Fuzz(func(t *testing.T, stream string, size, limit uint8) {
		lineMax := int(limit) + 1
		whole, _ := cut(&Lines{Max: lineMax}, stream, len(stream)+1)
		split, held := cut(&Lines{Max: lineMax}, stream, int(size)+1)
		if whole != split {
			t.Fatalf("split by %d: %q; whole: %q", int(size)+1, split, whole)
		}
		if held > lineMax+1 {
			t.Fatalf("%d bytes held with a limit of %d", held, lineMax)
		}
		if want := linesOf(stream, lineMax); whole != want {
			t.Fatalf("got %q; want %q", whole, want)
		}
	})
}
