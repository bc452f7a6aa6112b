package server_test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/gateway"
	"github.com/mcploop/mcploop/server/gateway/exec"
	"github.com/mcploop/mcploop/server/gateway/rest"
)

// TestBreakerOfAnAPI: an API that fails again and again is not asked any more; what it says of a
// call does not count.
func TestBreakerOfAnAPI(t *testing.T) {
	var status, asked atomic.Int64
	url := serveAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(int(status.Load()))
	})
	p, err := rest.New(rest.Options{
		BaseURL: url, Tools: []rest.ToolOptions{{Name: "get", URL: "/"}},
	})
	g := providing(t, p, err, func(o *gateway.Options) { o.BreakerFailures = 3 })
	g.has("up__get", true)
	call := func() string { return g.text(g.post(modernCall("1", "up__get", "{}"))) }
	for _, harmless := range []int64{404, 429, 400, 429, 401} {
		status.Store(harmless)
		wantIn(t, call(), `"isError":true`, fmt.Sprintf("HTTP %d ", harmless))
	}
	status.Store(503)
	for range 3 {
		wantIn(t, call(), `"isError":true`, "HTTP 503 ")
	}
	before := asked.Load()
	got := call()
	if code(got) != -31002 || !strings.Contains(got, "breaker") || asked.Load() != before {
		t.Errorf("got %s, and the API was asked %d times more", got, asked.Load()-before)
	}
}

// TestCredentialsOfAnAPI: a client's calls have its own credentials for the API, and those for us
// go nowhere.
func TestCredentialsOfAnAPI(t *testing.T) {
	url := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%q %q", r.Header.Values("Authorization"), r.Header.Values("X-All"))
	})
	for _, required := range []bool{false, true} {
		p, err := rest.New(rest.Options{
			BaseURL: url, Tools: []rest.ToolOptions{{Name: "get", URL: "/"}},
			APIOptions: rest.APIOptions{Bearer: ourOwn, Headers: map[string]string{"X-All": "x"}},
		})
		g := providing(t, p, err, func(o *gateway.Options) {
			o.Credentials = twoUsers()
			o.Credentials.Required = required
		})
		g.has("up__get", true)
		for here, there := range map[string]string{
			aliceHere: aliceThere, bobHere: bobThere, otherHere: ourOwn,
		} {
			got := g.text(g.post(modernCall("1", "up__get", "{}"), "Authorization: Bearer "+here))
			if required && there == ourOwn {
				if code(got) != -31002 || !strings.Contains(got, "no_credentials") {
					t.Errorf("%s: got %s", here, got)
				}
				continue
			}
			if want := fmt.Sprintf(`["Bearer %s"] ["x"]`, there); firstText(got) != want {
				t.Errorf("%s: got %s, want %s", here, got, want)
			}
		}
	}
	p, err := exec.New(exec.Options{Tools: []exec.ToolOptions{
		{Name: "t", Command: []string{"true"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Options{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	opt := gateway.Options{Name: "up", Provider: p, Credentials: twoUsers()}
	if err := s.AddUpstream(opt); err == nil {
		t.Error("a program takes credentials that it will never see")
	}
}

// TestBadAPIHurtsNobody: one that never answers, one that answers without end and one that is not
// there cost the tools beside them nothing.
func TestBadAPIHurtsNobody(t *testing.T) {
	held := make(chan struct{})
	chunk := strings.Repeat("0123456789abcdef", 4096)
	url := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-held
		case "/long":
			for {
				if _, err := io.WriteString(w, chunk); err != nil {
					return
				}
			}
		}
		fmt.Fprint(w, "well")
	})
	defer close(held)
	g := start(t, nil, func(s *server.Server) {
		for name, path := range map[string]string{"good": "/x", "slow": "/slow", "long": "/long"} {
			p, err := rest.New(rest.Options{BaseURL: url, Tools: []rest.ToolOptions{
				{Name: "get", URL: path},
			}})
			if err != nil {
				t.Fatal(err)
			}
			opt := gateway.Options{Name: name, Provider: p}
			if name == "slow" {
				opt.Timeout = time.Second
			}
			opt.Client.InFlightMax = 2
			if err := s.AddUpstream(opt); err != nil {
				t.Fatal(err)
			}
		}
	})
	for _, name := range []string{"good", "slow", "long"} {
		g.has(name+"__get", true)
	}
	c := g.dialTCP()
	c.initialize("2025-11-25")
	for id := range 5 {
		c.line(legacyCall(strconv.Itoa(id), "slow__get", "{}"))
	}
	codes := map[int]int{}
	for range 3 {
		codes[code(c.read())]++
	}
	if codes[-31000] != 3 {
		t.Errorf("got %v, want three refused at once", codes)
	}
	for range 20 {
		wantIn(t, g.text(g.post(modernCall("1", "good__get", "{}"))), `"text":"well"`)
	}
	wantIn(t, g.text(g.post(modernCall("1", "long__get", "{}"))), "cut here",
		"of more than 4194304 bytes")
	for range 2 {
		codes[code(c.read())]++
	}
	if codes[-31001] != 2 {
		t.Errorf("got %v, want two that timed out", codes)
	}
}
