package codec

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/valyala/fastjson"
)

// refusal names a scan's answer for a test's table.
func refusal(err *Error) string {
	switch err {
	case nil:
		return "ok"
	case ErrParse:
		return "parse"
	case ErrInvalidRequest:
		return "invalid"
	}
	return "unexpected " + err.Error()
}

func scanned(t *testing.T, frame string) (m Message, err *Error) {
	t.Helper()
	var s Scanner
	err = s.Scan([]byte(frame), &m)
	return m, err
}

func TestScanKinds(t *testing.T) {
	f := func(frame, want string, kind Kind, id string) {
		t.Helper()
		m, err := scanned(t, frame)
		if got := refusal(err); got != want || m.Kind != kind || string(m.ID) != id {
			t.Errorf("Scan(%s) = %s, %s, id %s; want %s, %s, id %s",
				frame, got, m.Kind, m.ID, want, kind, id)
		}
	}
	// Legal.
	f(`{"jsonrpc":"2.0","id":1,"method":"a"}`, "ok", KindRequest, "1")
	f(` { "jsonrpc" : "2.0" , "id" : 1 , "method" : "a" } `, "ok", KindRequest, "1")
	f(`{"method":"a","id":"x","jsonrpc":"2.0"}`, "ok", KindRequest, `"x"`)
	f(`{"jsonrpc":"2.0","method":"a"}`, "ok", KindNotification, "")
	f(`{"jsonrpc":"2.0","method":"","id":0}`, "ok", KindRequest, "0")
	f(`{"jsonrpc":"2.0","id":1,"result":{}}`, "ok", KindResult, "1")
	f(`{"jsonrpc":"2.0","id":1,"result":null}`, "ok", KindResult, "1")
	f(`{"jsonrpc":"2.0","id":1,"error":{}}`, "ok", KindError, "1")
	f(`{"jsonrpc":"2.0","id":null,"error":{}}`, "ok", KindError, "")
	f(`{"jsonrpc":"2.0","error":{}}`, "ok", KindError, "")
	f(`{"jsonrpc":"2.0","id":1,"method":"a","x":[{}],"y":null}`, "ok", KindRequest, "1")
	// JSON, but no message.
	f(`1`, "invalid", KindInvalid, "")
	f(`true`, "invalid", KindInvalid, "")
	f(`[]`, "invalid", KindInvalid, "")
	f(`{}`, "invalid", KindInvalid, "")
	f(`{"jsonrpc":"2.0","id":1}`, "invalid", KindInvalid, "1")
	f(`{"id":1,"method":"a"}`, "invalid", KindRequest, "1")
	f(`{"jsonrpc":2.0,"id":1,"method":"a"}`, "invalid", KindRequest, "1")
	f(`{"jsonrpc":"1.0","id":1,"method":"a"}`, "invalid", KindRequest, "1")
	f(`{"jsonrpc":"2.0 ","id":1,"method":"a"}`, "invalid", KindRequest, "1")
	f(`{"jsonrpc":"\u0032.0","id":1,"method":"a"}`, "invalid", KindRequest, "1")
	f(`{"jsonrpc":"2.0","id":1,"method":1}`, "invalid", KindRequest, "1")
	f(`{"jsonrpc":"2.0","method":1}`, "invalid", KindInvalid, "")
	f(`{"method":"a"}`, "invalid", KindNotification, "")
	f(`{"jsonrpc":"2.0","method":"a","params":[1]}`, "invalid", KindNotification, "")
	f(`{"jsonrpc":"2.0","id":1,"method":"a","params":[1]}`, "invalid", KindRequest, "1")
	f(`{"jsonrpc":"2.0","id":1,"method":"a","params":null}`, "invalid", KindRequest, "1")
	f(`{"jsonrpc":"2.0","id":1,"method":"a","result":1}`, "invalid", KindRequest, "1")
	f(`{"jsonrpc":"2.0","id":1,"method":"a","error":{}}`, "invalid", KindRequest, "1")
	f(`{"jsonrpc":"2.0","id":1,"result":1,"error":{}}`, "invalid", KindError, "1")
	f(`{"jsonrpc":"2.0","id":1,"error":"no"}`, "invalid", KindError, "1")
	f(`{"jsonrpc":"2.0","id":1,"result":1,"params":{}}`, "invalid", KindResult, "1")
	f(`{"jsonrpc":"2.0","id":null,"result":1}`, "invalid", KindResult, "")
	f(`{"jsonrpc":"2.0","result":1}`, "invalid", KindResult, "")
	f(`{"jsonrpc":"2.0","Method":"a","id":1}`, "invalid", KindInvalid, "1")
	f(`{"jsonrpc":"2.0","method\u0000":"a","id":1}`, "invalid", KindInvalid, "1")
}

