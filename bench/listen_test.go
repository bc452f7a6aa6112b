package bench

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// startTold serves streams that are told of a changed list by any tools/call: times times.
func startTold(t *testing.T, times int) string {
	t.Helper()
	var mu sync.Mutex
	var streams []chan struct{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The server of net/http notices that a client has gone once the body was read.
		_, _ = io.Copy(io.Discard, r.Body)
		switch method := r.Header.Get("Mcp-Method"); {
		case method == "tools/call":
			mu.Lock()
			defer mu.Unlock()
			for _, c := range streams {
				c <- struct{}{}
			}
			fmt.Fprint(w, `{"result":{}}`)
		case r.Method == "GET" && r.Header.Get("Mcp-Session-Id") != "Ab1":
			w.WriteHeader(http.StatusNotFound)
		case r.Method == "GET", method == "subscriptions/listen":
			told := make(chan struct{}, 10)
			mu.Lock()
			streams = append(streams, told)
			mu.Unlock()
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: subscriptions/acknowledged\n\n")
			for {
				w.(http.Flusher).Flush()
				select {
				case <-told:
				case <-r.Context().Done():
					return
				}
				if times == 0 {
					return
				}
				fmt.Fprint(w, strings.Repeat("data: tools/list_changed\n\n", times))
			}
		default:
			w.Header().Set("Mcp-Session-Id", "Ab1")
			fmt.Fprint(w, `{"result":{"serverInfo":{}}}`)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func TestListen(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		o := ListenOptions{
			Addr: startTold(t, 1), Legacy: legacy, Conns: 20, PID: os.Getpid(),
			Trigger: "change", Rounds: 3,
		}
		r, err := RunListen(o)
		if err != nil || r.Conns != 20 || r.Before.RSS == 0 || r.Held.RSS == 0 || r.Last <= 0 ||
			r.Told != 1 {
			t.Errorf("legacy %v: %+v %v", legacy, r, err)
		}
		o.Addr = startTold(t, 2)
		if r, err = RunListen(o); err != nil || r.Told != 2 {
			t.Errorf("legacy %v: told twice, which shows as %v, %v", legacy, r.Told, err)
		}
		o.Addr, o.Wait = startTold(t, 0), 200*time.Millisecond
		if _, err := RunListen(o); err == nil {
			t.Errorf("legacy %v: nobody was told, and no error", legacy)
		}
	}
	if _, err := RunListen(ListenOptions{}); err == nil {
		t.Error("no error without options")
	}
}
