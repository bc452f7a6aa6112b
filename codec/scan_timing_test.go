package codec

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

const smallCall = `{"jsonrpc":"2.0","id":12345,"method":"tools/call",` +
	`"params":{"name":"echo","arguments":{"message":"hello, world"}}}`

// callOf returns a tools/call whose text argument brings it to about size bytes.
func callOf(size int) []byte {
	text := "The quick brown fox jumps over the lazy dog, and says \\\"no\\\".\\n"
	n := (size - len(smallCall)) / len(text)
	return []byte(strings.Replace(smallCall, "hello, world", strings.Repeat(text, n), 1))
}

// treeOf returns a tools/call whose arguments are many small values, about size bytes.
func treeOf(size int) []byte {
	var b bytes.Buffer
	b.WriteString(smallCall[:strings.Index(smallCall, `{"message"`)])
	b.WriteString(`{"rows":[`)
	for i := 0; b.Len() < size-60; i++ {
		fmt.Fprintf(&b, `{"id":%d,"name":"row %d","ok":true,"share":0.%d},`, i, i, i)
	}
	b.WriteString(`null]}}}`)
	return b.Bytes()
}

const modernCall = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo",` +
	`"arguments":{"message":"hello"},"_meta":{"io.modelcontextprotocol/protocolVersion":` +
	`"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},` +
	`"io.modelcontextprotocol/clientCapabilities":{}}}}`

func BenchmarkScan(b *testing.B) {
	cases := []struct {
		name  string
		frame []byte
	}{
		{"ping", []byte(`{"jsonrpc":"2.0","id":1,"method":"ping"}`)},
		{"call120B", []byte(smallCall)},
		{"modern300B", []byte(modernCall)},
		{"text1KB", callOf(1 << 10)},
		{"tree1KB", treeOf(1 << 10)},
		{"text64KB", callOf(64 << 10)},
		{"tree64KB", treeOf(64 << 10)},
		{"kana64KB", bytes.Replace([]byte(smallCall), []byte("hello, world"),
			bytes.Repeat([]byte("おはよう "), 5000), 1)},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			var s Scanner
			var m Message
			b.SetBytes(int64(len(c.frame)))
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Scan(c.frame, &m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkScanAnew is Scan of a call that is not like the one before.
func BenchmarkScanAnew(b *testing.B) {
	var s Scanner
	var m Message
	frame := []byte(smallCall)
	_ = s.Scan(bytes.Replace(frame, []byte("echo"), []byte("else"), 1), &m)
	b.ReportAllocs()
	for b.Loop() {
		s.stem.misses = 0
		if err := s.Scan(frame, &m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReply(b *testing.B) {
	id, result := []byte("12345"), []byte(`{"content":[{"type":"text","text":"hello, world"}]}`)
	out := make([]byte, 0, 1024)
	b.Run("result", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			out = AppendResult(out[:0], id, result)
		}
	})
	b.Run("error", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			out = AppendError(out[:0], id, ErrMethodNotFound, nil)
		}
	})
	text := strings.Repeat("The quick brown fox jumps over the lazy dog.\n", 23)
	b.Run("string1KB", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			out = AppendString(out[:0], text)
		}
	})
}

func BenchmarkLines(b *testing.B) {
	stream := bytes.Repeat([]byte(smallCall+"\n"), 100)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	var l Lines
	for b.Loop() {
		for rest := stream; len(rest) > 0; {
			_, n, _ := l.Next(rest)
			rest = rest[n:]
		}
	}
}
