package server_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// mirroredSchema has an annotation of each kind, one of them nested.
const mirroredSchema = `{"type":"object","properties":{
	"region":{"type":"string","x-mcp-header":"Region"},
	"level":{"type":"integer","x-mcp-header":"Level"},
	"dry":{"type":"boolean","x-mcp-header":"Dry-Run"},
	"plain":{"type":"string"},
	"where":{"type":"object","properties":{"zone":{"type":"string","x-mcp-header":"Zone"}}}}}`

func addMirrored(r *running) {
	r.t.Helper()
	err := r.AddRawTool(mcp.Tool{
		Name: "mirrored", InputSchema: json.RawMessage(mirroredSchema),
	}, func(_ context.Context, _ *mcp.Request, dst []byte) ([]byte, error) {
		return mcp.AppendTextResult(dst, []byte("ran")), nil
	}, server.Inline)
	if err != nil {
		r.t.Fatal(err)
	}
}

func TestMirroredParams(t *testing.T) {
	r := start(t, nil)
	addMirrored(r)
	c := r.dialHTTP()
	f := func(want int, arguments string, lines ...string) {
		t.Helper()
		all := append([]string{versionLine, methodLine, "Mcp-Name: mirrored"}, lines...)
		checkLines(c, modernCall(`"h"`, "mirrored", arguments), want, all...)
	}
	f(0, `{}`)
	f(0, `{"plain":"x"}`)
	f(0, `{"region":"eu-1"}`, "Mcp-Param-Region: eu-1")
	f(0, `{"region":"eu-1"}`, "MCP-PARAM-REGION:  eu-1\t")
	f(0, `{"region":"grün"}`, "Mcp-Param-Region: "+sentinel("grün"))
	f(0, `{"region":"a\nb"}`, "Mcp-Param-Region: "+sentinel("a\nb"))
	f(0, `{"region":" a "}`, "Mcp-Param-Region: "+sentinel(" a "))
	f(0, `{"region":"gr\u00fcn"}`, "Mcp-Param-Region: "+sentinel("grün"))
	f(0, `{"region":""}`, "Mcp-Param-Region:")
	f(0, `{"level":5,"dry":true}`, "Mcp-Param-Level: 5", "Mcp-Param-Dry-Run: true")
	f(0, `{"level":-3}`, "Mcp-Param-Level: -3")
	f(0, `{"where":{"zone":"z"}}`, "Mcp-Param-Zone: z")
	f(0, `{}`, "Mcp-Param-Unknown: whatever") // not ours to judge
	f(0, `{"region":null}`)                   // no value, nothing to repeat

	f(-32020, `{"region":"eu-1"}`)
	f(-32020, `{"region":"eu-1"}`, "Mcp-Param-Region: eu-2")
	f(-32020, `{"region":"eu-1"}`, "Mcp-Param-Region: EU-1")
	f(-32020, `{"region":"eu-1"}`, "Mcp-Param-Region:")
	f(-32020, `{"region":"eu-1"}`, "Mcp-Param-Region: \"eu-1\"")
	f(-32020, `{"region":"eu-1"}`, "Mcp-Param-Region: eu-1", "Mcp-Param-Region: eu-1")
	f(-32020, `{"region":"eu-1"}`, "Mcp-Param-Region: eu-1", "mcp-param-region: eu-2")
	f(-32020, `{"region":"eu-1"}`, "Mcp-Param-Region: =?base64?!?=")
	f(-32020, `{"region":"eu-1"}`, "Mcp-Param-Region: "+sentinel("eu-2"))
	f(-32020, `{}`, "Mcp-Param-Region: eu-1") // a header without its argument
	f(-32020, `{"region":null}`, "Mcp-Param-Region: null")
	f(-32020, `{"plain":"eu-1"}`, "Mcp-Param-Region: eu-1")
	f(-32020, `{"level":5}`, "Mcp-Param-Level: 6")
	f(-32020, `{"level":5}`, "Mcp-Param-Level: five")
	f(-32020, `{"level":5}`)
	f(-32020, `{"dry":true}`, "Mcp-Param-Dry-Run: false")
	f(-32020, `{"dry":true}`, "Mcp-Param-Dry-Run: True")
	f(-32020, `{"dry":true}`, "Mcp-Param-Dry-Run: 1")
	f(-32020, `{"where":{"zone":"z"}}`)
	f(-32020, `{"where":{"zone":"z"}}`, "Mcp-Param-Zone: y")
	f(-32020, `{"where":"z"}`, "Mcp-Param-Zone: z")
}

