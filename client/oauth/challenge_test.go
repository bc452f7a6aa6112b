package oauth

import (
	"reflect"
	"strings"
	"testing"
)

// TestParseChallenge reads headers as servers write them, and as none should.
func TestParseChallenge(t *testing.T) {
	const where = "https://a.example/x?y=1,2"
	long := strings.Repeat("Basic realm=x, ", 1000)
	for header, want := range map[string]challenge{
		``:       {},
		`Bearer`: {},
		`Bearer resource_metadata="` + where + `"`:               {metadata: where},
		`bearer  Scope = "a  b" , ERROR=invalid_token`:           {"invalid_token", ab, ""},
		`Bearer scope="a b", resource_metadata=x, scope=c`:       {"", ab, "x"},
		`Bearer realm="a, Bearer scope=c", error="e"`:            {fault: "e"},
		`Bearer error="a\"b\\c"`:                                 {fault: `a"b\c`},
		`Basic realm="x", Bearer error=e`:                        {fault: "e"},
		`Basic error=x`:                                          {},
		`Negotiate, Bearer error=e`:                              {fault: "e"},
		`Negotiate YII/+a.b==, Bearer error=e`:                   {fault: "e"},
		`NTLM abc, Digest error=x, Bearer error=e, DPoP error=d`: {fault: "e"},
		`Bearer error=e, Bearer resource_metadata=y`:             {metadata: "y"},
		`DPoP resource_metadata=z, Bearer error=e`:               {fault: "e"},
		`,, Bearer  ,error=e,,`:                                  {fault: "e"},
		`Bearer error="e`:                                        {},
		`Bearer error=`:                                          {},
		`Bearer =`:                                               {},
		"Bearer error=e\x00, scope=a":                            {fault: "e"},
		`error=e`:                                                {},
		long + `Bearer error=e`:                                  {},
		`Bearer scope=""`:                                        {scopes: []string{}},
	} {
		if got := parseChallenge(header); !reflect.DeepEqual(got, want) {
			t.Errorf("%.80q:\ngot  %q\nwant %q", header, got, want)
		}
	}
}

var ab = []string{"a", "b"}

// FuzzParseChallenge: no header stops it.
func FuzzParseChallenge(f *testing.F) {
	f.Add(`Bearer scope="a b", resource_metadata="https://x", error=e, Negotiate ab==`)
	f.Fuzz(func(t *testing.T, header string) {
		c := parseChallenge(header)
		if len(c.fault)+len(c.metadata) > len(header) {
			t.Errorf("%q became %q", header, c)
		}
	})
}
