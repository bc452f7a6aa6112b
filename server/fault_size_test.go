package server_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// suiteDir holds test_parsing of the public JSONTestSuite, beside the repository.
const suiteDir = "../../shared/corpora/jsontestsuite/test_parsing"

// Every n_ file of JSONTestSuite is answered -32700 and the connection stays open; every y_ file is
// accepted. A newline ends a frame of a line door, so a file is sent with its newlines replaced
// by carriage returns: to JSON both are white space between tokens and forbidden inside a string,
// so the verdict stays what it was. The one file without a byte is an empty line and no frame.
func TestFaultJSONTestSuite(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(suiteDir, "[ny]_*.json"))
	if err != nil || len(files) == 0 {
		t.Skipf("no JSONTestSuite in %s: fetch it beside the repository to run this test", suiteDir)
	}
	r := start(t, nil)
	r.watch()
	for _, e := range r.exchanges() {
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text := string(content)
			if e.conn != nil {
				text = strings.ReplaceAll(text, "\n", "\r")
			}
			playSuiteFile(e, filepath.Base(file), text)
		}
	}
}

// playSuiteFile sends a file alone, and as a member of a call.
func playSuiteFile(e *exchange, name, content string) {
	e.r.t.Helper()
	call := e.call("1", "echo", `{"message":"m"}`)
	call = call[:len(call)-2] + `,"x":` + content + `}}`
	if name[0] == 'n' {
		if !e.carries(content) {
			return
		}
		if content != "" {
			e.fails(content, "null", -32700)
		}
		e.fails(call, "null", -32700) // the next file's call shows that the session lives
		return
	}
	if got, _ := e.say(content); len(got) > 0 && code(got[0]) == -32700 {
		e.r.t.Errorf("%s: %s alone was answered %s", e.name, name, got)
	}
	if got, _ := e.one(call); !strings.Contains(got, `"text":"m"`) {
		e.r.t.Errorf("%s: the call with %s was answered %.300s", e.name, name, got)
	}
}

// Deep, wide and long messages take memory in proportion and end with an answer. The tool is a
// raw one, which decodes nothing: this is about the message. The large ones are read before their
// revision matters: they go over each door in each era, the others in every revision.
func TestFaultBombsAreBounded(t *testing.T) {
	r := start(t, nil, addRaw)
	longMethod := strings.Repeat("m", 64<<10)
	var keys strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&keys, `"k%d":%d,`, i, i)
	}
	for _, e := range r.exchanges() {
		call := func(more string) string { return e.call("1", "raw", `{"message":"m"`+more+`}`) }
		nest := func(n int, open, end string) string {
			return call(`,"x":` + strings.Repeat(open, n) + "1" + strings.Repeat(end, n))
		}
		wide := strings.Replace(call(""), `"name"`, keys.String()+`"name"`, 1)
		for _, c := range []struct {
			name, message string
			code          int // 0: a result
		}{
			{"100k arrays", nest(100_000, "[", "]"), -32700},
			{"50k objects", nest(50_000, `{"a":`, "}"), -32700},
			{"100k arrays, not closed", strings.Repeat("[", 100_000), -32700},
			{"50k objects, not closed", strings.Repeat(`{"a":`, 50_000), -32700},
			{"1001 arrays", nest(1001, "[", "]"), -32700},
			{"64 arrays", nest(64, "[", "]"), 0},
			{"100k keys", e.call("1", "raw", `{`+keys.String()+`"message":"m"}`), 0},
			{"100k keys of params", wide, -32600}, // more members than a message may have
			{"100k digits", call(`,"n":` + strings.Repeat("9", 100_000)), 0},
			{"1 MB of white space", strings.Repeat(" ", 1<<20) + call(""), 0},
			{"64 KB method", strings.Replace(call(""), "tools/call", longMethod, 1), -32601},
		} {
			everywhere := len(c.message) < 128<<10
			if everywhere || e.modern || e.version == latestLegacy || e.door == "sse" {
				e.bounded(c.name, c.message, c.code)
			}
		}
	}
}

// addRaw offers a tool that looks at nothing.
func addRaw(s *server.Server) {
	err := s.AddRawTool(mcp.Tool{
		Name: "raw", Description: "says m", InputSchema: map[string]any{"type": "object"},
	}, func(_ context.Context, _ *mcp.Request, dst []byte) ([]byte, error) {
		return mcp.AppendTextResult(dst, []byte("m")), nil
	}, server.Inline)
	if err != nil {
		panic(err)
	}
}

// bounded checks that a message is answered with that code and at the price of 8 times its size
// and 1 MiB; the client in this process has its share of that.
func (e *exchange) bounded(name, message string, want int) {
	e.r.t.Helper()
	var before, after runtime.MemStats
	e.headers = []string{"Mcp-Method: tools/call", "Mcp-Name: raw"}
	runtime.ReadMemStats(&before)
	answer, status := e.one(message)
	runtime.ReadMemStats(&after)
	grown, limit := after.TotalAlloc-before.TotalAlloc, uint64(8*len(message)+1<<20)
	// Over HTTP the harness decodes it all to make headers, and elsewhere it copies to frame it.
	if (e.door == "tcp" || e.door == "unix" || e.door == "stdio") && grown > limit {
		e.r.t.Errorf("%s: %s: %d bytes took %d of memory", e.name, name, len(message), grown)
	}
	if got := code(answer); got != want && (status == 0 || got != -32020) || len(answer) > 4<<10 {
		e.r.t.Errorf("%s: %s was answered %d %.200s; want %d", e.name, name, status, answer, want)
	}
	e.headers = nil
	e.alive()
}