// The edge cases that SEP-2243 lists ("Value Encoding Edge Cases", "Base64 Decoding").
func TestMirroredValueEncoding(t *testing.T) {
	r := start(t, nil)
	addMirrored(r)
	c := r.dialHTTP()
	f := func(want int, value, header string) {
		t.Helper()
		raw, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		checkLines(c, modernCall(`"h"`, "mirrored", `{"region":`+string(raw)+`}`), want,
			versionLine, methodLine, "Mcp-Name: mirrored", "Mcp-Param-Region:"+header)
	}
	for _, value := range []string{
		"us-west1", " us-west1", "us-west1 ", " us-west1 ", "\tindented", "us west 1", "", "日本語",
		"line1\nline2", "line1\r\nline2", "\x00", "\x7f", "=?base64?literal?=", "😀",
	} {
		f(0, value, " "+sentinel(value)) // everything may be encoded
	}
	for _, value := range []string{"us-west1", "us west 1", "", "a\tb", "~!@#", "SGVsbG8="} {
		f(0, value, " "+value)
	}
	for _, value := range []string{" us-west1", "us-west1 ", "\tindented"} {
		f(-32020, value, value) // HTTP trims
	}
	for _, value := range []string{"日本語", "é", "\u0080", "😀"} {
		f(-32020, value, " "+value) // invalid characters, though the bytes are the same
	}
	f(-32020, "é", " \xe9") // Latin-1
	f(0, "Hello", " =?base64?SGVsbG8=?=")
	f(-32020, "Hello", " =?base64?SGVsbG8?=")
	f(-32020, "Hello", " =?base64?SGVs!!!bG8=?=")
	f(-32020, "Hello", " SGVsbG8=")
	f(0, "=?base64?SGVsbG8=", " =?base64?SGVsbG8=") // no suffix: as it is
	f(-32020, "Hello", " =?base64?SGVsbG8=")
	f(0, "=?BASE64?SGVsbG8=?=", " =?BASE64?SGVsbG8=?=") // not lower case: as it is
	f(-32020, "Hello", " =?BASE64?SGVsbG8=?=")
	f(-32020, "=?base64?literal?=", " =?base64?literal?=") // looks encoded and is not
	f(-32020, "=?base64?SGVsbG8=?=", " =?base64?SGVsbG8=?=")
	f(-32020, "a", " =?base64?/w==?=") // no UTF-8
}

// A name that needs encoding is refused when it comes as it is.
func TestMcpNameOfInvalidCharacters(t *testing.T) {
	r := start(t, nil)
	err := r.AddResource(mcp.Resource{URI: "test://grün", Name: "green"},
		func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			text := &mcp.ResourceContents{URI: "test://grün", Text: "green"}
			return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{text}}, nil
		})
	if err != nil {
		t.Fatal(err)
	}
	c := r.dialHTTP()
	body := modernRequest(`"h"`, "resources/read", `"uri":"test://grün"`)
	f := func(want int, name string) {
		t.Helper()
		checkLines(c, body, want, versionLine, "Mcp-Method: resources/read", "Mcp-Name: "+name)
	}
	f(0, sentinel("test://grün"))
	f(-32020, "test://grün")
	f(-32020, "test://gr\xfcn")
}

// An integer is exact: neither side of a comparison may be rounded to a float.
func TestMirroredIntegersAreExact(t *testing.T) {
	r := start(t, nil)
	addMirrored(r)
	c := r.dialHTTP()
	f := func(want int, argument, header string) {
		t.Helper()
		checkLines(c, modernCall(`"h"`, "mirrored", `{"level":`+argument+`}`), want,
			versionLine, methodLine, "Mcp-Name: mirrored", "Mcp-Param-Level: "+header)
	}
	f(0, "9007199254740991", "9007199254740991")
	f(0, "-9007199254740991", "-9007199254740991")
	f(-32020, "9007199254740991", "9007199254740990")
	f(-32020, "9007199254740991", "9007199254740992")
	// Beyond ±(2^53-1) a reader of the header may take it for another number.
	f(-32020, "9007199254740992", "9007199254740992")
	f(-32020, "-9007199254740992", "-9007199254740992")
	f(-32020, "9007199254740993", "9007199254740993")
	f(-32020, "1e16", "1e16")
	f(-32020, "1e400", "1e400")
	f(0, "5.0", "5")
	f(0, "5", "5.0")
	f(-32020, "5", "0x5")
	f(-32020, "5", "5_0")
	f(-32020, "50", "5_0")
	f(-32020, "5", "+5x")
	f(-32020, "5", "NaN")
	f(-32020, "5", "05")
	f(-32020, "5", "5.5")
	f(0, "-0", "0")
	f(0, "1e3", "1e3")
	f(0, "1000", "1000.0")
	f(-32020, strings.Repeat("9", 400), strings.Repeat("9", 400))
}

