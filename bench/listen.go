package bench

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/sys/unix"
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
	Last   time.Duration `json:"last"` // from the call until both ends of the crowd have read, mean
	CPU    time.Duration `json:"cpu"`  // of the server for each notification of one listener
	Told   float64       `json:"told"` // notifications a call and listener; Last is true only at 1
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
	// Whichever order a server tells them in, one end of the crowd is the last. The clock stops
	// when both have read: reading all of them takes longer than writing.
	end := len(crowd) - 1
	crowd[min(1, end)], crowd[end] = crowd[end], crowd[min(1, end)]
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
		var last time.Duration
		for i, l := range crowd {
			if _, err := l.until("tools/list_changed"); err != nil {
				return fmt.Errorf("listener %d of %d was not told: %w", i+1, len(crowd), err)
			}
			if i < 2 {
				last = time.Since(began)
			}
		}
		if _, err := caller.until(`"result"`); err != nil {
			return fmt.Errorf("the call of %q was not answered: %w", o.Trigger, err)
		}
		r.Last += last / time.Duration(o.Rounds)
	}
	time.Sleep(listenQuiet)
	after, err := cpuTime(o.PID)
	told := o.Rounds * len(crowd)
	for _, l := range crowd {
		more, fault := l.surplus("tools/list_changed")
		told, err = told+more, errors.Join(err, fault)
	}
	r.CPU = (after - before) / time.Duration(told)
	r.Told = float64(told) / float64(o.Rounds*len(crowd))
	return err
}

// listenQuiet is how long after the last round notifications nobody asked for may come.
const listenQuiet = 300 * time.Millisecond

// surplus counts the marks that nobody has read, without waiting for more: a server that tells
// twice would else look twice as dear, and as fast as its first word.
func (l *listener) surplus(mark string) (int, error) {
	raw, err := l.Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("cannot look into a stream: %w", err)
	}
	_ = l.SetReadDeadline(time.Time{})
	err = raw.Read(func(fd uintptr) bool {
		for {
			n, err := unix.Read(int(fd), l.buf)
			if n <= 0 || err != nil {
				return true
			}
			l.read = append(l.read, l.buf[:n]...)
		}
	})
	return strings.Count(string(l.read), mark), err
}
