package server_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// wiretap is a relay that keeps what clients of addr send, for each connection.
type wiretap struct {
	*relay
	mu    sync.Mutex // guards heard
	heard []*bytes.Buffer
}

func tap(t *testing.T, addr string) *wiretap {
	t.Helper()
	w := &wiretap{}
	w.relay = relayTo(t, func(c net.Conn) {
		back, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		defer back.Close()
		heard := &bytes.Buffer{}
		w.mu.Lock()
		w.heard = append(w.heard, heard)
		w.mu.Unlock()
		go func() {
			_, _ = io.Copy(io.MultiWriter(back, locked{heard, &w.mu}), c)
			_ = back.Close()
		}()
		_, _ = io.Copy(c, back)
	})
	return w
}

// locked writes under a lock.
type locked struct {
	io.Writer
	mu *sync.Mutex
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Writer.Write(p)
}

// raw is all that was sent, one connection after the other.
func (w *wiretap) raw() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, heard := range w.heard {
		all = append(all, heard.String())
	}
	return all
}

// requests are the bodies with all Authorization headers that each had.
func (w *wiretap) requests(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	w.each(t, func(r *http.Request, body string) {
		found[body] = r.Header.Values("Authorization")
	})
	return found
}

// each calls f with every request.
func (w *wiretap) each(t *testing.T, f func(r *http.Request, body string)) {
	t.Helper()
	for _, raw := range w.raw() {
		in := bufio.NewReader(strings.NewReader(raw))
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				break
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Errorf("cannot read the body of a request: %v", err)
			}
			f(r, string(body))
		}
	}
}

// user is one whose token for us is known.
func user(token, upstream string) gateway.User {
	return gateway.User{
		Principal: mcp.PrincipalOf(sha256.Sum256([]byte("Bearer " + token))),
		Headers:   map[string]string{"authorization": "Bearer " + upstream},
	}
}

const (
	aliceHere, aliceThere = "canary-alice-here", "canary-alice-there"
	bobHere, bobThere     = "canary-bob-here", "canary-bob-there"
	otherHere, ourOwn     = "canary-other-here", "canary-our-own"
)

// secrets are all that must be nowhere but where they belong.
var secrets = []string{aliceHere, aliceThere, bobHere, bobThere, otherHere, ourOwn}

// keepsSecrets fails when one is in the log, the metrics or text.
func (r *running) keepsSecrets(text string) {
	r.t.Helper()
	resp, err := http.Get("http://" + r.http + "/metrics")
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	metrics, _ := io.ReadAll(resp.Body)
	for _, secret := range secrets {
		for where, hay := range map[string]string{
			"the log": r.log.String(), "the metrics": string(metrics), "an answer": text,
		} {
			if strings.Contains(hay, secret) {
				r.t.Errorf("%s is in %s", secret, where)
			}
		}
	}
}

func twoUsers() gateway.Credentials {
	return gateway.Credentials{Users: map[string]gateway.User{
		"alice": user(aliceHere, aliceThere), "bob": user(bobHere, bobThere),
	}}
}