// What the header check saw must be what the tool gets, so a key may not come twice.
func TestMirroredParamsCannotHideBehindADuplicateKey(t *testing.T) {
	r := start(t, nil)
	addMirrored(r)
	c := r.dialHTTP()
	f := func(arguments, header string) {
		t.Helper()
		a := c.exchange(modernWire(modernCall(`"h"`, "mirrored", arguments), versionLine,
			methodLine, "Mcp-Name: mirrored", "Mcp-Param-Region: "+header))
		if strings.Contains(a.body, "ran") {
			t.Errorf("%s with %s ran: %s", arguments, header, a.body)
		}
	}
	f(`{"region":"us","region":"eu"}`, "eu")
	f(`{"region":"us","region":"eu"}`, "us")
	f(`{"region":"us","reg\u0069on":"eu"}`, "eu")
	f(`{"region":"us","reg\u0069on":"eu"}`, "us")
	f(`{"region":"us","Region":"eu"}`, "us") // encoding/json takes both for the same
	f(`{"region":"us","Region":"eu"}`, "eu")
	f(`{"where":{"zone":"a"},"where":{"zone":"b"},"region":"us"}`, "us")
}

func TestMirroredParamsAreOnlyForHTTP(t *testing.T) {
	r := start(t, nil)
	addMirrored(r)
	c := r.dialTCP()
	if got := c.ask(modernCall("1", "mirrored", `{"region":"eu"}`)); !strings.Contains(got, "ran") {
		t.Errorf("TCP: %s", got)
	}
	resp := r.post(legacyCall("1", "mirrored", `{"region":"eu"}`),
		"Mcp-Session-Id:"+r.session("2025-11-25"))
	if got := r.text(resp); !strings.Contains(got, "ran") {
		t.Errorf("legacy HTTP: %s", got)
	}
}

func TestBadMirrorAnnotationsAreRefused(t *testing.T) {
	r := start(t, nil)
	f := func(name, properties string) {
		t.Helper()
		err := r.AddRawTool(mcp.Tool{
			Name:        "bad",
			InputSchema: json.RawMessage(`{"type":"object","properties":{` + properties + `}}`),
		}, nil)
		if err == nil || !strings.Contains(err.Error(), "x-mcp-header") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	f("empty", `"a":{"type":"string","x-mcp-header":""}`)
	f("space", `"a":{"type":"string","x-mcp-header":"My Region"}`)
	f("line end", `"a":{"type":"string","x-mcp-header":"A\r\nB"}`)
	f("colon", `"a":{"type":"string","x-mcp-header":"A:B"}`)
	f("no ASCII", `"a":{"type":"string","x-mcp-header":"Ü"}`)
	f("object", `"a":{"type":"object","x-mcp-header":"A"}`)
	f("number", `"a":{"type":"number","x-mcp-header":"A"}`)
	f("no type", `"a":{"x-mcp-header":"A"}`)
	f("twice", `"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}`)
	f("tab", `"a":{"type":"string","x-mcp-header":"A\t1"}`)
	f("array", `"a":{"type":"array","x-mcp-header":"A"}`)
	f("null", `"a":{"type":"null","x-mcp-header":"A"}`)
	f("types", `"a":{"type":["string","integer"],"x-mcp-header":"A"}`)
	f("no text", `"a":{"type":"string","x-mcp-header":7}`)
	f("nothing", `"a":{"type":"string","x-mcp-header":null}`)
	// Properties alone may lead to it.
	const one = `{"type":"string","x-mcp-header":"A"}`
	f("items", `"a":{"type":"array","items":`+one+`}`)
	f("prefixItems", `"a":{"type":"array","prefixItems":[`+one+`]}`)
	f("items of properties", `"a":{"items":{"properties":{"b":`+one+`}}}`)
	for _, word := range []string{"oneOf", "anyOf", "allOf"} {
		f(word, `"a":{"`+word+`":[`+one+`]}`)
	}
	for _, word := range []string{"not", "if", "then", "else", "additionalProperties", "contains"} {
		f(word, `"a":{"`+word+`":`+one+`}`)
	}
	f("patternProperties", `"a":{"patternProperties":{"^a":`+one+`}}`)
	f("$ref", `"a":{"$ref":"#/properties/b/$defs/c"},"b":{"$defs":{"c":`+one+`}}`)
	f("one good, one bad", `"a":`+one+`,"b":{"items":{"type":"string","x-mcp-header":"B"}}`)
}

// What only looks like an annotation is none, and a name may be that of a standard header.
func TestMirrorAnnotationsThatAreGood(t *testing.T) {
	r := start(t, nil)
	f := func(properties string) {
		t.Helper()
		err := r.AddRawTool(mcp.Tool{
			Name:        "good",
			InputSchema: json.RawMessage(`{"type":"object","properties":{` + properties + `}}`),
		}, nil)
		if err != nil {
			t.Error(err)
		}
	}
	f(`"x-mcp-header":{"type":"string"}`)
	f(`"a":{"type":"string","x-mcp-header":"Method"},"b":{"type":"string","x-mcp-header":"Name"}`)
	f(`"a":{"const":{"x-mcp-header":"A"},"default":{"x-mcp-header":"A"}}`)
	f(`"a":{"properties":{"b":{"type":"boolean","x-mcp-header":"!#$%&'*+-.^_|~9"}}}`)
}
