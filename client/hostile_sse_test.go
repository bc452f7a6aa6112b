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
)

// ssePeer is a server of HTTP+SSE with one session: it tells what is posted, and its stream says
// what the test wants.
type ssePeer struct {
	url    string
	stream chan net.Conn // the stream, once it was asked for; its head is out
	posts  chan *ssePost // what was posted, but for the handshake
	taken  func() string // the answer to a POST
}

type ssePost struct {
	id, body string
	header   http.Header
}

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

// rawSSE serves; begin is what the stream begins with, behind its head.
func rawSSE(t *testing.T, begin string, taken func() string) *ssePeer {
	p := &ssePeer{stream: make(chan net.Conn, 1), posts: make(chan *ssePost, 64), taken: taken}
	stopped := make(chan struct{})
	var stream net.Conn
	p.url = "sse://" + listen(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			if r.Method == "GET" {
				stream = conn
				fmt.Fprint(conn, streamHead, begin)
				p.stream <- conn
				<-stopped
				return
			}
			body, _ := io.ReadAll(r.Body)
			_, rest, _ := strings.Cut(string(body), `"id":`)
			id, _, _ := strings.Cut(rest, ",")
			switch {
			case strings.Contains(string(body), `"initialize"`):
				fmt.Fprint(conn, accepted)
				fmt.Fprintf(stream, "event: message\ndata: "+initializeAnswer+"\n\n", id)
			case strings.Contains(string(body), `"notifications/`):
				fmt.Fprint(conn, accepted)
			default:
				p.posts <- &ssePost{id: id, body: string(body), header: r.Header}
				raw := p.taken()
				if raw == "" {
					return
				}
				fmt.Fprint(conn, raw)
			}
		}
	})
	t.Cleanup(func() { close(stopped) })
	return p
}

const (
	endpointEvent = "event: endpoint\ndata: /messages?session=1\n\n"
	accepted      = "HTTP/1.1 202 Accepted\r\nContent-Length: 8\r\n\r\nAccepted"
)

func takes() string { return accepted }

// TestSSEAnswers plays one piece of the stream.
func TestSSEAnswers(t *testing.T) {
	message := func(data string) string { return "event: message\ndata: " + data + "\n\n" }
	long := strings.Repeat("x", 70_000)
	for name, c := range map[string]struct {
		raw  string
		want error // nil: the result
		open bool  // the session goes on all the same
		end  bool  // the server ends the stream behind raw
	}{
		"message":  {raw: message(good)},
		"no type":  {raw: "data: " + good + "\n\n"},
		"comments": {raw: ": hi\r\n\r\n: there\n\nid: 5\n" + message(good)},
		"others":   {raw: "event: x\ndata: 1\n\n" + endpointEvent + "data:\n\n" + message(good)},
		"noise":    {raw: message("DEBUG") + message("[]") + message(good)},
		"stray":    {raw: message(`{"jsonrpc":"2.0","id":5,"result":{}}`) + message(good+"\n")},

		"endless noise": {raw: strings.Repeat(message("x"), 20), want: client.ErrAnswer},
		"too large":     {raw: message(good + long), want: client.ErrTooLarge, open: true},
		"endless event": {raw: "data: " + good + long, want: client.ErrTooLarge, open: true},
		"large noise":   {raw: message(long) + message(good)},
		"large others":  {raw: "event: x\ndata: " + good + long + "\n\n" + message(good)},
		"cut":           {raw: message(good)[:40], want: client.ErrGone, end: true},
		"ended":         {want: client.ErrGone, end: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := rawSSE(t, endpointEvent, takes)
			c2 := connect(t, client.Options{URL: p.url, MessageBytesMax: 65_536, NoiseMax: 10})
			go func() {
				stream, post := <-p.stream, <-p.posts
				fmt.Fprint(stream, withID(c.raw, post.id))
				if c.end {
					stream.Close()
				}
			}()
			raw, err := c2.Raw(testContext(t), "tools/call", nil)
			checkAnswer(t, string(raw), err, c.want)
			if c.want != nil && !c.open {
				if _, err := c2.Raw(testContext(t), "any", nil); err == nil {
					t.Error("got an answer in a session that ended")
				}
			}
		})
	}
}