// TestUpstreamCredentials: each client's calls go with its own credentials for the upstream, over
// the same connections, and its credentials for us go nowhere.
func TestUpstreamCredentials(t *testing.T) {
	wire := tap(t, start(t, nil).http)
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{
			URL: "http://" + wire.addr + "/mcp", HTTPConnsMax: 4,
			Headers: map[string]string{"Authorization": "Bearer " + ourOwn, "X-Of-All": "yes"},
		}
		o.Credentials = twoUsers()
	})
	g.has("up__echo", true)
	belongs := map[string]string{}
	var all sync.WaitGroup
	for who, want := range map[string]string{
		"Bearer " + aliceHere: aliceThere, "Bearer " + bobHere: bobThere,
		"Bearer " + otherHere: ourOwn, "": ourOwn, "bearer " + aliceHere: ourOwn,
	} {
		for i := range 30 {
			mark := fmt.Sprintf("call-%d-of-%x", i, who)
			belongs[mark] = "Bearer " + want
			all.Go(func() {
				body := modernCall("1", "up__echo", `{"message":"`+mark+`"}`)
				got := g.text(g.post(body, "Authorization: "+who))
				if !strings.Contains(got, `"text":"`+mark+`"`) {
					t.Errorf("%s: got %s", mark, got)
				}
				g.keepsSecrets(got)
			})
		}
	}
	all.Wait()
	requests := wire.requests(t)
	for mark, want := range belongs {
		seen := 0
		for body, headers := range requests {
			if !strings.Contains(body, `"`+mark+`"`) {
				continue
			}
			seen++
			if len(headers) != 1 || headers[0] != want {
				t.Errorf("%s went with %q, want %q alone", mark, headers, want)
			}
		}
		if seen != 1 {
			t.Errorf("%s was sent %d times", mark, seen)
		}
	}
	for _, raw := range wire.raw() {
		for _, secret := range []string{aliceHere, bobHere, otherHere} {
			if strings.Contains(raw, secret) {
				t.Errorf("a client's own token went to the upstream: %s", secret)
			}
		}
		if posts := strings.Count(raw, "POST "); strings.Count(raw, "X-Of-All: yes") < posts {
			t.Errorf("a request is without what all have:\n%s", raw)
		}
	}
	if n := len(wire.raw()); n > 4+9 {
		t.Errorf("%d connections; those of different clients are not shared", n)
	}
}

// TestUpstreamCredentialsAreRequired: who has none is refused, and nothing of it is sent.
func TestUpstreamCredentialsAreRequired(t *testing.T) {
	wire := tap(t, start(t, nil).http)
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "http://" + wire.addr + "/mcp"}
		o.Credentials = twoUsers()
		o.Credentials.Required = true
	})
	g.has("up__echo", true)
	call := modernCall("1", "up__echo", `{"message":"mine"}`)
	for _, who := range []string{
		"", "Bearer " + otherHere, "bearer " + aliceHere, "Bearer " + aliceHere + "x",
		"Bearer " + aliceThere, "Basic " + aliceHere,
	} {
		got := g.text(g.post(call, "Authorization: "+who))
		if code(got) != -31002 || !strings.Contains(got, `"reason":"no_credentials"`) {
			t.Errorf("%q: got %s", who, got)
		}
		g.keepsSecrets(got)
	}
	for body := range wire.requests(t) {
		if strings.Contains(body, "mine") {
			t.Errorf("a stranger's call was sent: %s", body)
		}
	}
	if n := g.metric(`mcploop_upstream_strangers_total{upstream="up"}`); n != 6 {
		t.Errorf("counted %v strangers, want 6", n)
	}
	got := g.text(g.post(call, "Authorization: Bearer "+bobHere))
	if !strings.Contains(got, `"text":"mine"`) {
		t.Errorf("got %s", got)
	}
}

// TestUpstreamDefaultCredentials: who is none of the users has those of everybody else.
func TestUpstreamDefaultCredentials(t *testing.T) {
	wire := tap(t, start(t, nil).http)
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "http://" + wire.addr + "/mcp"}
		o.Credentials = twoUsers()
		o.Credentials.Default = map[string]string{"Authorization": "Bearer everybody"}
	})
	g.has("up__echo", true)
	g.text(g.post(modernCall("1", "up__echo", `{"message":"of-nobody"}`)))
	for body, headers := range wire.requests(t) {
		switch call := strings.Contains(body, "of-nobody"); {
		case call && fmt.Sprint(headers) != "[Bearer everybody]", !call && len(headers) > 0:
			t.Errorf("got %q with %s", headers, body)
		}
	}
}