func TestScanRefusesWhatIsNoJSON(t *testing.T) {
	f := func(frame string) {
		t.Helper()
		m, err := scanned(t, frame)
		if err != ErrParse || m.Kind != KindInvalid || m.ID != nil {
			t.Errorf("Scan(%s) = %s, %s, id %s; want parse", frame, refusal(err), m.Kind, m.ID)
		}
	}
	f(``)
	f("\xef\xbb\xbf" + smallCall)
	f(smallCall + "x")
	f(smallCall + smallCall)
	f(smallCall[:len(smallCall)-1])
	f(`{"jsonrpc":"2.0","id":1,"method":"a",}`)
	f(`{"jsonrpc":"1.0","id":1,"method":[}`)
	f(`{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]`)
	f(`{"jsonrpc":"2.0","params":{"a":1`)
	f(`{"jsonrpc":"2.0","params":{"a":1;"b":2}}`)
	f(`{"jsonrpc":"2.0","params":{"a"`)
	f(`{"jsonrpc":"2.0","params":{"_meta":{"a":}}}`)
	f(`{"jsonrpc":"2.0";"id":1}`)
	f(`{"jsonrpc":"2.0","method":"a\x"}`)
	f(`-`)
	f(`{"id":-`)
	f(`{"id":1e`)
}

func TestWantsAnswer(t *testing.T) {
	f := func(frame string, want bool) {
		t.Helper()
		if m, _ := scanned(t, frame); m.WantsAnswer() != want {
			t.Errorf("%s (%s): wants an answer %v; want %v", frame, m.Kind, !want, want)
		}
	}
	f(smallCall, true)
	f(`{"jsonrpc":"2.0","method":"a"}`, false)
	f(`{"jsonrpc":"2.0","id":1,"result":{}}`, false)
	f(`{"jsonrpc":"2.0","error":{}}`, false)
	f(`{"jsonrpc":"2.0","id":null,"method":"a"}`, true)
	f(`{"jsonrpc":"2.0","method":"a","params":[]}`, false)
	f(`{"jsonrpc":"2.0","id":1,"result":{},"error":{}}`, false)
	f(`{}`, true)
	f(`{`, true)
}

func TestScanIDs(t *testing.T) {
	f := func(id, want string) {
		t.Helper()
		m, err := scanned(t, `{"jsonrpc":"2.0","id":`+id+`,"method":"a"}`)
		if got := refusal(err); got != want || want == "ok" && string(m.ID) != id {
			t.Errorf("id %s: %s, kept as %s; want %s", id, got, m.ID, want)
		}
		if want == "invalid" && (m.ID != nil || m.Kind != KindRequest) {
			t.Errorf("id %s: id %s, %s; want none and request", id, m.ID, m.Kind)
		}
	}
	f(`0`, "ok")
	f(`-1`, "ok")
	f(`9223372036854775807`, "ok")
	f(`-9223372036854775808`, "ok")
	f(`18446744073709551615`, "ok")
	f(`9007199254740993`, "ok")
	f(`1.0`, "ok")
	f(`1.000`, "ok")
	f(`""`, "ok")
	f(`"\u00e9\\\"é😀"`, "ok")
	f(`"`+strings.Repeat("a", IDBytesMaxDefault-2)+`"`, "ok")
	f(`"`+strings.Repeat("a", IDBytesMaxDefault-1)+`"`, "invalid")
	f(`null`, "invalid")
	f(`true`, "invalid")
	f(`false`, "invalid")
	f(`1.5`, "invalid")
	f(`1.05`, "invalid")
	f(`1e2`, "invalid")
	f(`1.0e2`, "invalid")
	f(`1e400`, "invalid")
	f(`[]`, "invalid")
	f(`[1]`, "invalid")
	f(`{}`, "invalid")
	f(`01`, "parse")
	f(`NaN`, "parse")
	f(`1.`, "parse")
	f("\"a\nb\"", "parse")
}

