package client_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
)

// stopsAt is a server that sends what it is given of an answer, and then nothing.
func stopsAt(t *testing.T, raw string) client.Options {
	return client.Options{URL: rawHTTP(t, func(w net.Conn, _ *http.Request, id string) error {
		_, err := fmt.Fprint(w, withID(raw, id))
		return err
	})}
}

// TestAnswersThatStop: a server that stops before or in its answer is told from a slow one.
func TestAnswersThatStop(t *testing.T) {
	stream := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
	never := "nothing of an answer came within 50ms"
	stopped := "nothing more of the answer came within 50ms"
	for name, c := range map[string]struct {
		raw, want string
	}{
		"silence":     {"", never},
		"half a head": {"HTTP/1.1 200 OK\r\nContent-", stopped},
		"a head":      {"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", stopped},
		"half a body": {ok(good)[:90], stopped},
		"a stream":    {stream, stopped},
		"a comment":   {stream + ": hi\n\n", stopped},
	} {
		t.Run(name, func(t *testing.T) {
			c2 := connect(t, stopsAt(t, c.raw))
			got := make(chan client.Answer, 1)
			const soon = 50 * time.Millisecond
			err := c2.Mux().Start(&client.Call{
				Method: "any", FirstByte: soon, BetweenBytes: soon,
				Done: func(_ *client.Call, a client.Answer) { got <- a },
			})
			if err != nil {
				t.Fatal(err)
			}
			a := await(t, "the end of the call", got)
			if !errors.Is(a.Err, client.ErrTimeout) || !strings.Contains(a.Err.Error(), c.want) {
				t.Errorf("got %v, want %q", a.Err, c.want)
			}
		})
	}
}

// TestProgressIsASign: on a connection that all calls share, progress is what shows that the server
// works on a call.
func TestProgressIsASign(t *testing.T) {
	addr := listen(t, func(conn net.Conn) {
		in := bufio.NewScanner(conn)
		for in.Scan() {
			_, rest, _ := strings.Cut(in.Text(), `"id":`)
			id, _, _ := strings.Cut(rest, ",")
			switch {
			case strings.Contains(in.Text(), `"server/discover"`):
				fmt.Fprintf(conn, discoverAnswer+"\n", id)
			case strings.Contains(in.Text(), `"works"`):
				fmt.Fprintf(conn, `{"jsonrpc":"2.0","method":"notifications/progress",`+
					`"params":{"progressToken":%s,"progress":1}}`+"\n", id)
			}
		}
	})
	c := connect(t, client.Options{URL: "tcp://" + addr})
	for method, want := range map[string]string{
		"works": "nothing more of the answer", "hangs": "nothing of an answer",
	} {
		told, got := make(chan struct{}, 1), make(chan client.Answer, 1)
		err := c.Mux().Start(&client.Call{
			Method: method, FirstByte: 100 * time.Millisecond, BetweenBytes: 50 * time.Millisecond,
			Progress: func(*client.Call, []byte) { told <- struct{}{} },
			Done:     func(_ *client.Call, a client.Answer) { got <- a },
		})
		if err != nil {
			t.Fatal(err)
		}
		if a := await(t, "the end of "+method, got); !strings.Contains(fmt.Sprint(a.Err), want) {
			t.Errorf("%s: got %v, want %q", method, a.Err, want)
		}
		if len(told) == 0 && method == "works" {
			t.Error("nobody was told of the progress")
		}
	}
}

// TestRefusalSaysWhenToAskAgain: with and without a JSON-RPC error in the body.
func TestRefusalSaysWhenToAskAgain(t *testing.T) {
	for _, body := range []string{
		"later", `{"jsonrpc":"2.0","id":null,"error":{"code":-5,"message":"later"}}`,
	} {
		c := connect(t, stopsAt(t, fmt.Sprintf("HTTP/1.1 429 Too Many Requests\r\n"+
			"Retry-After: 7\r\nContent-Length: %d\r\n\r\n%s", len(body), body)))
		got := make(chan client.Answer, 1)
		err := c.Mux().Start(&client.Call{
			Method: "any", Done: func(_ *client.Call, a client.Answer) { got <- a },
		})
		if err != nil {
			t.Fatal(err)
		}
		a := await(t, "the refusal", got)
		after := a.RetryAfter
		var refusal *client.HTTPError
		if errors.As(a.Err, &refusal) {
			after = refusal.RetryAfter
		}
		if after != 7*time.Second {
			t.Errorf("%s: got %+v, want 7 s", body, a)
		}
	}
}