// TestUpstreamCredentialsInSharedSessions: a session of a legacy upstream is one of all clients, so
// that calls with credentials of one are not sent in it.
func TestUpstreamCredentialsInSharedSessions(t *testing.T) {
	wire := tap(t, start(t, nil).http)
	g := behind(t, func(o *gateway.Options) {
		o.Client = client.Options{URL: "http://" + wire.addr + "/mcp", Version: "2025-11-25"}
		o.Credentials = twoUsers()
	})
	g.has("up__echo", true)
	got := g.text(g.post(modernCall("1", "up__echo", `{"message":"of-nobody"}`)))
	if !strings.Contains(got, "of-nobody") {
		t.Errorf("got %s", got)
	}
	got = g.text(g.post(modernCall("1", "up__echo", `{"message":"of-alice"}`),
		"Authorization: Bearer "+aliceHere))
	if code(got) != -31002 || !strings.Contains(got, `"reason":"shared_session"`) {
		t.Errorf("got %s", got)
	}
	g.keepsSecrets(got)
	for body := range wire.requests(t) {
		if strings.Contains(body, "of-alice") {
			t.Errorf("it was sent: %s", body)
		}
	}
}

// TestUpstreamCredentialsOfInstances: where a session is what calls share, each client has one of
// its own, opened with its credentials.
func TestUpstreamCredentialsOfInstances(t *testing.T) {
	up := start(t, nil)
	for name, url := range map[string]string{
		"http": "http://%s/mcp", "sse": "sse://%s/sse", "ws": "ws://%s/mcp",
	} {
		t.Run(name, func(t *testing.T) {
			wire := tap(t, up.http)
			g := behind(t, func(o *gateway.Options) {
				o.Client = client.Options{
					URL: fmt.Sprintf(url, wire.addr), Era: client.Legacy,
					Headers: map[string]string{"Authorization": "Bearer " + ourOwn},
				}
				o.Credentials, o.Share = twoUsers(), gateway.SharePrincipal
				o.Credentials.Required = true
			})
			g.has("up__echo", true)
			var all sync.WaitGroup
			for i := range 40 {
				for mark, who := range map[string]string{"alice": aliceHere, "bob": bobHere} {
					all.Go(func() {
						mark := fmt.Sprintf("of-%s-%d", mark, i)
						got := g.text(g.post(modernCall("1", "up__echo",
							`{"message":"`+mark+`"}`), "Authorization: Bearer "+who))
						if !strings.Contains(got, mark) {
							t.Errorf("%s: got %s", mark, got)
						}
						g.keepsSecrets(got)
					})
				}
			}
			all.Wait()
			got := g.text(g.post(modernCall("1", "up__echo", `{"message":"of-nobody"}`)))
			if code(got) != -31002 || !strings.Contains(got, "no_credentials") {
				t.Errorf("a stranger got %s", got)
			}
			wire.separates(t)
		})
	}
}

// separates fails when a session, or a call, has the credentials of two, or a stranger's was sent.
func (w *wiretap) separates(t *testing.T) {
	t.Helper()
	sessions, seen := map[string]string{}, map[string]bool{}
	w.each(t, func(r *http.Request, body string) {
		auth := r.Header.Get("Authorization")
		seen[auth] = true
		session := r.Header.Get("Mcp-Session-Id") + r.URL.Query().Encode()
		if first := sessions[session]; session != "" && first != "" && first != auth {
			t.Errorf("session %s is that of %q and of %q", session, first, auth)
		}
		sessions[session] = auth
		for mark, want := range map[string]string{
			"of-alice": aliceThere, "of-bob": bobThere, "of-nobody": "nothing",
		} {
			if strings.Contains(body, mark) && auth != "Bearer "+want {
				t.Errorf("%s went with %q", body, auth)
			}
		}
	})
	for _, want := range []string{aliceThere, bobThere, ourOwn} {
		if !seen["Bearer "+want] {
			t.Errorf("nothing went with %s", want)
		}
	}
	for _, raw := range w.raw() {
		for _, secret := range []string{aliceHere, bobHere} {
			if strings.Contains(raw, secret) {
				t.Errorf("a client's own token went to the upstream: %s", secret)
			}
		}
	}
}