func TestScanDuplicates(t *testing.T) {
	f := func(frame, id string) {
		t.Helper()
		m, err := scanned(t, frame)
		if err != ErrInvalidRequest || string(m.ID) != id {
			t.Errorf("Scan(%s) = %s, id %s; want invalid, id %s", frame, refusal(err), m.ID, id)
		}
	}
	const head = `{"jsonrpc":"2.0","id":1,"method":"a"`
	f(head+`,"method":"b"}`, "1")
	f(head+`,"jsonrpc":"2.0"}`, "1")
	f(head+`,"\u006dethod":"b"}`, "1")
	f(head+`,"id":2}`, "")
	f(head+`,"id":1}`, "")
	f(head+`,"id":2,"id":3}`, "")
	f(head+`,"x":1,"x":1}`, "1")
	f(head+`,"params":{},"params":{}}`, "1")
	f(head+`,"params":{"name":"a","name":"b"}}`, "1")
	f(head+`,"params":{"name":"a","n\u0061me":"b"}}`, "1")
	f(head+`,"params":{"_meta":{},"_meta":{}}}`, "1")
	f(head+`,"params":{"_meta":1,"\u005fmeta":{}}}`, "1")
	f(head+`,"params":{"_meta":{"k":1,"k":2}}}`, "1")
	f(`{"jsonrpc":"2.0","id":1,"result":{"k":1,"k":2}}`, "1")
	f(`{"jsonrpc":"2.0","id":1,"result":{"_meta":{"k":1,"k":2}}}`, "1")

	for _, n := range []int{pairwiseMax - 1, pairwiseMax, pairwiseMax + 1, 40, 500} {
		keys := manyKeys(n)
		f(head+`,"params":{`+keys+`,"k0":1}}`, "1")
		f(head+`,"params":{`+keys+fmt.Sprintf(`,"k%d":1}}`, n-1), "1")
	}
	// Names that only look alike are different names; deeper objects are the handler's.
	m, err := scanned(t, head+`,"params":{"name":1,"Name":2,"name ":3,"a":{"b":1,"b":2}}}`)
	if err != nil || string(m.Param("name")) != "1" || len(m.ParamMembers) != 4 {
		t.Errorf("got %s, name %s; want ok, 1", refusal(err), m.Param("name"))
	}
}

// manyKeys returns n members k0, k1, ... without braces.
func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":%d`, i, i)
	}
	return b.String()[1:]
}

func TestScanViews(t *testing.T) {
	m, err := scanned(t, ` {"jsonrpc":"2.0" ,"id": "x\n" , "method":"tools\/call",`+
		`"params": {"name" : "e\u0063ho", "_meta" :{"a/b": [1, 2] ,"c\u0064":{}} ,"\u0061":7 }}`)
	if err != nil {
		t.Fatal(err)
	}
	f := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s = %q; want %q", what, got, want)
		}
	}
	f("id", string(m.ID), `"x\n"`)
	f("method", string(m.Method), "tools/call")
	f("params", string(m.Params),
		`{"name" : "e\u0063ho", "_meta" :{"a/b": [1, 2] ,"c\u0064":{}} ,"\u0061":7 }`)
	f("meta", string(m.Meta), `{"a/b": [1, 2] ,"c\u0064":{}}`)
	f("name", string(m.Param("name")), `"e\u0063ho"`)
	f("_meta", string(m.Param("_meta")), string(m.Meta))
	f("a", string(m.Param("a")), "7")
	f("a/b", string(m.MetaValue("a/b")), "[1, 2]")
	f("cd", string(m.MetaValue("cd")), "{}")
	if m.Param("x") != nil || m.MetaValue("name") != nil || m.ResultValue("name") != nil {
		t.Error("found a member that is not there")
	}

	m, err = scanned(t, `{"jsonrpc":"2.0","id":1,"result":{"resultType":"x","_meta":{"k":1}}}`)
	if err != nil {
		t.Fatal(err)
	}
	f("resultType", string(m.ResultValue("resultType")), `"x"`)
	f("result's k", string(m.MetaValue("k")), "1")

	m, err = scanned(t, `{"jsonrpc":"2.0","method":"a","params":{"_meta":[1]}}`)
	if err != nil || string(m.Meta) != "[1]" || len(m.MetaMembers) != 0 {
		t.Errorf("meta of another type: %s, %s, %v", refusal(err), m.Meta, m.MetaMembers)
	}
	m, err = scanned(t, `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}`)
	if err != nil || string(m.Error) != `{"code":1,"message":"no"}` {
		t.Errorf("error = %s, %s", refusal(err), m.Error)
	}
}

