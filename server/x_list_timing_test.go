package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

const manyTools = 10_000

// listServer offers manyTools tools over TCP, with pages of that size.
func listServer(b *testing.B, pageSize int) string {
	b.Helper()
	s, err := server.New(server.Options{
		Name: "many", TCP: []string{"127.0.0.1:0"}, Lists: server.Lists{PageSize: pageSize},
	})
	if err != nil {
		b.Fatal(err)
	}
	for i := range manyTools {
		err := s.AddRawTool(mcp.Tool{
			Name:        fmt.Sprintf("tool_%05d", i),
			Description: "Does what its number says, and no more.",
			InputSchema: json.RawMessage(
				`{"type":"object","properties":{"x":{"type":"string"}}}`),
		}, func(_ context.Context, _ *mcp.Request, dst []byte) ([]byte, error) {
			return mcp.AppendTextResult(dst, nil), nil
		}, server.Inline)
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Drain(context.Background()) })
	return s.Addrs()[0].Addr.String()
}

// bareServer answers every line with the same bytes.
func bareServer(b *testing.B, answer []byte) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answerLines(c, answer)
		}
	}()
	return l.Addr().String()
}

func answerLines(c net.Conn, answer []byte) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		if _, err := r.ReadSlice('\n'); err != nil {
			return
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// BenchmarkToolsList compares tools/list of 10,000 tools with a server that only writes the same
// bytes: in one page, and in pages of 100 (one page is asked for again and again). Sixteen
// requests are in flight, so that it measures work and not one peer waiting for the other.
func BenchmarkToolsList(b *testing.B) {
	ask := []byte(modernRequest("1", "tools/list", "") + "\n")
	const flight = 16
	asks := bytes.Repeat(ask, flight)
	for _, pageSize := range []int{manyTools, 100} {
		addr := listServer(b, pageSize)
		answer := askOnce(b, addr, ask)
		for _, c := range []struct{ name, addr string }{
			{"mcploop", addr}, {"bare", bareServer(b, answer)},
		} {
			b.Run(fmt.Sprintf("page=%d/%s", pageSize, c.name), func(b *testing.B) {
				conn, err := net.Dial("tcp", c.addr)
				if err != nil {
					b.Fatal(err)
				}
				defer conn.Close()
				into := make([]byte, flight*len(answer))
				b.SetBytes(int64(len(into)))
				for b.Loop() {
					if _, err := conn.Write(asks); err != nil {
						b.Fatal(err)
					}
					if _, err := io.ReadFull(conn, into); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func askOnce(b *testing.B, addr string, ask []byte) []byte {
	b.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(ask); err != nil {
		b.Fatal(err)
	}
	answer, err := bufio.NewReaderSize(conn, 8<<20).ReadBytes('\n')
	if err != nil {
		b.Fatal(err)
	}
	return answer
}
