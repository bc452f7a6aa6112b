package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
)

// fixedAnswer is a tools/call answer of the modern era; its text is padded until the whole is
// size bytes, so that a comparison sends as many bytes as the server it stands beside.
func fixedAnswer(size int) []byte {
	const (
		head = `{"jsonrpc":"2.0","id":10000000,"result":{"content":[{"type":"text","text":"`
		tail = `"}],"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":` +
			`{"name":"mcploop","version":"1.0.0"}}}}`
		text = "00000:10000000"
	)
	pad := max(0, size-len(head)-len(text)-len(tail))
	return []byte(head + text + strings.Repeat("x", pad) + tail)
}

func serveNetHTTPFixed(s settings) error {
	answer := fixedAnswer(s.size)
	length := strconv.Itoa(len(answer))
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %q: %w", s.addr, err)
	}
	return http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", length)
		_, _ = w.Write(answer)
	}))
}

func serveFastHTTPFixed(s settings) error {
	answer := fixedAnswer(s.size)
	srv := &fasthttp.Server{
		Name: "peers",
		Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.SetContentType("application/json")
			ctx.SetBody(answer)
		},
	}
	return srv.ListenAndServe(s.addr)
}
