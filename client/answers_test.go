package client_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client"
)

// TestInputRequired: a tool that asks for input is an error of its own, not an empty result.
func TestInputRequired(t *testing.T) {
	c := scripted(t, client.Options{}, func(w io.Writer, n int, id string) {
		kind := []string{"input_required", "task"}[n-1]
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"resultType":%q}}`+"\n", id, kind)
	})
	_, err := c.Call(testContext(t), "x", nil)
	wantError(t, err, client.ErrInputRequired)
	_, err = c.Call(testContext(t), "x", nil)
	wantError(t, err, client.ErrAnswer)
}

// TestEndlessList: cursors that repeat or never end do not hold the caller.
func TestEndlessList(t *testing.T) {
	for name, cursor := range map[string]string{"same": "x", "new": "x%d"} {
		t.Run(name, func(t *testing.T) {
			c := scripted(t, client.Options{}, func(w io.Writer, n int, id string) {
				next := strings.ReplaceAll(cursor, "%d", fmt.Sprint(n))
				const page = `{"jsonrpc":"2.0","id":%s,"result":{"tools":[],"nextCursor":%q}}`
				fmt.Fprintf(w, page+"\n", id, next)
			})
			_, err := c.ListTools(testContext(t))
			wantError(t, err, client.ErrAnswer)
		})
	}
}

// TestEmptyCursor: an empty string is a cursor like any other.
func TestEmptyCursor(t *testing.T) {
	c := scripted(t, client.Options{}, func(w io.Writer, n int, id string) {
		next := []string{`,"nextCursor":""`, ``}[n-1]
		const page = `{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"t%d"}]%s}}`
		fmt.Fprintf(w, page+"\n", id, n, next)
	})
	tools, err := c.ListTools(testContext(t))
	if err != nil || len(tools) != 2 || tools[1].Name != "t2" {
		t.Errorf("got %+v, %v", tools, err)
	}
}

// TestCancelNotification: on a line the server is told which request to stop.
func TestCancelNotification(t *testing.T) {
	asked, told := make(chan string, 1), make(chan string, 1)
	url := "tcp://" + listen(t, func(conn net.Conn) {
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			_, rest, _ := strings.Cut(lines.Text(), `"id":`)
			id, _, _ := strings.Cut(rest, ",")
			switch {
			case strings.Contains(lines.Text(), `"initialize"`):
				fmt.Fprintf(conn, initializeAnswer+"\n", id)
			case strings.Contains(lines.Text(), `"notifications/cancelled"`):
				told <- lines.Text()
			case id != "":
				asked <- id
			}
		}
	})
	c := connect(t, client.Options{URL: url, Era: client.Legacy})
	ctx, cancel := context.WithCancel(testContext(t))
	ended := make(chan error, 1)
	go func() {
		_, err := c.Raw(ctx, "any", nil)
		ended <- err
	}()
	id := await(t, "the request", asked)
	cancel()
	wantError(t, await(t, "the call to end", ended), context.Canceled)
	want := `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`
	if got := await(t, "the notification", told); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestHTTPServerRequest: a legacy server asks on the call's own stream and hears by POST.
func TestHTTPServerRequest(t *testing.T) {
	heard := make(chan string, 1)
	url := "http://" + listen(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for r, err := http.ReadRequest(in); err == nil; r, err = http.ReadRequest(in) {
			body, _ := io.ReadAll(r.Body)
			_, rest, _ := strings.Cut(string(body), `"id":`)
			id, _, _ := strings.Cut(rest, ",")
			switch {
			case strings.Contains(string(body), `"initialize"`):
				fmt.Fprint(conn, ok(fmt.Sprintf(initializeAnswer, id)))
			case strings.Contains(string(body), `"any"`):
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"+
					"data: {\"jsonrpc\":\"2.0\",\"id\":\"q\",\"method\":\"ping\"}\n\n")
				answer := <-heard
				heard <- answer
				fmt.Fprint(conn, "data: "+withID(good, id)+"\n\n")
				return
			default:
				if strings.Contains(string(body), `"q"`) {
					heard <- string(body)
				}
				fmt.Fprint(conn, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
			}
		}
	}) + "/mcp"
	c := connect(t, client.Options{URL: url, Era: client.Legacy})
	raw, err := c.Raw(testContext(t), "any", nil)
	checkAnswer(t, string(raw), err, nil)
	if got := await(t, "the reply", heard); got != `{"jsonrpc":"2.0","id":"q","result":{}}` {
		t.Errorf("got %s", got)
	}
}

// TestMuxAsync uses the core as a gateway does: raw bytes in and out, no goroutine per call.
func TestMuxAsync(t *testing.T) {
	c := scripted(t, client.Options{}, func(w io.Writer, n int, id string) {
		fmt.Fprint(w, result(id, n))
	})
	const calls = 100
	got := make(chan string, calls)
	for range calls {
		err := c.Mux().Start(&client.Call{
			Method: "any", Params: []byte(`{"k":1.0}`),
			Done: func(_ *client.Call, a client.Answer) { got <- string(a.Result) },
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range calls {
		if raw := await(t, "an answer", got); raw != fmt.Sprintf(`{"n":%d}`, i+1) {
			t.Errorf("got %s for call %d", raw, i+1)
		}
	}
	refused := c.Mux().Start(&client.Call{Method: "any", Params: []byte(`[]`)})
	if refused == nil || errors.Is(refused, client.ErrClosed) {
		t.Errorf("got %v for params that are no object", refused)
	}
}
