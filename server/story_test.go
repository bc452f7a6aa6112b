package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/server"
)

// Stories are transcripts in testdata/<revision>/<story>.txt. "> " is a message that the client
// sends, "< " the message that it must get next, compared as JSON, where the string "*" stands
// for any value. "<status N" is the HTTP status of the last answer; line doors pass over it.
// Every story is played through every door.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		for _, door := range []string{"tcp", "unix", "http", "ws", "deflate", "sse"} {
			t.Run(strings.TrimSuffix(file[len("testdata/"):], ".txt")+"/"+door, func(t *testing.T) {
				playStory(t, file, door)
			})
		}
	}
}

// storyDoor is how a story's messages travel.
type storyDoor interface {
	send(message string)
	next() string // the next message from the server
	status() int  // of the last answer, 0 when the door has none
}

func playStory(t *testing.T, file, door string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var more []func(*server.Server)
	features := filepath.Base(file) == "features.txt"
	if features {
		more = append(more, addFeatures)
	}
	r := start(t, func(o *server.Options) {
		o.WebSocket.Compression, o.WebSocket.CompressionMin = true, 1
		if features {
			withCompletion(o)
		}
	}, more...)
	var d storyDoor
	switch door {
	case "tcp":
		d = lineStory{r.dialTCP()}
	case "unix":
		d = lineStory{r.dial("unix", r.unix)}
	case "ws":
		d = r.dialWS()
	case "deflate":
		d = wsDeflated{r.dialWS(wsDeflate)}
	case "sse":
		d = r.dialSSE()
	default:
		d = &httpStory{r: r}
	}
	for i, line := range strings.Split(string(text), "\n") {
		where := fmt.Sprintf("%s:%d", file, i+1)
		switch {
		case strings.HasPrefix(line, "> "):
			d.send(line[2:])
		case strings.HasPrefix(line, "<status "):
			want := 0
			_, _ = fmt.Sscan(line[len("<status "):], &want)
			if got := d.status(); got != 0 && got != want {
				t.Fatalf("%s: status %d", where, got)
			}
		case strings.HasPrefix(line, "< "):
			if got := d.next(); !fitsStory(t, line[2:], got) {
				t.Fatalf("%s:\ngot  %s\nwant %s", where, got, line[2:])
			}
		}
	}
}

func fitsStory(t *testing.T, want, got string) bool {
	t.Helper()
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("bad story line: %v", err)
	}
	return json.Unmarshal([]byte(got), &g) == nil && sameJSON(w, g)
}

func sameJSON(want, got any) bool {
	switch w := want.(type) {
	case string:
		return w == "*" || w == got
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(w) != len(g) {
			return false
		}
		for k := range w {
			if v, ok := g[k]; !ok || !sameJSON(w[k], v) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(w) != len(g) {
			return false
		}
		for i := range w {
			if !sameJSON(w[i], g[i]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(want, got)
}

type lineStory struct{ *peerConn }

func (s lineStory) send(message string) { s.line(message) }
func (s lineStory) next() string        { return s.read() }
func (s lineStory) status() int         { return 0 }

// httpStory sends every message as a POST of its own and keeps a legacy session's id.
type httpStory struct {
	r       *running
	session string
	waiting []string
	last    int
}

func (s *httpStory) send(message string) {
	header := "Mcp-Session-Id:" + s.session
	resp := s.r.post(message, header)
	if id := resp.Header.Get("Mcp-Session-Id"); id != "" {
		s.session = id
	}
	s.last = resp.StatusCode
	s.waiting = append(s.waiting, messagesOf(s.r, resp)...)
}

func (s *httpStory) next() string {
	s.r.t.Helper()
	if len(s.waiting) == 0 {
		s.r.t.Fatal("no answer")
	}
	message := s.waiting[0]
	s.waiting = s.waiting[1:]
	return message
}

func (s *httpStory) status() int { return s.last }

// messagesOf are the messages of a response: its JSON body, or the data of its events.
func messagesOf(r *running, resp *http.Response) []string {
	body := []byte(r.text(resp))
	if len(body) == 0 {
		return nil
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return []string{string(body)}
	}
	var all []string
	var reader codec.EventReader
	var e codec.Event
	for {
		n, ok, err := reader.Next(body, &e)
		body = body[n:]
		if err != nil || !ok {
			return all
		}
		if len(e.Data) > 0 { // else the priming event
			all = append(all, string(e.Data))
		}
	}
}
