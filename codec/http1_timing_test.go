package codec

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// typicalHead is the head of a modern tools/call as a client library sends it.
const typicalHead = "POST /mcp HTTP/1.1\r\n" +
	"Host: mcp.example.com:8080\r\n" +
	"User-Agent: mcp-client/1.4 (linux; go1.26)\r\n" +
	"Content-Length: 312\r\n" +
	"Content-Type: application/json\r\n" +
	"Accept: application/json, text/event-stream\r\n" +
	"Accept-Encoding: gzip\r\n" +
	"Connection: keep-alive\r\n" +
	"MCP-Protocol-Version: 2026-07-28\r\n" +
	"Mcp-Method: tools/call\r\n" +
	"Mcp-Name: search_documents\r\n" +
	"Authorization: Bearer 7f9c2ba4e88f827d616045507605853e\r\n" +
	"\r\n"

func BenchmarkRequestHead(b *testing.B) {
	buf := []byte(typicalHead)
	var p RequestParser
	var r Request
	b.ReportAllocs()
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		if n, err := p.Head(buf, &r); n != len(buf) || err != nil {
			b.Fatalf("n = %d, err = %v", n, err)
		}
	}
}

func BenchmarkResponseHead(b *testing.B) {
	date := AppendDate(nil, time.Unix(784111777, 0))
	buf := AppendJSONHead(nil, date, 312)
	var p ResponseParser
	var r Response
	b.ReportAllocs()
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		if n, err := p.Head(buf, &r); n != len(buf) || err != nil {
			b.Fatalf("n = %d, err = %v", n, err)
		}
	}
}

func BenchmarkAppendJSONHead(b *testing.B) {
	date := AppendDate(nil, time.Unix(784111777, 0))
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendJSONHead(dst[:0], date, 312)
	}
}

func BenchmarkChunked(b *testing.B) {
	src := AppendChunk(nil, bytes.Repeat([]byte("x"), 512))
	src = AppendLastChunk(src)
	dst := make([]byte, 0, 1024)
	var c Chunked
	b.ReportAllocs()
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		c.Reset(nil)
		if _, n, done, err := c.Decode(dst, src); n != len(src) || !done || err != nil {
			b.Fatalf("n = %d, done = %v, err = %v", n, done, err)
		}
	}
}

func BenchmarkAppendEvent(b *testing.B) {
	data := []byte(strings.Repeat(`{"jsonrpc":"2.0"}`, 16))
	var dst []byte
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		dst = AppendEvent(dst[:0], "S1::001", "message", data)
	}
}

func BenchmarkEventReader(b *testing.B) {
	src := AppendEvent(nil, "S1::001", "message", []byte(strings.Repeat(`{"jsonrpc":"2.0"}`, 16)))
	var r EventReader
	var e Event
	b.ReportAllocs()
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if n, ok, err := r.Next(src, &e); n != len(src) || !ok || err != nil {
			b.Fatalf("n = %d, ok = %v, err = %v", n, ok, err)
		}
	}
}
