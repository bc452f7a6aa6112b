package fake

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// Spoiler changes an answer; n counts the answers to calls. An empty answer closes the connection,
// a newline stands between several answers, and what Cut ends is sent without its end: Cut alone
// is an answer that does not come.
type Spoiler func(n int64, answer string) string

// Cut ends an answer that breaks off.
const Cut = "\x00"

// framed returns the answers of out, each in the frame that is made for it: whole, or for an
// answer that breaks off.
func framed(out string, frame func(answer string, whole bool) string) string {
	var b strings.Builder
	for answer := range strings.SplitSeq(out, "\n") {
		text, cut := strings.CutSuffix(answer, Cut)
		if !cut || text != "" {
			b.WriteString(frame(text, !cut))
		}
	}
	return b.String()
}

func lineFrame(answer string, whole bool) string {
	if whole {
		answer += "\n"
	}
	return answer
}

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
	case m.ID == nil || m.Method == "":
		return "", false
	case m.Method == "initialize":
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25",`+
			`"serverInfo":{"name":"fake","version":"1"}}}`,
			m.ID), false
	case m.Method == "ping" || m.Method == "server/discover":
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{}}`, m.ID), true
	case m.Method == "tools/list":
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"echo"},`+
			`{"name":"constant"}]}}`, m.ID), true
	case m.Params.Name == "fail" || m.Method == "prompts/list":
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
		if _, err := io.WriteString(w, framed(out, lineFrame)); err != nil {
			return
		}
	}
}

// ServeListener serves lines on every connection of ln until ln is closed.
func ServeListener(ln net.Listener, spoil Spoiler) {
	calls := new(counter)
	accept(ln, func(c net.Conn) { serveLines(c, c, spoil, calls) })
}

// Lines serves MCP lines until the test ends and returns the address.
func Lines(t *testing.T, network string, spoil Spoiler) string {
	t.Helper()
	addr := "127.0.0.1:0"
	if network == "unix" {
		addr = filepath.Join(t.TempDir(), "s")
	}
	calls := new(counter)
	return serve(t, network, addr, func(c net.Conn) { serveLines(c, c, spoil, calls) })
}

// serve lets each serve every connection until the test ends, and returns the address.
func serve(t *testing.T, network, addr string, each func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go accept(ln, each)
	return ln.Addr().String()
}

func accept(ln net.Listener, each func(net.Conn)) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			each(c)
		}()
	}
}

// Echo gives back what it gets, with spoil applied to each read.
func Echo(t *testing.T, spoil func([]byte)) string {
	t.Helper()
	return serve(t, "tcp", "127.0.0.1:0", func(c net.Conn) { echoConn(c, spoil) })
}

func echoConn(c net.Conn, spoil func([]byte)) {
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
