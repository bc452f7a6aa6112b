package mcp

import "testing"

func TestRawDefinitionsAreShownAsRevisionsKnowThem(t *testing.T) {
	f := func(kind Kind, name string, v Version, raw, want string) {
		t.Helper()
		d := RawDefinition{Kind: kind, Name: name, Raw: []byte(raw)}
		if _, err := d.key(); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		got, err := d.encode(v)
		if err != nil || string(got) != want {
			t.Errorf("%s at %v: got %s, %v, want %s", raw, v, got, err, want)
		}
	}
	const whole = `{"uri":"a:b","x":[1.0],"name":"n","title":"t","icons":[],"_meta":{},` +
		`"annotations":{"priority":1.0,"lastModified":"z"}}`
	f(KindResource, "a:b", V20260728, whole, whole)
	f(KindResource, "a:b", V20250618, whole, `{"uri":"a:b","x":[1.0],"name":"n","title":"t",`+
		`"_meta":{},"annotations":{"priority":1.0,"lastModified":"z"}}`)
	f(KindResource, "a:b", V20250326, whole,
		`{"uri":"a:b","x":[1.0],"name":"n","annotations":{"priority":1.0}}`)
	f(KindTemplate, "a:{b}", V20241105, `{"name":"n","uriTemplate":"a:{b}","annotations":5}`,
		`{"uriTemplate":"a:{b}","name":"n","annotations":5}`)
	f(KindPrompt, "up__p", V20250326,
		`{"name":"p","arguments":[{"name":"a","title":"A","required":true},7]}`,
		`{"name":"up__p","arguments":[{"name":"a","required":true},7]}`)
	f(KindPrompt, "up__p", V20250618, `{"name":"p","arguments":[{"name":"a","title":"A"}]}`,
		`{"name":"up__p","arguments":[{"name":"a","title":"A"}]}`)
	f(KindTool, "up__t", V20251125, `{"name":"t","inputSchema":{},"execution":{}}`,
		`{"name":"up__t","inputSchema":{}}`)
}

func TestRawDefinitionsThatCannotBeOffered(t *testing.T) {
	f := func(kind Kind, raw string) {
		t.Helper()
		d, err := ReadDefinition(kind, []byte(raw))
		if err == nil {
			_, err = d.key()
		}
		if err == nil {
			t.Errorf("%s is accepted", raw)
		}
	}
	f(KindTool, `[]`)
	f(KindTool, `{"name":5}`)
	f(KindTool, `{"name":"two words"}`)
	f(KindResource, `{"uri":"relative","name":"n"}`)
	f(KindResource, `{"uri":"a:b"}`)
	f(KindTemplate, `{"uriTemplate":"a:b","name":"n"}`)
	f(KindPrompt, `{"title":"t"}`)
}
