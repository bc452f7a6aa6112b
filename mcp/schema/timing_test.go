package schema

import (
	"testing"

	"github.com/mcploop/mcploop/codec"
)

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
		b.Run(bench.name+"/listed", func(b *testing.B) {
			c, err := Compile([]byte(bench.schema))
			var m codec.Message
			frame := `{"jsonrpc":"2.0","id":1,"method":"a","params":{"arguments":` +
				bench.value + `}}`
			if fault := new(codec.Scanner).Scan([]byte(frame), &m); err != nil || fault != nil {
				b.Fatal(err, fault)
			}
			raw := []byte(bench.value)
			for b.Loop() {
				if err := c.CheckMembers(raw, m.ArgumentMembers); err != nil {
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