// Arguments that do not fit are not repeated in full by the answer that refuses them.
func TestFaultInvalidArgumentsAnswerIsBounded(t *testing.T) {
	r := start(t, nil)
	r.watch()
	for _, e := range r.exchanges() {
		got, _ := e.one(e.call("1", "echo", `{"message":"m","`+strings.Repeat("é", 50_000)+`":1}`))
		if len(got) > 4<<10 || !strings.Contains(got, "invalid arguments") ||
			code(got) != e.badArguments {
			t.Errorf("%s: answered %d bytes: %.300s", e.name, len(got), got)
		}
	}
}

// A message of exactly the limit is served; one byte more is refused at once and the next
// message is served: HTTP 413, elsewhere -32600 and resync at the newline.
func TestFaultMessageLimit(t *testing.T) {
	const limit = 64 << 10
	r := start(t, func(o *server.Options) { o.Limits.MessageBytes = limit })
	r.watch()
	for _, e := range r.exchanges() {
		exact := e.call("1", "echo", `{"message":"m"}`)
		exact += strings.Repeat(" ", limit-len(exact))
		if got, status := e.one(exact); code(got) != 0 || status != 0 && status != 200 {
			t.Errorf("%s: a message of the limit was answered %d %s", e.name, status, got)
		}
		for _, over := range []string{exact + " ", exact + strings.Repeat(" ", 3*limit)} {
			switch e.door {
			case "ws": // closed with 1009, see TestWSCloses
				continue
			case "sse":
				e.refusedWith413("/messages", over)
				continue
			case "http":
				e.refusedWith413("/mcp", over)
				continue
			}
			got, _ := e.one(over)
			if code(got) != -32600 || replyID(got) != "null" {
				t.Errorf("%s: %d bytes were answered %s", e.name, len(over), got)
			}
			e.alive()
		}
	}
	// The carriage return of a line's end does not count.
	c := r.dialTCP()
	call := modernCall("1", "echo", `{"message":"m"}`)
	c.send(call + strings.Repeat(" ", limit-len(call)) + "\r\n")
	if got := c.read(); code(got) != 0 {
		t.Errorf("a message of the limit with CR LF was answered %s", got)
	}
}

// The limit holds, too, for lines much like the one before, which are cut and read at once.
func TestFaultMessageLimitOfRepeatedCalls(t *testing.T) {
	const limit = 1 << 10
	r := start(t, func(o *server.Options) { o.Limits.MessageBytes = limit })
	r.watch()
	for _, e := range r.exchanges() {
		if e.door != "tcp" {
			continue
		}
		call := func(size int) string {
			short := e.call("1", "echo", `{"message":""}`)
			text := `{"message":"` + strings.Repeat("a", size-len(short)) + `"}`
			return e.call("1", "echo", text)
		}
		for _, size := range []int{limit / 2, limit / 2, limit - 1, limit} {
			if got, _ := e.one(call(size)); code(got) != 0 || replyID(got) != "1" {
				t.Errorf("%s: %d bytes were answered %.99s", e.name, size, got)
			}
		}
		if got, _ := e.one(call(limit + 1)); code(got) != -32600 || replyID(got) != "null" {
			t.Errorf("%s: %d bytes were answered %.99s", e.name, limit+1, got)
		}
	}
}

// refusedWith413 sends the head alone: the server closes after its answer, so that a client may
// be cut while it still sends.
func (e *exchange) refusedWith413(path, message string) {
	e.r.t.Helper()
	c := e.r.dialHTTP()
	c.send(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, len(message)))
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		e.r.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		e.r.t.Errorf("%s: %d bytes were answered %s", e.name, len(message), resp.Status)
	}
}

// What is behind the limit is not kept: a line a thousand times as long costs no more memory
// than the limit, is answered once, and the line behind it is served.
func TestFaultEndlessLineAtLineRate(t *testing.T) {
	const limit = 64 << 10
	r := start(t, func(o *server.Options) { o.Limits.MessageBytes = limit })
	r.watch()
	c := r.dialTCP()
	c.line(modernCall("0", "echo", `{"message":"m"}`))
	c.read()
	chunk := []byte(strings.Repeat("x", limit))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 1000 {
		if _, err := c.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.read(); code(got) != -32600 || replyID(got) != "null" {
		t.Errorf("the endless line was answered %s", got)
	}
	if got := c.ask("\n" + modernCall("2", "echo", `{"message":"m"}`)); replyID(got) != "2" {
		t.Errorf("the line behind was answered %s", got)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 32<<20 {
		t.Errorf("%d bytes of a line took %d bytes of memory", 1000*limit, grown)
	}
}