// TestSSEPosts: what becomes of the POST decides when the stream says nothing.
func TestSSEPosts(t *testing.T) {
	for name, c := range map[string]struct {
		raw  string // "": the connection ends
		want error
	}{
		"refused":  {answer("503 Busy", "text/plain", "later"), &client.HTTPError{Status: 503}},
		"not ours": {answer("404 Not Found", "", ""), &client.HTTPError{Status: 404}},
		"no HTTP":  {"SSH-2.0-OpenSSH\r\n", client.ErrAnswer},
		"gone":     {"", client.ErrGone},
		"taken":    {accepted, client.ErrTimeout},
		"200":      {ok(good), client.ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			p := rawSSE(t, endpointEvent, func() string { return c.raw })
			c2 := connect(t, client.Options{URL: p.url, CallTimeout: 200 * time.Millisecond})
			raw, err := c2.Raw(testContext(t), "tools/call", nil)
			checkAnswer(t, string(raw), err, c.want)
		})
	}
}

// TestSSEAnswerBeforeItsPost: the stream is faster than the answer to the POST, or the POST is
// never answered; the next call goes by another connection.
func TestSSEAnswerBeforeItsPost(t *testing.T) {
	held := make(chan struct{})
	p := rawSSE(t, endpointEvent, func() string { <-held; return accepted })
	c := connect(t, client.Options{
		URL: p.url, HTTPConnsMax: 2, Headers: map[string]string{"Authorization": "Bearer a"},
	})
	stream := <-p.stream
	for range 4 { // twice as many as connections: they must come back
		ended := make(chan error, 1)
		go func() {
			raw, err := c.Raw(testContext(t), "any", nil)
			checkAnswer(t, string(raw), err, nil)
			ended <- err
		}()
		var post *ssePost
		select {
		case post = <-p.posts:
		case err := <-ended: // it waited for a connection until its time was over
			t.Fatalf("the connections of POSTs that nobody answers never came back: %v", err)
		}
		if got := post.header.Get("Authorization"); got != "Bearer a" {
			t.Errorf("a POST with Authorization %q", got)
		}
		fmt.Fprintf(stream, "data: %s\n\n", withID(good, post.id))
		if err := await(t, "the call", ended); err != nil {
			t.Fatal(err)
		}
	}
	close(held)
}

