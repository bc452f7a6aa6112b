package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

const (
	modernVersion = "2026-07-28"
	legacyVersion = "2025-11-25"
	clientInfo    = `{"name":"mcploop-bench","version":"1"}`
	modernMeta    = `"_meta":{"io.modelcontextprotocol/protocolVersion":"` + modernVersion +
		`","io.modelcontextprotocol/clientInfo":` + clientInfo +
		`,"io.modelcontextprotocol/clientCapabilities":{}}`
	initializeMessage = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":` +
		`{"protocolVersion":"` + legacyVersion + `","capabilities":{},"clientInfo":` +
		clientInfo + `}}`
	initializedMessage = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	discoverMethod     = "server/discover" // 2026-07-28, in place of ping
	textBlank          = "{text}"
)

// wire holds what a transport sends: whole messages, ready to be written.
type wire struct {
	opt    *Options
	body   []byte  // the tools/call with blanks, without newline or head
	expect []byte  // the text of a good answer to it with blanks; nil: any
	heads  heads   // what precedes each call without a session; empty but for http
	calls  []frame // one for each of Options.Method, in its order
}

// heads are what precedes the calls of a connection, one for each of Options.Method. They hold no
// blanks, so that connections with sessions differ in these few bytes alone.
type heads [][]byte

func newWire(opt *Options) (*wire, error) {
	w := &wire{opt: opt}
	tool, err := json.Marshal(opt.Tool)
	if err != nil {
		return nil, fmt.Errorf("cannot encode tool %q: %w", opt.Tool, err)
	}
	tool = bytes.ReplaceAll(tool, []byte(partWord), partBlank)
	if !json.Valid([]byte(opt.Args)) {
		return nil, fmt.Errorf("cannot use arguments %q: they are not JSON", opt.Args)
	}
	text := string(connBlank) + ":" + string(idBlank)
	call := func(text, meta string) []byte {
		args := strings.ReplaceAll(opt.Args, textBlank, text)
		return w.message(MethodCall, fmt.Sprintf(`"name":%s,"arguments":%s`, tool, args), meta)
	}
	text += strings.Repeat("x", max(0, opt.Bytes-len(call(text, ""))-1))
	meta := ""
	if opt.modern() {
		meta = modernMeta
	}
	w.body = call(text, meta)
	switch {
	case opt.Expect != "":
		w.expect = []byte(strings.ReplaceAll(opt.Expect, textBlank, text))
	case strings.Contains(opt.Args, textBlank):
		w.expect = []byte(text)
	}
	w.heads = w.headsFor("")
	for _, m := range opt.Method {
		w.calls = append(w.calls, w.frameOf(w.bodyOf(m, meta)))
	}
	return w, nil
}

// bodyOf returns a call of the method with blanks.
func (w *wire) bodyOf(method, meta string) []byte {
	if method == MethodCall {
		return w.body
	}
	return w.message(w.nameOf(method), "", meta)
}

// nameOf returns the method's name on the wire.
func (w *wire) nameOf(method string) string {
	if method == MethodPing && w.opt.modern() {
		return discoverMethod
	}
	return method
}

func (w *wire) message(method, params, meta string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"jsonrpc":"2.0","id":%s,"method":%q`, idBlank, method)
	if params != "" && meta != "" {
		params += ","
	}
	if params += meta; params != "" {
		fmt.Fprintf(&b, `,"params":{%s}`, params)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// frameOf returns the message as the transport carries it, less its head.
func (w *wire) frameOf(body []byte) frame {
	switch {
	case w.opt.http():
		return newFrame(bytes.Clone(body))
	case w.opt.Transport == TransportWS:
		return newFrame(wsFrame(body))
	}
	return newFrame(append(bytes.Clone(body), '\n'))
}

// headsFor returns the heads of calls within session, which may be empty.
func (w *wire) headsFor(session string) heads {
	hs := make(heads, len(w.opt.Method))
	if !w.opt.http() {
		return hs
	}
	for i, m := range w.opt.Method {
		size := len(w.bodyOf(m, w.meta()))
		hs[i] = w.head(w.nameOf(m), session, w.opt.modern(), size)
	}
	return hs
}

func (w *wire) meta() string {
	if w.opt.modern() {
		return modernMeta
	}
	return ""
}

// hello returns the message that opens a legacy connection.
func (w *wire) hello() []byte {
	return w.handshake(initializeMessage, "", w.upgrade)
}

// ready returns the notification that ends the handshake.
func (w *wire) ready(session string) []byte {
	return w.handshake(initializedMessage, session, nil)
}

func (w *wire) handshake(message, session string, upgrade func() []byte) []byte {
	switch {
	case w.opt.http():
		return append(w.head("", session, false, len(message)), message...)
	case w.opt.Transport == TransportWS && upgrade != nil:
		return append(upgrade(), wsFrame([]byte(message))...)
	case w.opt.Transport == TransportWS:
		return wsFrame([]byte(message))
	}
	return []byte(message + "\n")
}

// head returns the head of a POST whose body has size bytes.
func (w *wire) head(method, session string, modern bool, size int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\n", w.opt.Path, w.opt.Addr)
	b.WriteString("Content-Type: application/json\r\n" +
		"Accept: application/json, text/event-stream\r\n")
	if modern {
		fmt.Fprintf(&b, "MCP-Protocol-Version: %s\r\nMcp-Method: %s\r\n", modernVersion, method)
		if method == MethodCall {
			fmt.Fprintf(&b, "Mcp-Name: %s\r\n", w.opt.Tool)
		}
	}
	if session != "" {
		fmt.Fprintf(&b, "Mcp-Session-Id: %s\r\nMCP-Protocol-Version: %s\r\n",
			session, legacyVersion)
	}
	for _, line := range w.opt.Header {
		fmt.Fprintf(&b, "%s\r\n", line)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", size)
	return b.Bytes()
}
