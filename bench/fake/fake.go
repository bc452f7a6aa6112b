package fake

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// Spoiler changes an answer; n counts the answers to calls. An empty answer closes.
type Spoiler func(n int64, answer string) string

// AnswerLine answers one JSON-RPC message; "" when none is due.
func AnswerLine(line []byte) (answer string, call bool) {
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			Name      string `json:"name"`
			Arguments struct {
				Message string `json:"message"`
			} `json:"arguments"`
		} `json:"params"`
	}
	if err := json.Unmarshal(line, &m); err != nil {
		return `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}}`, false
	}
	switch {
	case m.ID == nil:
		return "", false
	case m.Method == "initialize":
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25"}}`,
			m.ID), false
	case m.Params.Name == "fail":
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-31000,"message":"no"}}`,
			m.ID), true
	case m.Params.Name == "constant":
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"content":[{"text":"3"}]}}`,
			m.ID), true
	}
	text, err := json.Marshal(m.Params.Arguments.Message)
	if err != nil {
		return "", false
	}
	return fmt.Sprintf(`{"id":%s,"result":{"content":[{"type":"text","text":%s}]},"jsonrpc":"2.0"}`,
		m.ID, text), true
}

// Lines of one server share the number of the answer that a Spoiler is told.
type counter = atomic.Int64

// ServeLines answers lines from r on w until r ends; spoil may be nil.
func ServeLines(r io.Reader, w io.Writer, spoil Spoiler) {
	serveLines(r, w, spoil, new(counter))
}

func serveLines(r io.Reader, w io.Writer, spoil Spoiler, calls *counter) {
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		out, call := AnswerLine(line)
		if out == "" {
			continue
		}
		if call && spoil != nil {
			if out = spoil(calls.Add(1), out); out == "" {
				return
			}
		}
		if _, err := io.WriteString(w, out+"\n"); err != nil {
			return
		}
	}
}

// ServeListener serves lines on every connection of ln until ln is closed.
func ServeListener(ln net.Listener, spoil Spoiler) {
	calls := new(counter)
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			serveLines(c, c, spoil, calls)
		}()
	}
}

// Lines serves MCP lines until the test ends and returns the address.
func Lines(t *testing.T, network string, spoil Spoiler) string {
	t.Helper()
	addr := "127.0.0.1:0"
	if network == "unix" {
		addr = filepath.Join(t.TempDir(), "s")
	}
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go ServeListener(ln, spoil)
	return ln.Addr().String()
}

// Echo gives back what it gets, with spoil applied to each read.
func Echo(t *testing.T, spoil func([]byte)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go echoConn(c, spoil)
		}
	}()
	return ln.Addr().String()
}

func echoConn(c net.Conn, spoil func([]byte)) {
	defer c.Close()
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if spoil != nil {
			spoil(buf[:n])
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return
		}
	}
}

// HTTP serves MCP over http; sse answers as a chunked event stream.
func HTTP(t *testing.T, sse bool, spoil Spoiler) string {
	t.Helper()
	calls := new(counter)
	h := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		out, call := AnswerLine(body)
		if legacy := r.Header.Get("Mcp-Method") == ""; legacy {
			checkSession(w, r, out != "" && !call)
		}
		if out == "" {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		if call && spoil != nil {
			out = spoil(calls.Add(1), out)
		}
		if !sse {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, out)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, ": hello\n\nevent: message\n"+
			"data: {\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n\n")
		w.(http.Flusher).Flush()
		fmt.Fprintf(w, "event: message\ndata: %s\n\n", out)
	}
	s := httptest.NewServer(http.HandlerFunc(h))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.Listener.Addr().String()
}

// checkSession names a session at initialize and wants it back later.
func checkSession(w http.ResponseWriter, r *http.Request, first bool) {
	const session = "a-session"
	if first {
		w.Header().Set("Mcp-Session-Id", session)
	} else if r.Header.Get("Mcp-Session-Id") != session {
		w.WriteHeader(http.StatusNotFound)
	}
}