// TestSignsEndWithTheAnswer: a stream that goes on behind an answer, whether that has an id or not
// or cannot be read, says nothing about the next call that the caller makes with the same Call.
func TestSignsEndWithTheAnswer(t *testing.T) {
	for name, first := range map[string]string{
		"id":      good,
		"no id":   `{"jsonrpc":"2.0","id":null,"error":{"code":-5,"message":"no"}}`,
		"no JSON": `{"jsonrpc":"2.0","id":` + idPlace + `,"result":{"n":x}}`,
	} {
		t.Run(name, func(t *testing.T) {
			streams := make(chan net.Conn, 1)
			url := rawHTTP(t, func(w net.Conn, r *http.Request, id string) error {
				if r.Header.Get("Mcp-Method") == "first" {
					_, err := fmt.Fprint(w, streamHead, "data: ", withID(first, id), "\n\n")
					streams <- w
					return err
				}
				_, err := fmt.Fprint(<-streams, ": I am here\n\n")
				return err // and nothing to whom asked
			})
			c := connect(t, client.Options{URL: url, HTTPConnsMax: 2})
			got := make(chan client.Answer, 1)
			call := &client.Call{
				Method: "first", FirstByte: patience,
				Done: func(_ *client.Call, a client.Answer) { got <- a },
			}
			start := func() client.Answer {
				if err := c.Mux().Start(call); err != nil {
					t.Fatal(err)
				}
				return await(t, "the end of "+call.Method, got)
			}
			if a := start(); errors.Is(a.Err, client.ErrTimeout) {
				t.Fatal(a.Err)
			}
			call.Method, call.FirstByte = "second", 200*time.Millisecond
			if a := start(); !errors.Is(a.Err, client.ErrTimeout) {
				t.Errorf("got %v, want %v", a.Err, client.ErrTimeout)
			}
		})
	}
}

// TestStreamThatStaysOpen: a stream that goes on behind its answer takes no connection away from
// calls that come then, or that wait already.
func TestStreamThatStaysOpen(t *testing.T) {
	url := rawHTTP(t, func(w net.Conn, _ *http.Request, id string) error {
		_, err := fmt.Fprint(w, streamHead, "data: ", withID(good, id), "\n\n")
		return err
	})
	c := connect(t, client.Options{URL: url, HTTPConnsMax: 1})
	got := make(chan client.Answer, 10)
	for range 10 {
		err := c.Mux().Start(&client.Call{
			Method: "any", FirstByte: time.Second,
			Done: func(_ *client.Call, a client.Answer) {
				a.Result = append([]byte(nil), a.Result...)
				got <- a
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		if a := await(t, "an answer", got); a.Err != nil || string(a.Result) != `{"n":1}` {
			t.Errorf("got %s, %v", a.Result, a.Err)
		}
	}
}

// TestListsPassCalls: an upstream whose connections all wait for answers is asked for its lists all
// the same.
func TestListsPassCalls(t *testing.T) {
	url := rawHTTP(t, func(w net.Conn, r *http.Request, id string) error {
		if r.Header.Get("Mcp-Method") == "tools/list" {
			_, err := fmt.Fprint(w, ok(`{"jsonrpc":"2.0","id":`+id+
				`,"result":{"tools":[],"ttlMs":0,"cacheScope":"public"}}`))
			return err
		}
		return nil // never answered
	})
	c := connect(t, client.Options{URL: url, HTTPConnsMax: 2})
	ended := make(chan client.Answer, 5)
	for range 5 {
		if err := c.Mux().Start(&client.Call{Method: "hangs", Done: func(
			_ *client.Call, a client.Answer,
		) {
			ended <- a
		}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.ListTools(testContext(t)); err != nil {
		t.Error(err)
	}
}