// Two scans with one Scanner must not leave anything of the first in the second.
func TestScanForgetsTheLastMessage(t *testing.T) {
	var s Scanner
	var m Message
	for _, frame := range []string{modernCall, `{"jsonrpc":"2.0","id":1,"id":null}`, `{"a":`} {
		_ = s.Scan([]byte(frame), &m)
		if err := s.Scan([]byte(`{"jsonrpc":"2.0","method":"a"}`), &m); err != nil {
			t.Fatal(err)
		}
		if m.Kind != KindNotification || m.ID != nil || m.Params != nil || m.Meta != nil ||
			len(m.ParamMembers)+len(m.MetaMembers)+len(m.ResultMembers) != 0 {
			t.Errorf("after %s: %+v", frame, m)
		}
	}
}

func TestScanLimits(t *testing.T) {
	f := func(s *Scanner, frame, want string) {
		t.Helper()
		var m Message
		if got := refusal(s.Scan([]byte(frame), &m)); got != want {
			t.Errorf("Scan(%.60s...) = %s; want %s", frame, got, want)
		}
	}
	nested := func(n int) string { // n containers in all
		return `{"jsonrpc":"2.0","id":1,"method":"a","params":{"a":` +
			strings.Repeat("[", n-2) + strings.Repeat("]", n-2) + `}}`
	}
	f(&Scanner{}, nested(DepthMaxDefault), "ok")
	f(&Scanner{}, nested(DepthMaxDefault+1), "parse")
	f(&Scanner{DepthMax: 64}, nested(64), "ok")
	f(&Scanner{DepthMax: 64}, nested(65), "parse")
	f(&Scanner{DepthMax: 1 << 30}, nested(depthCeiling), "ok")
	f(&Scanner{DepthMax: 1 << 30}, nested(depthCeiling+1), "parse")

	members := func(n int) string {
		return `{"jsonrpc":"2.0","id":1,"method":"a","params":{` + manyKeys(n) + `}}`
	}
	f(&Scanner{}, members(MembersMaxDefault), "ok")
	f(&Scanner{}, members(MembersMaxDefault+1), "invalid")
	f(&Scanner{MembersMax: 20}, members(20), "ok")
	f(&Scanner{MembersMax: 20}, members(21), "invalid")
	f(&Scanner{MembersMax: 2}, members(3), "invalid")
	f(&Scanner{IDBytesMax: 2}, `{"jsonrpc":"2.0","id":12,"method":"a"}`, "ok")
	f(&Scanner{IDBytesMax: 2}, `{"jsonrpc":"2.0","id":123,"method":"a"}`, "invalid")
}

func TestScanRefusesInvalidUTF8(t *testing.T) {
	bad := []string{
		"\xff", "\xc0\xaf", "\xc1\xbf", "\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xe2\x82a", "\xe2a\x82", "\xe2\x82",
		"\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf0\x9f\x98", "\xc3",
	}
	for _, b := range bad {
		for pad := range 10 { // at every place of an eight-byte word
			p := strings.Repeat("a", pad)
			for _, frame := range []string{
				`{"jsonrpc":"2.0","id":1,"method":"` + p + b + `"}`,
				`{"jsonrpc":"2.0","id":1,"method":"a","params":{"` + p + b + `ab":1}}`,
				`{"jsonrpc":"2.0","id":"` + p + b + `","method":"a"}`,
			} {
				if _, err := scanned(t, frame); err != ErrParse {
					t.Errorf("Scan(%q) = %s; want parse", frame, refusal(err))
				}
			}
		}
	}
}

func TestParseParams(t *testing.T) {
	var p fastjson.Parser
	m, _ := scanned(t, smallCall)
	v, err := m.ParseParams(&p)
	if err != nil || string(v.GetStringBytes("arguments", "message")) != "hello, world" {
		t.Errorf("message = %s, %v", v.GetStringBytes("arguments", "message"), err)
	}
	m.Params = nil
	if v, err := m.ParseParams(&p); v != nil || err != nil {
		t.Errorf("without params: %v, %v; want nil, nil", v, err)
	}
	m.Params = []byte(`{"secret":`)
	if _, err := m.ParseParams(&p); !errors.Is(err, ErrInvalidParams) ||
		strings.Contains(err.Error(), "secret") {
		t.Errorf("bad params: %v", err)
	}
}

func TestErrorWith(t *testing.T) {
	e := ErrInvalidParams.With("tool %q is unknown", "x")
	if e.Code != -32602 || e.Status != 400 || e.Message != `invalid params: tool "x" is unknown` {
		t.Errorf("With = %+v", e)
	}
	if !errors.Is(e, ErrInvalidParams) || errors.Is(e, ErrParse) {
		t.Error("errors.Is does not see through With")
	}
}