// TestSSEServerAsks: what the server asks on the stream is answered by a POST.
func TestSSEServerAsks(t *testing.T) {
	p := rawSSE(t, endpointEvent, takes)
	c := connect(t, client.Options{URL: p.url})
	stream := <-p.stream
	for _, ask := range []struct{ request, want string }{
		{`{"jsonrpc":"2.0","id":"p","method":"ping"}`, `{"jsonrpc":"2.0","id":"p","result":{}}`},
		{
			`{"jsonrpc":"2.0","id":7,"method":"roots/list"}`,
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32601`,
		},
	} {
		fmt.Fprintf(stream, "data: %s\n\n", ask.request)
		if post := await(t, "the answer", p.posts); !strings.HasPrefix(post.body, ask.want) {
			t.Errorf("got %q, want %q", post.body, ask.want)
		}
	}
	if got := c.Stats().Requests; got != 2 {
		t.Errorf("got %d requests, want 2", got)
	}
}

// TestSSERefused: a stream that is none, or that sends us elsewhere.
func TestSSERefused(t *testing.T) {
	for name, c := range map[string]struct {
		raw  string
		want string
	}{
		"404":       {answer("404 Not Found", "", ""), "HTTP status 404"},
		"html":      {answer("200 OK", "text/html", "It works!"), "content type"},
		"elsewhere": {streamHead + "event: endpoint\ndata: http://evil.example/m\n\n", "is not on"},
		"port":      {streamHead + "event: endpoint\ndata: //127.0.0.1:1/m\n\n", "is not on"},
		"https":     {streamHead + "event: endpoint\ndata: https://HOST/m\n\n", "is not on"},
		"user":      {streamHead + "event: endpoint\ndata: http://u:p@HOST/m\n\n", "is not on"},
		"no URL":    {streamHead + "event: endpoint\ndata: http://[\n\n", "the endpoint is"},
		"ended":     {streamHead + ": hi\n\n", "server has gone"},
		"no HTTP":   {"SSH-2.0-OpenSSH\r\n", "not an answer"},
	} {
		t.Run(name, func(t *testing.T) {
			url := "sse://" + listen(t, func(conn net.Conn) {
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				fmt.Fprint(conn, strings.ReplaceAll(c.raw, "HOST", r.Host))
			})
			_, err := client.Connect(testContext(t), client.Options{URL: url})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
	silent := "sse://" + listen(t, func(conn net.Conn) {
		fmt.Fprint(conn, streamHead)
		_, _ = io.Copy(io.Discard, conn)
	})
	_, err := client.Connect(testContext(t), client.Options{
		URL: silent, DialTimeout: 50 * time.Millisecond,
	})
	wantError(t, err, client.ErrUnreachable)
	_, err = client.Connect(testContext(t), client.Options{URL: silent, Era: client.Modern})
	if err == nil || !strings.Contains(err.Error(), "modern era over HTTP+SSE") {
		t.Errorf("got %v", err)
	}
}

// TestFallBackToSSE: an http server that refuses initialize is asked for the old transport, and
// only with a status that says that it may have it.
func TestFallBackToSSE(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 405, 500} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			refusal := answer(fmt.Sprintf("%d Refused", status), "text/plain", "no")
			peer := rawSSE(t, endpointEvent, takes)
			front := listen(t, func(conn net.Conn) { refusePosts(conn, refusal, peer.url) })
			opt := client.Options{URL: "http://" + front + "/sse"}
			if status%2 == 0 {
				opt.Era = client.Legacy // which asks for initialize at once
			}
			c, err := client.Connect(testContext(t), opt)
			helps := status == 400 || status == 404 || status == 405
			if (err == nil) != helps {
				t.Fatalf("got %v", err)
			}
			var refused *client.HTTPError
			switch {
			case helps:
				if got := c.Version().String(); got != "2025-11-25" {
					t.Errorf("got version %s", got)
				}
				_ = c.Close()
			case !errors.As(err, &refused) || refused.Status != status:
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestFallBackInVain: what has neither transport is told with both reasons, and a client of the
// modern era does not ask for the old one.
func TestFallBackInVain(t *testing.T) {
	var gets atomic.Int32
	url := "http://" + listen(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			if r.Method == "GET" {
				gets.Add(1)
			}
			fmt.Fprint(conn, answer("405 Method Not Allowed", "", ""))
		}
	})
	_, err := client.Connect(testContext(t), client.Options{URL: url, Era: client.Modern})
	if err == nil || gets.Load() != 0 {
		t.Errorf("got %v and %d GETs", err, gets.Load())
	}
	_, err = client.Connect(testContext(t), client.Options{URL: url})
	if err == nil || !strings.Contains(err.Error(), "HTTP+SSE was tried, too: HTTP status 405") {
		t.Errorf("got %v", err)
	}
}

// refusePosts refuses POSTs to the address of the stream, and lets everything else through to the
// server behind it.
func refusePosts(conn net.Conn, refusal, behind string) {
	in := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if r.Method == "POST" && !strings.HasPrefix(r.URL.Path, "/messages") {
			_, _ = io.Copy(io.Discard, r.Body)
			fmt.Fprint(conn, refusal)
			continue
		}
		back, err := net.Dial("tcp", strings.TrimPrefix(behind, "sse://"))
		if err != nil {
			return
		}
		defer back.Close()
		_ = r.Write(back)
		go func() {
			_, _ = io.Copy(back, in)
			back.Close()
		}()
		_, _ = io.Copy(conn, back)
		return
	}
}
