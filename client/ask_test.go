package client_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
)

const elicitation = `{"jsonrpc":"2.0","id":%s,"method":"elicitation/create",` +
	`"params":{"message":%q}}` + "\n"

// lines plays a server of lines, which gets every line but initialize's.
func lines(t *testing.T, opt client.Options, play func(w io.Writer, line, id string)) *client.Mux {
	t.Helper()
	opt.Era = client.Legacy
	opt.URL = "tcp://" + listen(t, func(conn net.Conn) {
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			_, rest, _ := strings.Cut(lines.Text(), `"id":`)
			id, _, _ := strings.Cut(rest, ",")
			if strings.Contains(lines.Text(), `"initialize"`) {
				fmt.Fprintf(conn, initializeAnswer+"\n", id)
				continue
			}
			play(conn, lines.Text(), id)
		}
	})
	return connect(t, opt).Mux()
}

// begin starts a call whose answer comes on the channel.
func begin(t *testing.T, m *client.Mux, method string) (*client.Call, <-chan client.Answer) {
	t.Helper()
	done := make(chan client.Answer, 1)
	c := &client.Call{Method: method, Done: func(_ *client.Call, a client.Answer) {
		a.Result, a.Error = append([]byte(nil), a.Result...), append([]byte(nil), a.Error...)
		done <- a
	}}
	if err := m.Start(c); err != nil {
		t.Fatal(err)
	}
	return c, done
}

// TestAskOnALine: a request of the server belongs to the only call that may ask, and to none when
// there are two; its answer goes out later, in one line, under its own id.
func TestAskOnALine(t *testing.T) {
	asks, heard := make(chan *client.Ask, 3), make(chan string, 9)
	opt := client.Options{OnRequest: func(a *client.Ask) { asks <- a }}
	m := lines(t, opt, func(w io.Writer, line, id string) {
		switch {
		case strings.Contains(line, `"tools/call"`):
			fmt.Fprintf(w, elicitation, `"a`+id+`"`, "Name?")
		case strings.Contains(line, `"method"`):
		default:
			heard <- line
		}
	})
	begin(t, m, "tools/list") // it waits, but nobody asks on behalf of a list
	first, _ := begin(t, m, "tools/call")
	a := await(t, "the first request", asks)
	if a.Call != first || a.Method != "elicitation/create" ||
		string(a.Params) != `{"message":"Name?"}` {
		t.Errorf("got %s %s for %p, want the only call", a.Method, a.Params, a.Call)
	}
	begin(t, m, "tools/call")
	b := await(t, "the second request", asks)
	if b.Call != nil || b.Among != nil {
		t.Errorf("a request was given to %p of two calls, or to one of %d", b.Call, len(b.Among))
	}
	if got := m.Stats(); got.Asks != 2 || got.Requests != 2 {
		t.Errorf("got %+v, want 2 open", got)
	}
	if err := a.Answer([]byte("{\"action\":\n\"cancel\"}")); err != nil {
		t.Fatal(err)
	}
	line := await(t, "the answer", heard)
	if !strings.HasSuffix(line, `","result":{"action": "cancel"}}`) ||
		!strings.HasPrefix(line, `{"jsonrpc":"2.0","id":"a`) {
		t.Errorf("got %s", line)
	}
	wantError(t, a.Answer([]byte("{}")), client.ErrAnswered)
	if err := b.Refuse(&mcp.Error{Code: -1, Message: "no"}); err != nil {
		t.Fatal(err)
	}
	if line := await(t, "the refusal", heard); !strings.HasSuffix(line,
		`,"error":{"code":-1,"message":"no"}}`) {
		t.Errorf("got %s", line)
	}
	if got := m.Stats().Asks; got != 0 {
		t.Errorf("got %d open, want none", got)
	}
}

// TestAskEnds: it ends with its call, by the server's wish, and with the connection.
func TestAskEnds(t *testing.T) {
	asks, heard := make(chan *client.Ask, 3), make(chan string, 9)
	opt := client.Options{OnRequest: func(a *client.Ask) { asks <- a }}
	m := lines(t, opt, func(w io.Writer, line, id string) {
		switch {
		case strings.Contains(line, `"tools/call"`):
			fmt.Fprintf(w, elicitation, "1", "Name?")
		case strings.Contains(line, `"retract"`):
			fmt.Fprintln(w, `{"jsonrpc":"2.0","method":"notifications/cancelled",`+
				`"params":{"requestId":1}}`)
		case !strings.Contains(line, `"method"`):
			heard <- line
		}
	})
	call, done := begin(t, m, "tools/call")
	a := await(t, "the request", asks)
	m.Cancel(call, context.Canceled)
	await(t, "the call's end", done)
	await(t, "the request's end", a.Context().Done())
	wantError(t, a.Answer([]byte("{}")), client.ErrCallEnded)
	if line := await(t, "the refusal", heard); !strings.Contains(line, `"id":1,"error"`) {
		t.Errorf("got %s", line)
	}

	begin(t, m, "tools/call")
	a = await(t, "the request", asks)
	if err := m.Notify("retract", nil); err != nil {
		t.Fatal(err)
	}
	await(t, "the request's end", a.Context().Done())
	wantError(t, a.Answer([]byte("{}")), client.ErrRetracted)

	begin(t, m, "tools/call")
	a = await(t, "the request", asks)
	m.Close()
	await(t, "the request's end", a.Context().Done())
	if err := a.Answer([]byte("{}")); err == nil {
		t.Error("answered on a connection that is closed")
	}
}

