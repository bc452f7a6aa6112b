package client_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
)

// rawHTTP is a server that answers server/discover well and everything else by play, which gets
// the id of the request; an error of play ends the connection.
func rawHTTP(t *testing.T, play func(w net.Conn, r *http.Request, id string) error) (url string) {
	return "http://" + listen(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			_, rest, _ := strings.Cut(string(body), `"id":`)
			id, _, _ := strings.Cut(rest, ",")
			if strings.Contains(string(body), `"server/discover"`) {
				fmt.Fprint(conn, ok(fmt.Sprintf(discoverAnswer, id)))
				continue
			}
			if play(conn, r, id) != nil {
				return
			}
		}
	}) + "/mcp"
}

const discoverAnswer = `{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","ttlMs":0,` +
	`"cacheScope":"public","supportedVersions":["2026-07-28"],"capabilities":{}}}`

func ok(body string) string { return answer("200 OK", "application/json", body) }

func answer(status, kind, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", status,
		kind, len(body), body)
}

// good is an answer; idPlace stands for an id, and is as long as what goes there, so that a length
// that was computed before stays true.
const (
	idPlace = "000000000000"
	good    = `{"jsonrpc":"2.0","id":` + idPlace + `,"result":{"n":1}}`
)

func withID(raw, id string) string {
	return strings.ReplaceAll(raw, idPlace, fmt.Sprintf("%*s", len(idPlace), id))
}

// TestHTTPAnswers plays one answer after discover.
func TestHTTPAnswers(t *testing.T) {
	stream := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
	chunked := stream + "Transfer-Encoding: chunked\r\n\r\n"
	status := func(code int) error { return &client.HTTPError{Status: code} }
	long := strings.Repeat("x", 70_000)
	chunk := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	for name, c := range map[string]struct {
		raw   string
		want  error // nil: the result
		close bool  // the server ends the connection behind raw
	}{
		"json":        {raw: ok(good)},
		"until close": {raw: "HTTP/1.1 200 OK\r\n\r\n" + good, close: true},
		"interim":     {raw: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok(good)},
		"stream":      {raw: stream + "\r\ndata: " + good + "\n\n", close: true},
		"stream end":  {raw: chunked + chunk("data: "+good+"\n\n") + "0\r\n\r\n"},
		"stream open": {raw: chunked + chunk("data: "+good+"\n\n")},
		"priming": {raw: chunked + chunk("id: 1\nretry: 5\ndata: \n\n: hi\n\n"+
			"data: "+good+"\r\n\r\n")},
		"other events": {raw: chunked + chunk("event: endpoint\ndata: /x\n\ndata: "+good+"\n\n")},
		"noise":        {raw: chunked + chunk("data: DEBUG\n\ndata: "+good+"\n\n")},

		"stray then good": {raw: chunked +
			chunk("data: {\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{}}\n\ndata: "+good+"\n\n")},
		"stream without answer": {raw: chunked + "0\r\n\r\n", want: client.ErrGone},

		"stream cut": {raw: chunked + chunk("data: {"), want: client.ErrGone, close: true},
		"body cut":   {raw: ok(good)[:90], want: client.ErrGone, close: true},
		"nothing":    {want: client.ErrGone, close: true},
		"wrong id": {
			raw:  ok(`{"jsonrpc":"2.0","id":5,"result":{}}`),
			want: client.ErrAnswer,
		},
		"html":      {raw: answer("200 OK", "text/html", "<h1>It works!"), want: client.ErrAnswer},
		"empty":     {raw: answer("202 Accepted", "", ""), want: status(202)},
		"too large": {raw: answer("200 OK", "", long), want: client.ErrTooLarge},
		"event too large": {
			raw:  chunked + chunk("data: "+long),
			want: client.ErrTooLarge,
		},
		"both lengths": {raw: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" +
			"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", want: client.ErrAnswer},
		"no HTTP":      {raw: "SSH-2.0-OpenSSH\r\n", want: client.ErrAnswer},
		"interims":     {raw: strings.Repeat("HTTP/1.1 100 C\r\n\r\n", 20), want: client.ErrAnswer},
		"redirect":     {raw: answer("302 Found", "", ""), want: status(302)},
		"upgrade":      {raw: "HTTP/1.1 101 S\r\n\r\n", want: status(101)},
		"unavailable":  {raw: answer("503 Busy", "text/plain", "later"), want: status(503)},
		"unauthorized": {raw: answer("401 No", "", ""), want: status(401)},
	} {
		t.Run(name, func(t *testing.T) {
			url := rawHTTP(t, func(w net.Conn, _ *http.Request, id string) error {
				fmt.Fprint(w, withID(c.raw, id))
				if c.close {
					return io.EOF
				}
				return nil
			})
			c2 := connect(t, client.Options{URL: url, MessageBytesMax: 65_536, NoiseMax: 10})
			raw, err := c2.Raw(testContext(t), "tools/call", nil)
			checkAnswer(t, string(raw), err, c.want)
		})
	}
}

