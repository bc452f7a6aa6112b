package scenario

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/bench/fake"
)

// told serves streams that are told of a changed list by the tool "change": times times. It is of
// the legacy era and of the modern one.
func told(t *testing.T, times int) string {
	t.Helper()
	var mu sync.Mutex
	var streams []chan struct{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The server of net/http notices that a client has gone once the body was read.
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/metrics" {
			http.NotFound(w, r)
			return
		}
		if r.Method == http.MethodGet || r.Header.Get("Mcp-Method") == "subscriptions/listen" {
			heard := make(chan struct{}, 1<<12)
			mu.Lock()
			streams = append(streams, heard)
			mu.Unlock()
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: {\"method\":\"notifications/subscriptions/acknowledged\"}\n\n")
			for {
				w.(http.Flusher).Flush()
				select {
				case <-heard:
				case <-r.Context().Done():
					return
				}
				if times == 0 {
					return
				}
				for range times {
					fmt.Fprint(w, "data: {\"method\":\"notifications/tools/list_changed\"}\n\n")
				}
			}
		}
		out, _ := fake.AnswerLine(body)
		if strings.Contains(string(body), `"change"`) {
			mu.Lock()
			for _, c := range streams {
				select {
				case c <- struct{}{}:
				default: // of an earlier crowd
				}
			}
			mu.Unlock()
		}
		if out == "" {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, out)
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}

func TestListen(t *testing.T) {
	f := func(name string, words float64, change func(*Settings), command ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			file := run(t, options(t, listen(), func(s *Settings) {
				s.Connections, s.Processes, s.Trigger = 20, 2, "change"
				s.Duration, s.Warmup = time.Millisecond, time.Millisecond
				change(s)
			}, command...))
			if len(file.Steps) != 2 {
				t.Fatalf("got %d steps, want memory and fan-out", len(file.Steps))
			}
			if s := &file.Steps[0]; measure(s, "open") != 20 || measure(s, "memory") <= 0 {
				t.Errorf("got %+v", s.Measures)
			}
			s := &file.Steps[1]
			if measure(s, "told") != words || measure(s, "rounds") < 1 ||
				measure(s, "last told p50") <= 0 || measure(s, "server CPU") <= 0 {
				t.Errorf("got %+v, want %v words for each change", s.Measures, words)
			}
		})
	}
	tcp, web := free(t), free(t)
	for _, era := range []string{eraModern, eraLegacy} {
		f("fake "+era, 1, func(s *Settings) { s.URL, s.Era = told(t, 1), era })
		f("twice "+era, 2, func(s *Settings) { s.URL, s.Era = told(t, 2), era })
		f("real http "+era, 1, func(s *Settings) { s.URL, s.Era = "http://"+web, era },
			real(t, "http")...)
		f("real tcp "+era, 1, func(s *Settings) { s.TCP, s.Era = tcp, era }, real(t, "tcp")...)
	}
	f("real ws", 1, func(s *Settings) { s.WS = "ws://" + web }, real(t, "http")...)
}

func TestListenWithoutATrigger(t *testing.T) {
	file := run(t, options(t, listen(), func(s *Settings) { s.URL = told(t, 1) }))
	if len(file.Steps) != 1 {
		t.Errorf("got %d steps, want memory alone", len(file.Steps))
	}
	contains(t, fmt.Sprint(file.Warnings), "--trigger")
}

func TestListenFindsWrongServers(t *testing.T) {
	f := func(want string, change func(*Settings)) {
		t.Helper()
		_, err := Do(t.Context(), options(t, listen(), change))
		contains(t, fmt.Sprint(err), want)
	}
	f("server ended the stream", func(s *Settings) { s.URL, s.Trigger = told(t, 0), "change" })
	f("good answer", func(s *Settings) { s.URL, s.Trigger = told(t, 1), "fail" })
	plain := "http://" + fake.HTTP(t, false, nil)
	f("no stream was opened", func(s *Settings) { s.URL, s.Era = plain, eraLegacy })
}
