package main

import (
	"fmt"
	"net"
	"slices"
	"sync"

	"github.com/mcploop/mcploop/codec"
	"github.com/valyala/fasthttp"
)

// codecEcho answers messages with mcploop's own codec and nothing else of it: no method table,
// no versions, no schema, no limits, no counters. One for each goroutine.
type codecEcho struct {
	scan   codec.Scanner
	m      codec.Message
	result []byte // scratch
}

const codecHello = `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},` +
	`"serverInfo":{"name":"codec-echo","version":"1"}}`

// codecModernTail is as long as what mcploop says there.
const codecModernTail = `,"resultType":"complete","_meta":{` +
	`"io.modelcontextprotocol/serverInfo":{"name":"mcploop","version":"1.0.0"}}`

// answer appends the answer to frame, or nothing to what wants none.
func (e *codecEcho) answer(dst, frame []byte) []byte {
	err := e.scan.Scan(frame, &e.m)
	if !e.m.WantsAnswer() {
		return dst
	}
	if err != nil {
		return codec.AppendError(dst, e.m.ID, err, nil)
	}
	switch string(e.m.Method) {
	case "tools/call":
		message := codec.Find(e.m.Arguments, "message")
		if string(e.m.Param("name")) != `"echo"` || len(message) == 0 || message[0] != '"' {
			return codec.AppendError(dst, e.m.ID, codec.ErrInvalidParams, nil)
		}
		e.result = append(e.result[:0], `{"content":[{"type":"text","text":`...)
		e.result = append(append(e.result, message...), `}]`...)
		if e.m.Meta != nil {
			e.result = append(e.result, codecModernTail...)
		}
		e.result = append(e.result, '}')
		return codec.AppendResult(dst, e.m.ID, e.result)
	case "initialize":
		return codec.AppendResult(dst, e.m.ID, []byte(codecHello))
	}
	return codec.AppendError(dst, e.m.ID, codec.ErrMethodNotFound, nil)
}

// serveNetCodec is what mcploop would be without its loop: a goroutine and a buffer for each
// connection, its own line framing and scanner, and one write for all answers of one read.
func serveNetCodec(s settings) error {
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %q: %w", s.addr, err)
	}
	for {
		c, err := ln.Accept()
		if err != nil {
			return fmt.Errorf("cannot accept: %w", err)
		}
		go serveFrames(c)
	}
}

// serveFrames hangs up on a line above codec.LineBytesMaxDefault; until then in grows with it.
func serveFrames(c net.Conn) {
	defer c.Close()
	var (
		echo  codecEcho
		lines codec.Lines
		in    = make([]byte, 0, 16<<10) // what was read and is not consumed
		out   []byte
	)
	for {
		if len(in) == cap(in) {
			in = slices.Grow(in, cap(in))
		}
		n, err := c.Read(in[len(in):cap(in)])
		if err != nil {
			return
		}
		in, out = in[:len(in)+n], out[:0]
		used := 0
		for {
			line, n, state := lines.Next(in[used:])
			used += n
			if state == codec.LineTooLong {
				return
			}
			if state == codec.LineNeedMore {
				break
			}
			before := len(out)
			if out = echo.answer(out, line); len(out) > before {
				out = append(out, '\n')
			}
		}
		in = in[:copy(in, in[used:])]
		if len(out) == 0 {
			continue
		}
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

// serveFastHTTPCodec is fasthttp that reads the body and answers the call in it, which
// fasthttp-fixed does not: what its users can get at most. Headers are not looked at.
func serveFastHTTPCodec(s settings) error {
	type state struct {
		echo codecEcho
		out  []byte
	}
	idle := sync.Pool{New: func() any { return new(state) }}
	srv := &fasthttp.Server{
		Name: "peers",
		Handler: func(ctx *fasthttp.RequestCtx) {
			st := idle.Get().(*state)
			st.out = st.echo.answer(st.out[:0], ctx.PostBody())
			if len(st.out) == 0 {
				ctx.SetStatusCode(fasthttp.StatusAccepted)
			} else {
				ctx.SetContentType("application/json")
				ctx.SetBody(st.out)
			}
			idle.Put(st)
		},
	}
	return srv.ListenAndServe(s.addr)
}