func checkAnswer(t *testing.T, raw string, err, want error) {
	t.Helper()
	var status, wanted *client.HTTPError
	switch {
	case want == nil && (err != nil || raw != `{"n":1}`):
		t.Errorf("got %s, %v; want the result", raw, err)
	case errors.As(want, &wanted):
		if !errors.As(err, &status) || status.Status != wanted.Status {
			t.Errorf("got %v, want status %d", err, wanted.Status)
		}
	case want != nil:
		wantError(t, err, want)
	}
}

// TestHTTPErrorBody: a refusal with a JSON-RPC error is both.
func TestHTTPErrorBody(t *testing.T) {
	url := rawHTTP(t, func(w net.Conn, _ *http.Request, id string) error {
		_, err := fmt.Fprint(w, answer("400 Bad Request", "application/json",
			`{"jsonrpc":"2.0","id":`+id+`,"error":{"code":-32021,"message":"no","data":{"a":1}}}`))
		return err
	})
	c := connect(t, client.Options{URL: url})
	_, err := c.Raw(testContext(t), "any", nil)
	var status *client.HTTPError
	var fault *mcp.Error
	if !errors.As(err, &status) || status.Status != 400 || !errors.As(err, &fault) ||
		fault.Code != -32021 || fmt.Sprintf("%s", fault.Data) != `{"a":1}` {
		t.Errorf("got %v", err)
	}
}

// TestHTTPUnasked: bytes on an idle connection cost that connection and nothing else.
func TestHTTPUnasked(t *testing.T) {
	url := rawHTTP(t, func(w net.Conn, _ *http.Request, id string) error {
		body := ok(withID(good, id))
		_, err := fmt.Fprint(w, body, body)
		return err
	})
	c := connect(t, client.Options{URL: url})
	for range 5 {
		raw, err := c.Raw(testContext(t), "any", nil)
		checkAnswer(t, string(raw), err, nil)
	}
}

// TestHTTPStaleConn: the server ends a kept-alive connection as the next request comes. What may
// run twice goes out again, a tool does not.
func TestHTTPStaleConn(t *testing.T) {
	var calls atomic.Int32
	url := rawHTTP(t, func(w net.Conn, _ *http.Request, id string) error {
		if calls.Add(1)%2 == 1 {
			return io.EOF
		}
		_, err := fmt.Fprint(w, ok(withID(good, id)))
		return err
	})
	c := connect(t, client.Options{URL: url})
	raw, err := c.Raw(testContext(t), "tools/list", nil)
	checkAnswer(t, string(raw), err, nil)
	_, err = c.Raw(testContext(t), "tools/call", nil)
	wantError(t, err, client.ErrGone)
	if got := calls.Load(); got != 3 {
		t.Errorf("got %d requests, want 3", got)
	}
}

// TestHTTPCancelCloses: in the modern era the end of the connection is the cancellation, and no
// notification goes out.
func TestHTTPCancelCloses(t *testing.T) {
	closed, asked := make(chan string, 1), make(chan struct{})
	url := rawHTTP(t, func(w net.Conn, _ *http.Request, _ string) error {
		fmt.Fprint(w, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hi\n\n")
		close(asked)
		rest, _ := io.ReadAll(w)
		closed <- string(rest)
		return io.EOF
	})
	c := connect(t, client.Options{URL: url, CallTimeout: 100 * time.Millisecond})
	_, err := c.Raw(testContext(t), "any", nil)
	wantError(t, err, client.ErrTimeout)
	await(t, "the request", asked)
	if rest := await(t, "the end of the connection", closed); rest != "" {
		t.Errorf("got %q behind the request", rest)
	}
}

// TestHTTPIdle: an unused connection is closed.
func TestHTTPIdle(t *testing.T) {
	closed := make(chan struct{}, 1)
	url := "http://" + listen(t, func(conn net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		body, _ := io.ReadAll(r.Body)
		_, rest, _ := strings.Cut(string(body), `"id":`)
		id, _, _ := strings.Cut(rest, ",")
		fmt.Fprint(conn, ok(fmt.Sprintf(discoverAnswer, id)))
		_, _ = io.ReadAll(conn)
		closed <- struct{}{}
	})
	connect(t, client.Options{URL: url, IdleTimeout: 50 * time.Millisecond})
	await(t, "the end of the idle connection", closed)
}
