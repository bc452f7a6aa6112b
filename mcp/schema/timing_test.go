package schema

import "testing"

const (
	threeProperties = `{"type":"object","properties":{"message":{"type":"string","maxLength":64},` +
		`"limit":{"type":"integer","minimum":1,"maximum":100},"verbose":{"type":"boolean"}},` +
		`"required":["message"],"additionalProperties":false}`
	threeArguments = `{"message":"abcdefghijklmno","limit":10,"verbose":true}`
)

func BenchmarkCheck(b *testing.B) {
	for _, bench := range []struct{ name, schema, value string }{
		{"three", threeProperties, threeArguments},
		{"otherOrder", threeProperties, `{"verbose": true, "limit": 10, "message": "abcdefghij"}`},
		{"open", `{"type":"object"}`, threeArguments},
	} {
		b.Run(bench.name, func(b *testing.B) {
			c, err := Compile([]byte(bench.schema))
			if err != nil {
				b.Fatal(err)
			}
			raw := []byte(bench.value)
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Check(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := Compile([]byte(threeProperties)); err != nil {
			b.Fatal(err)
		}
	}
}
