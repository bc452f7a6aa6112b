package bench

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// ListenOptions describe a crowd that waits to be told of changed lists.
type ListenOptions struct {
	Addr    string        // host:port of the HTTP door
	Legacy  bool          // GET streams of legacy sessions; else subscriptions/listen
	Conns   int           // one stream on each
	PID     int           // the server's process
	Hold    time.Duration // how long the streams are quiet before memory is read
	Trigger string        // tool that changes tools/list; "" measures memory alone
	Rounds  int           // how often it is called
	Wait    time.Duration // bounds every read; default 30 s
}

// ListenResult is what a crowd of streams costs the server.
type ListenResult struct {
	Conns  int           `json:"conns"`
	Before Memory        `json:"before"`
	Held   Memory        `json:"held"`
	Last   time.Duration `json:"last"` // from the call until the last listener has read, mean
	CPU    time.Duration `json:"cpu"`  // of the server for each notification of one listener
}

const listenWait = 30 * time.Second

const (
	listenMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
		`"io.modelcontextprotocol/clientCapabilities":{}}`
	listenBody = `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{` +
		`"notifications":{"toolsListChanged":true},` + listenMeta + `}}`
	helloBody = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":` +
		`"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}`
)

// listener is one stream. Its bytes are read when it is its turn: no goroutine belongs to it.
type listener struct {
	net.Conn
	wait time.Duration
	buf  []byte
	read []byte
}

// until reads up to and with the next mark.
func (l *listener) until(mark string) (string, error) {
	_ = l.SetReadDeadline(time.Now().Add(l.wait))
	for {
		if i := strings.Index(string(l.read), mark); i >= 0 {
			text := string(l.read[:i+len(mark)])
			l.read = append(l.read[:0:0], l.read[i+len(mark):]...)
			return text, nil
		}
		n, err := l.Read(l.buf)
		if l.read = append(l.read, l.buf[:n]...); err != nil {
			return "", fmt.Errorf("cannot read up to %q: %w after %.200q", mark, err, l.read)
		}
	}
}

func (l *listener) request(first, body string, headers ...string) error {
	lines := append([]string{
		first, "Host: localhost", "Content-Type: application/json",
		"Accept: application/json, text/event-stream",
		fmt.Sprintf("Content-Length: %d", len(body)),
	}, headers...)
	_, err := io.WriteString(l, strings.Join(lines, "\r\n")+"\r\n\r\n"+body)
	return err
}

// open begins the stream.
func (l *listener) open(legacy bool) error {
	if !legacy {
		err := l.request("POST /mcp HTTP/1.1", listenBody,
			"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: subscriptions/listen")
		if err == nil {
			_, err = l.until("subscriptions/acknowledged")
		}
		return err
	}
	if err := l.request("POST /mcp HTTP/1.1", helloBody); err != nil {
		return err
	}
	answer, err := l.until(`"serverInfo"`)
	if err != nil {
		return err
	}
	_, session, _ := strings.Cut(strings.ToLower(answer), "mcp-session-id: ")
	at := len(answer) - len(session)
	session, _, _ = strings.Cut(answer[at:], "\r\n")
	err = l.request("GET /mcp HTTP/1.1", "", "Mcp-Session-Id: "+session,
		"MCP-Protocol-Version: 2025-11-25")
	if err == nil {
		_, err = l.until("text/event-stream")
	}
	return err
}

// RunListen opens the streams, reads the server's memory, and has the list changed.
func RunListen(o ListenOptions) (r ListenResult, err error) {
	if o.Conns < 1 || o.Conns > connsMax || o.PID <= 0 || o.Rounds < 1 {
		return r, fmt.Errorf("cannot hold %d streams for %d rounds of pid %d: give 1..%d "+
			"connections, a round and a pid", o.Conns, o.Rounds, o.PID, connsMax)
	}
	if r.Before, err = memory(o.PID); err != nil {
		return r, err
	}
	r.Conns, o.Wait = o.Conns, cmp.Or(o.Wait, listenWait)
	crowd := make([]*listener, 0, o.Conns)
	defer func() {
		for _, l := range crowd {
			l.Close()
		}
	}()
	buf := make([]byte, 16<<10)
	for range o.Conns {
		c, err := net.Dial("tcp", o.Addr)
		if err != nil {
			return r, fmt.Errorf("cannot open stream %d: %w", len(crowd), err)
		}
		l := &listener{Conn: c, wait: o.Wait, buf: buf}
		crowd = append(crowd, l)
		if err := l.open(o.Legacy); err != nil {
			return r, fmt.Errorf("cannot open stream %d: %w", len(crowd), err)
		}
	}
	time.Sleep(o.Hold)
	if r.Held, err = memory(o.PID); err != nil || o.Trigger == "" {
		return r, err
	}
	return r, r.fanOut(&o, crowd, buf)
}

// fanOut calls the trigger and waits for everybody, Rounds times.
func (r *ListenResult) fanOut(o *ListenOptions, crowd []*listener, buf []byte) error {
	c, err := net.Dial("tcp", o.Addr)
	if err != nil {
		return fmt.Errorf("cannot call %q: %w", o.Trigger, err)
	}
	defer c.Close()
	caller := &listener{Conn: c, wait: o.Wait, buf: buf}
	call := fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":%q,`+
		`"arguments":{},%s}}`, o.Trigger, listenMeta)
	before, err := cpuTime(o.PID)
	if err != nil {
		return err
	}
	for range o.Rounds {
		began := time.Now()
		err := caller.request("POST /mcp HTTP/1.1", call, "MCP-Protocol-Version: 2026-07-28",
			"Mcp-Method: tools/call", "Mcp-Name: "+o.Trigger)
		if err != nil {
			return fmt.Errorf("cannot call %q: %w", o.Trigger, err)
		}
		for i, l := range crowd {
			if _, err := l.until("tools/list_changed"); err != nil {
				return fmt.Errorf("listener %d of %d was not told: %w", i+1, len(crowd), err)
			}
		}
		if _, err := caller.until(`"result"`); err != nil {
			return fmt.Errorf("the call of %q was not answered: %w", o.Trigger, err)
		}
		r.Last += time.Since(began) / time.Duration(o.Rounds)
	}
	after, err := cpuTime(o.PID)
	r.CPU = (after - before) / time.Duration(o.Rounds*len(crowd))
	return err
}
