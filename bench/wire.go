package bench

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
	modernMeta    = `,"_meta":{"io.modelcontextprotocol/protocolVersion":"` + modernVersion +
		`","io.modelcontextprotocol/clientInfo":` + clientInfo +
		`,"io.modelcontextprotocol/clientCapabilities":{}}`
	initializeMessage = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":` +
		`{"protocolVersion":"` + legacyVersion + `","capabilities":{},"clientInfo":` +
		clientInfo + `}}`
	initializedMessage = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	textBlank          = "{text}"
)

// wire holds what a transport sends: whole messages, ready to be written.
type wire struct {
	opt    *Options
	body   []byte // the call with blanks, without newline or head
	expect []byte // the text of a good answer with blanks; nil: any
	call   frame  // what a connection without a session sends
}

func newWire(opt *Options) (*wire, error) {
	w := &wire{opt: opt}
	tool, err := json.Marshal(opt.Tool)
	if err != nil {
		return nil, fmt.Errorf("cannot encode tool %q: %w", opt.Tool, err)
	}
	if !json.Valid([]byte(opt.Args)) {
		return nil, fmt.Errorf("cannot use arguments %q: they are not JSON", opt.Args)
	}
	text := string(connBlank) + ":" + string(idBlank)
	plain := w.message(tool, text, "")
	text += strings.Repeat("x", max(0, opt.Bytes-len(plain)-1))
	meta := ""
	if opt.modern() {
		meta = modernMeta
	}
	w.body = w.message(tool, text, meta)
	switch {
	case opt.Expect != "":
		w.expect = []byte(opt.Expect)
	case strings.Contains(opt.Args, textBlank):
		w.expect = []byte(text)
	}
	w.call = w.callFrame("")
	return w, nil
}

func (w *wire) message(tool []byte, text, meta string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":`, idBlank)
	args := strings.ReplaceAll(w.opt.Args, textBlank, text)
	fmt.Fprintf(&b, `{"name":%s,"arguments":%s%s}}`, tool, args, meta)
	return b.Bytes()
}

// callFrame returns the call as the transport carries it, within session unless that is empty.
func (w *wire) callFrame(session string) frame {
	if w.opt.http() {
		return newFrame(w.post(w.body, session, w.opt.modern()))
	}
	if w.opt.Transport == TransportWS {
		return newFrame(wsFrame(w.body))
	}
	return newFrame(append(bytes.Clone(w.body), '\n'))
}

// hello returns the message that opens a legacy connection.
func (w *wire) hello() []byte {
	if w.opt.http() {
		return w.post([]byte(initializeMessage), "", false)
	}
	if w.opt.Transport == TransportWS {
		return append(w.upgrade(), wsFrame([]byte(initializeMessage))...)
	}
	return []byte(initializeMessage + "\n")
}

// ready returns the notification that ends the handshake.
func (w *wire) ready(session string) []byte {
	if w.opt.http() {
		return w.post([]byte(initializedMessage), session, false)
	}
	if w.opt.Transport == TransportWS {
		return wsFrame([]byte(initializedMessage))
	}
	return []byte(initializedMessage + "\n")
}

func (w *wire) post(body []byte, session string, modern bool) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\n", w.opt.Path, w.opt.Addr)
	b.WriteString("Content-Type: application/json\r\n" +
		"Accept: application/json, text/event-stream\r\n")
	if modern {
		fmt.Fprintf(&b, "MCP-Protocol-Version: %s\r\nMcp-Method: tools/call\r\nMcp-Name: %s\r\n",
			modernVersion, w.opt.Tool)
	}
	if session != "" {
		fmt.Fprintf(&b, "Mcp-Session-Id: %s\r\nMCP-Protocol-Version: %s\r\n",
			session, legacyVersion)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.Bytes()
}
