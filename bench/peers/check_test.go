package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const (
	hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":` +
		`"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	ready = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	meta  = `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
		`"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},` +
		`"io.modelcontextprotocol/clientCapabilities":{}}`
)

// toolCall is a tools/call of echo with a text that no server can guess.
type toolCall struct {
	message, text string
}

func newCall(id int, meta string) toolCall {
	text := fmt.Sprintf(`%x<é "`, rand.Uint64())
	quoted, _ := json.Marshal(text) // a string has a JSON form
	return toolCall{fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":`+
		`{"name":"echo","arguments":{"message":%s}%s}}`, id, quoted, meta), text}
}

type reply struct {
	JSONRPC string
	ID      int
	Method  string
	Error   json.RawMessage
	Result  struct {
		ProtocolVersion string
		IsError         bool
		Content         []struct{ Type, Text string }
	}
}

// read parses a message, or the event that holds it.
func read(t *testing.T, who, message string) (r reply) {
	t.Helper()
	for line := range strings.Lines(message) {
		line, ok := strings.CutPrefix(line, "data: ")
		if ok && line != "\n" {
			message = line
		}
	}
	if err := json.Unmarshal([]byte(message), &r); err != nil {
		t.Fatalf("%s: got %q: %v", who, message, err)
	}
	return r
}

// answers fails t unless r is the answer to the call with this id.
func (c toolCall) answeredBy(t *testing.T, who string, id int, r reply) {
	t.Helper()
	content := r.Result.Content
	if r.JSONRPC != "2.0" || r.ID != id || r.Error != nil || r.Result.IsError ||
		len(content) != 1 || content[0].Type != "text" || content[0].Text != c.text {
		t.Errorf("%s: got %+v (error %s) for %s", who, r, r.Error, c.message)
	}
}

// checkLines makes the handshake and two calls at once over w and r.
func checkLines(t *testing.T, who string, w io.Writer, r io.Reader) {
	t.Helper()
	in := bufio.NewReader(r)
	next := func() reply {
		t.Helper()
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatalf("%s: got %q, %v", who, line, err)
			}
			if m := read(t, who, line); m.Method == "" {
				return m
			}
		}
	}
	send := func(text string) {
		t.Helper()
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatalf("%s: %v", who, err)
		}
	}
	send(hello + "\n")
	if m := next(); m.ID != 1 || m.Result.ProtocolVersion != "2025-11-25" {
		t.Errorf("%s: got %+v for initialize", who, m)
	}
	calls := []toolCall{newCall(10, ""), newCall(11, "")}
	send(ready + "\n" + calls[0].message + "\n" + calls[1].message + "\n")
	first, second := next(), next()
	if first.ID == 11 { // answers may overtake one another
		first, second = second, first
	}
	calls[0].answeredBy(t, who, 10, first)
	calls[1].answeredBy(t, who, 11, second)
}

// checkStdio does so over stdin and stdout of cmd.
func checkStdio(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	cmd.Stderr = os.Stderr
	if errIn != nil || errOut != nil {
		t.Fatal(errIn, errOut)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		_ = cmd.Wait() // how it ends says nothing
	}()
	checkLines(t, strings.Join(cmd.Args[1:], " "), in, out)
}

// post sends message to url within the session, with the headers named as pairs.
func post(t *testing.T, url, session, message string, headers ...string) (string, *http.Response) {
	t.Helper()
	req, err := http.NewRequest("POST", url, strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if session != "" {
		req.Header.Set("Mcp-Session-Id", session)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		t.Fatalf("%s: got %d %q, %v for %s", url, res.StatusCode, b, err, message)
	}
	return string(b), res
}

func checkModern(t *testing.T, url string) {
	t.Helper()
	c := newCall(7, meta)
	body, _ := post(t, url, "", c.message, "MCP-Protocol-Version", "2026-07-28",
		"Mcp-Method", "tools/call", "Mcp-Name", "echo")
	c.answeredBy(t, url, 7, read(t, url, body))
}

func checkLegacy(t *testing.T, url string) {
	t.Helper()
	body, res := post(t, url, "", hello)
	if m := read(t, url, body); m.ID != 1 || m.Result.ProtocolVersion != "2025-11-25" {
		t.Errorf("%s: got %s for initialize", url, body)
	}
	session := res.Header.Get("Mcp-Session-Id")
	version := []string{"MCP-Protocol-Version", "2025-11-25"}
	post(t, url, session, ready, version...)
	for id := range 2 {
		c := newCall(id, "")
		body, _ := post(t, url, session, c.message, version...)
		c.answeredBy(t, url, id, read(t, url, body))
	}
}

// start runs the peer until the test binary ends and returns its address.
func start(t *testing.T, args ...string) string {
	t.Helper()
	addr := freeAddr(t)
	failed := make(chan error, 1)
	go func() { failed <- run(append(args, "--addr", addr), io.Discard) }()
	await(t, addr, failed)
	return addr
}

// freeAddr returns an address that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// await waits until something listens at addr; failed tells that nothing will.
func await(t *testing.T, addr string, failed <-chan error) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return
		}
		select {
		case err := <-failed:
			t.Fatalf("server ended: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Fatalf("nobody listens on %s", addr)
}
