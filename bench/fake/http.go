package fake

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// HTTP serves MCP over http; sse answers as an event stream in chunks, after a notice. What a
// Spoiler makes of an answer is sent as it is when it begins with "HTTP/".
func HTTP(t *testing.T, sse bool, spoil Spoiler) string {
	t.Helper()
	calls := new(counter)
	return serve(t, "tcp", "127.0.0.1:0", func(c net.Conn) {
		in := bufio.NewReader(c)
		for {
			if err := answerRequest(in, c, sse, spoil, calls); err != nil {
				return
			}
		}
	})
}

func answerRequest(
	in *bufio.Reader, w io.Writer, sse bool, spoil Spoiler, calls *counter,
) error {
	r, err := http.ReadRequest(in)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	out, call := AnswerLine(body)
	const session = "Mcp-Session-Id"
	switch {
	case r.Header.Get("Mcp-Method") == "" && !call && out != "":
		out = jsonResponse(out, true, session+": a-session\r\n")
	case r.Header.Get("Mcp-Method") == "" && r.Header.Get(session) != "a-session":
		out = Status("404 Not Found", "no session")
	case out == "":
		out = Status("202 Accepted", "")
	default:
		if call && spoil != nil {
			out = spoil(calls.Add(1), out)
		}
		if out == "" {
			return io.EOF
		}
		if !strings.HasPrefix(out, "HTTP/") {
			out = responses(sse, out)
		}
	}
	_, err = io.WriteString(w, out)
	return err
}

// Status is an answer to a request whose status may be any.
func Status(status, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
}

// responses returns a response for each answer, or one event stream for all.
func responses(sse bool, out string) string {
	if sse && out != Cut {
		return stream(out)
	}
	return framed(out, func(answer string, whole bool) string {
		return jsonResponse(answer, whole, "")
	})
}

// missing is how much more than what comes a frame that breaks off promises.
const missing = 10

func jsonResponse(answer string, whole bool, header string) string {
	size := len(answer)
	if !whole {
		size += missing
	}
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"+
		"%sContent-Length: %d\r\n\r\n%s", header, size, answer)
}

func stream(out string) string {
	whole := true
	body := framed(out, func(answer string, w bool) string {
		whole = whole && w
		return "event: message\ndata: " + lineFrame(answer+"\n", w)
	})
	first := "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n\n"
	size, end := len(body), "\r\n0\r\n\r\n"
	if !whole {
		size, end = size+missing, ""
	}
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"+
		"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x\r\n%s%s",
		len(first), first, size, body, end)
}