// TestAsksMax: what is too much is refused, the rest goes on.
func TestAsksMax(t *testing.T) {
	asks, heard := make(chan *client.Ask, 3), make(chan string, 9)
	opt := client.Options{AsksMax: 1, OnRequest: func(a *client.Ask) { asks <- a }}
	m := lines(t, opt, func(w io.Writer, line, id string) {
		if strings.Contains(line, `"tools/call"`) {
			for _, id := range []string{"1", "2", "1"} {
				fmt.Fprintf(w, elicitation, id, "Name?")
			}
		} else if !strings.Contains(line, `"method"`) {
			heard <- line
		}
	})
	begin(t, m, "tools/call")
	a := await(t, "the request", asks)
	for _, want := range []string{
		`"id":2,"error":{"code":-31000`, `"id":1,"error":{"code":-32600`,
	} {
		if line := await(t, "a refusal", heard); !strings.Contains(line, want) {
			t.Errorf("got %s, want %s", line, want)
		}
	}
	if err := a.Answer([]byte("{}")); err != nil {
		t.Error(err)
	}
}

// askingHTTP is a legacy server whose calls end when their elicitation was answered. Each is called
// by what it asks.
type askingHTTP struct {
	mu      sync.Mutex
	waiting map[string]chan string // by the id of the request that the server made
	get     http.HandlerFunc
}

func (s *askingHTTP) waitFor(id string) chan string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = map[string]chan string{}
	}
	if s.waiting[id] == nil {
		s.waiting[id] = make(chan string, 1)
	}
	return s.waiting[id]
}

func (s *askingHTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, rest, _ := strings.Cut(string(body), `"id":`)
	id, _, _ := strings.Cut(rest, ",")
	switch {
	case r.Method == "GET":
		s.get(w, r)
	case r.Method == "DELETE":
	case strings.Contains(string(body), `"initialize"`):
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Mcp-Session-Id", "s")
		fmt.Fprintf(w, initializeAnswer, id)
	case strings.Contains(string(body), `"tools/call"`):
		stream(w, "data: "+fmt.Sprintf(elicitation, `"q`+id+`"`, id)+"\n"+
			`data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":`+id+"}}\n\n")
		w.(http.Flusher).Flush()
		select {
		case answer := <-s.waitFor(`"q` + id + `"`):
			stream(w, fmt.Sprintf("data: "+`{"jsonrpc":"2.0","id":%s,"result":{"of":%q}}`+"\n\n",
				id, answer))
		case <-r.Context().Done():
		}
	default:
		w.WriteHeader(http.StatusAccepted)
		if strings.Contains(string(body), `"result"`) {
			s.waitFor(id) <- string(body)
		}
	}
}

// TestAskOnAStream: over HTTP a request belongs to the call on whose stream it came, and so do
// notifications; the answers go out though every connection for calls waits.
func TestAskOnAStream(t *testing.T) {
	fake := &askingHTTP{get: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(405) }}
	s := httptest.NewServer(fake)
	defer s.Close()
	asks := make(chan *client.Ask, 2)
	c := connect(t, client.Options{
		URL: s.URL + "/mcp", Era: client.Legacy, HTTPConnsMax: 2,
		OnRequest: func(a *client.Ask) { asks <- a },
	})
	done, told := map[*client.Call]<-chan client.Answer{}, make(chan string, 2)
	for range 2 {
		ch := make(chan client.Answer, 1)
		call := &client.Call{
			Method: "tools/call", Done: func(_ *client.Call, a client.Answer) {
				a.Result = append([]byte(nil), a.Result...)
				ch <- a
			},
			Notified: func(_ *client.Call, method string, params []byte) {
				told <- method + string(params)
			},
		}
		if err := c.Mux().Start(call); err != nil {
			t.Fatal(err)
		}
		done[call] = ch
	}
	for range 2 {
		a := await(t, "a request", asks)
		if m := await(t, "a log message", told); !strings.HasPrefix(m, "notifications/message{") {
			t.Errorf("got %s", m)
		}
		ch := done[a.Call]
		if ch == nil {
			t.Fatalf("the request %s is given to %p, which is no call", a.Params, a.Call)
		}
		if err := a.Answer(a.Params); err != nil {
			t.Fatal(err)
		}
		got := string(await(t, "the answer", ch).Result)
		message := strings.TrimSuffix(string(a.Params), "}")
		if !strings.Contains(strings.ReplaceAll(got, `\`, ""), message) {
			t.Errorf("got %s, want that of %s", got, a.Params)
		}
	}
}

// TestSetTimeout: a call that a person thinks about is not out of time, until it is again.
func TestSetTimeout(t *testing.T) {
	m := lines(t, client.Options{}, func(io.Writer, string, string) {})
	done := make(chan error, 1)
	call := &client.Call{
		Method: "tools/call", Timeout: time.Hour,
		Done: func(_ *client.Call, a client.Answer) { done <- a.Err },
	}
	if err := m.Start(call); err != nil {
		t.Fatal(err)
	}
	if !m.SetTimeout(call, 0) || !m.SetTimeout(call, time.Millisecond) {
		t.Error("the call is not there")
	}
	if err := await(t, "the timeout", done); !errors.Is(err, client.ErrTimeout) {
		t.Errorf("got %v", err)
	}
	if m.SetTimeout(call, time.Hour) {
		t.Error("the call is still there")
	}
}
