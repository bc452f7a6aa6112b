package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// The calls of raw tools are used again. Whatever ends them, and whatever comes late, each request
// gets its own outcome and nobody else's.
func TestCallsAreUsedAgain(t *testing.T) {
	const conns, requests, depth = 4, 600, 24
	r := start(t, func(o *server.Options) { o.CallTimeout = 100 * time.Millisecond })
	err := r.AddRawTool(mcp.Tool{Name: "raw"}, rawTool(t))
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for n := range conns {
		c := r.dialTCP()
		group.Go(func() { talk(t, c, n, requests, depth) })
	}
	group.Wait()
}

// rawTool returns its message; some messages make it tell of it first, wait, panic, or end its
// goroutine.
func rawTool(t *testing.T) server.RawHandler {
	return func(ctx context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
		message := req.Arg("message")
		switch {
		case strings.Contains(string(message), "tell"):
			err := req.Log(ctx, "info", "", message)
			if err != nil && !errors.Is(err, server.ErrEnded) {
				t.Errorf("%s: %v", message, err)
			}
		case strings.Contains(string(message), "wait"):
			<-ctx.Done()
			if err := req.Log(ctx, "info", "", message); !errors.Is(err, server.ErrEnded) {
				t.Errorf("%s was told after its end: %v", message, err)
			}
			return nil, context.Cause(ctx)
		case strings.Contains(string(message), "exit"):
			runtime.Goexit()
		case strings.Contains(string(message), "panic"):
			panic("as it was told")
		case strings.Contains(string(message), "own"): // not appended to dst
			return mcp.AppendRawTextResult(nil, message), nil
		}
		return mcp.AppendRawTextResult(dst, message), nil
	}
}

// outcome is what a request of that number asks for, and what must be in its answer.
func outcome(conn, i int) (kind, want string) {
	switch {
	case i%97 == 0:
		return "wait", `"code":-31001`
	case i%31 == 0:
		return "exit", `"code":-32603`
	case i%29 == 0:
		return "panic", `"code":-32603`
	case i%7 == 0:
		return "own", fmt.Sprintf(`"text":"own of %d, %d"`, conn, i)
	case i%3 == 0:
		return "tell", fmt.Sprintf(`"text":"tell of %d, %d"`, conn, i)
	case i%5 == 0:
		return "cancel", fmt.Sprintf(`"text":"cancel of %d, %d"`, conn, i)
	}
	return "plain", fmt.Sprintf(`"text":"plain of %d, %d"`, conn, i)
}

// talk keeps depth requests of one connection in flight. A cancelled request may be answered or
// not; each other one is answered once. What is told of one comes before its answer, once.
func talk(t *testing.T, c *peerConn, conn, requests, depth int) {
	open, told, sent := map[int]bool{}, map[int]bool{}, 0 // open true: an answer must come
	expected := func() (n int) {
		for _, must := range open {
			if must {
				n++
			}
		}
		return n
	}
	for sent < requests || expected() > 0 {
		for ; sent < requests && expected() < depth; sent++ {
			kind, _ := outcome(conn, sent)
			open[sent] = kind != "cancel"
			text := modernCall(fmt.Sprint(sent), "raw",
				fmt.Sprintf(`{"message":"%s of %d, %d"}`, kind, conn, sent)) + "\n"
			text = strings.Replace(text, `"_meta":{`,
				`"_meta":{"io.modelcontextprotocol/logLevel":"debug",`, 1)
			if kind == "cancel" {
				text += fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled",`+
					`"params":{"requestId":%d,%s}}`+"\n", sent, modernMeta)
			}
			if _, err := c.Write([]byte(text)); err != nil {
				t.Error(err)
				return
			}
		}
		text, err := c.r.ReadString('\n')
		if err != nil {
			t.Errorf("connection %d: %v with %d requests open", conn, err, len(open))
			return
		}
		var from, of int
		if _, data, ok := strings.Cut(text, `"data":"tell of `); ok {
			_, err := fmt.Sscanf(data, "%d, %d", &from, &of)
			if _, ok := open[of]; err != nil || from != conn || !ok || told[of] {
				t.Errorf("connection %d is told %s", conn, text)
			}
			told[of] = true
			continue
		}
		var answer struct{ ID int }
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Errorf("%v: %s", err, text)
			return
		}
		if _, ok := open[answer.ID]; !ok {
			t.Errorf("connection %d: an answer too much: %s", conn, text)
		}
		delete(open, answer.ID)
		_, want := outcome(conn, answer.ID)
		if strings.Contains(want, "tell of") && strings.Contains(text, want) && !told[answer.ID] {
			t.Errorf("connection %d was not told before %s", conn, text)
		}
		// On a slow machine anything may time out.
		if !strings.Contains(text, want) && !strings.Contains(text, `"code":-31001`) {
			t.Errorf("connection %d, request %d: got %s, want %s", conn, answer.ID, text, want)
		}
	}
}

// A raw handler on a worker that does not append its result to dst, or appends no result, gets a
// whole answer on its own line all the same.
func TestRawResults(t *testing.T) {
	r := start(t, nil)
	err := r.AddRawTool(mcp.Tool{Name: "raw"},
		func(_ context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
			switch raw := string(req.Arg("how")); raw {
			case `"over"`: // at the place where the head of the answer was, there is a {
				return mcp.AppendRawTextResult(dst[:0], []byte(`"{{{{{{{{{{{{{{{{{{{{{"`)), nil
			case `"space"`:
				return append(dst, ` {"content":[]}`...), nil
			case `"garbage"`:
				return append(dst, `"content"}`...), nil
			case `"nothing"`:
				return dst, nil
			}
			return append(dst, `{"content":[]}`...), nil
		})
	if err != nil {
		t.Fatal(err)
	}
	c := r.dialTCP()
	for i, f := range []struct{ how, want string }{
		{"append", `"content":[]`},
		{"over", `"text":"{{{`},
		{"space", `"code":-32603`},
		{"garbage", `"code":-32603`},
		{"nothing", `"code":-32603`},
		{"append", `"content":[]`},
	} {
		id := 100 + i // so long that the { is there
		text := modernCall(fmt.Sprint(id), "raw", fmt.Sprintf(`{"how":%q}`, f.how)) + "\n"
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		text, err := c.r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		var answer struct{ ID *int }
		if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.ID == nil ||
			*answer.ID != id || !strings.Contains(text, f.want) {
			t.Errorf("%s: got %s (%v), want %s", f.how, text, err, f.want)
		}
	}
}
