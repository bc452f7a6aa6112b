package client_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server"
)

// TestTokensEachTransport: a client without a token learns that it needs one at its first request,
// and that it needs another one in the middle of its session.
func TestTokensEachTransport(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	for _, f := range []struct {
		name, transport string
		era             client.Era
		wantTold        int
	}{
		{"modern HTTP", "http", client.Modern, 2},
		{"legacy HTTP", "http", client.Legacy, 2},
		{"auto HTTP", "http", client.Auto, 2},
		{"HTTP+SSE", "sse", client.Legacy, 2},
		{"WebSocket", "ws", client.Auto, 1}, // its requests have no headers
	} {
		t.Run(f.name, func(t *testing.T) {
			d, src := newDoor(t, s), &source{values: []string{"", "Bearer one", "Bearer two"}}
			c := connect(t, client.Options{
				URL: d.through(f.transport), Era: f.era, Tokens: tokens(t, src),
			})
			r, err := c.Call(testContext(t), "echo", echoInput{"first"})
			wantText(t, r, err, "first")
			d.wants("Bearer two")
			r, err = c.Call(testContext(t), "echo", echoInput{"second"})
			wantText(t, r, err, "second")
			if _, told := src.counts(); told != f.wantTold {
				t.Errorf("the source was told of %d refusals, want %d", told, f.wantTold)
			}
			want := `401 Bearer resource_metadata="http://127.0.0.1/meta"`
			if got := src.challenges[0]; got != want {
				t.Errorf("got the challenge %q, want %q", got, want)
			}
		})
	}
}

// TestTokensAllOfASession: the stream of a legacy session and its end have the token, too, and no
// request is refused for the want of one.
func TestTokensAllOfASession(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	d, src := newDoor(t, s), &source{values: []string{"Bearer one"}}
	c := connect(t, client.Options{
		URL: d.through("http"), Era: client.Legacy, Tokens: tokens(t, src),
		OnNotification: func(string, []byte) {},
	})
	waitUntil(t, "the stream is there", func() bool {
		_, passed := d.counts()
		return slices.Contains(passed, "GET")
	})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	refused, passed := d.counts()
	if refused != 0 || !slices.Contains(passed, "DELETE") {
		t.Errorf("%d were refused, passed %q; want 0 and a DELETE", refused, passed)
	}
}

// TestTokensAskedOnce: of many calls that are refused at once one has the source asked, and all
// are sent again.
func TestTokensAskedOnce(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	d, src := newDoor(t, s), &source{values: []string{"Bearer one", "Bearer two"}}
	all := tokens(t, src)
	opt := client.Options{URL: d.through("http"), Tokens: all}
	clients := []*client.Client{connect(t, opt), connect(t, opt)}
	hold := make(chan struct{})
	src.set(func(s *source) { s.hold = hold })
	d.wants("Bearer two")
	const calls = 32
	var pending sync.WaitGroup
	for i := range calls {
		pending.Go(func() {
			r, err := clients[i%2].Call(testContext(t), "echo", echoInput{"m"})
			wantText(t, r, err, "m")
		})
	}
	waitUntil(t, "all are refused", func() bool {
		refused, _ := d.counts()
		return refused == calls
	})
	close(hold)
	pending.Wait()
	if _, told := src.counts(); told != 1 {
		t.Errorf("the source was told %d times, want once", told)
	}
	if got := all.Stats(); got.Refused != calls || got.Renewed != 1 {
		t.Errorf("got %+v, want %d refused and 1 renewed", got, calls)
	}
}

// TestTokensScope: a call of too little scope is sent again with more; another 403 is not.
func TestTokensScope(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	d, src := newDoor(t, s), &source{values: []string{"Bearer one", "Bearer one+"}}
	d.wantsScope("tools/call")
	c := connect(t, client.Options{URL: d.through("http"), Tokens: tokens(t, src)})
	r, err := c.Call(testContext(t), "echo", echoInput{"m"})
	wantText(t, r, err, "m")
	want := []string{`403 Bearer error="insufficient_scope", scope="more"`}
	if !slices.Equal(src.challenges, want) {
		t.Errorf("got the challenges %q, want %q", src.challenges, want)
	}
}

// TestTokensRefusedForGood: a server that takes no token costs three requests, not more, and the
// source is asked no more often than it may help.
func TestTokensRefusedForGood(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	src := &source{}
	for i := range 100 {
		src.values = append(src.values, "Bearer secret"+string(rune('A'+i)))
	}
	d := newDoor(t, s)
	d.wants(src.values[0])
	c := connect(t, client.Options{URL: d.through("http"), Tokens: tokens(t, src)})
	d.wants("none of them")
	for i := range 30 {
		before, _ := d.counts()
		_, err := c.Call(testContext(t), "echo", echoInput{"m"})
		after, _ := d.counts()
		var refusal *client.HTTPError
		if !errors.As(err, &refusal) || refusal.Status != 401 || after-before > 3 {
			t.Errorf("call %d: got %v after %d requests, want a 401 after 3", i, err, after-before)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the token is in the error %q", err)
		}
	}
	if _, told := src.counts(); told > 10 {
		t.Errorf("the source was asked for %d tokens, want 10 at most", told)
	}
}

// TestTokensNone: what the source says is in the error of the call, and of Connect; it is not
// asked the same again at once.
func TestTokensNone(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	errAbsent := errors.New("nobody has logged in")
	d, src := newDoor(t, s), &source{values: []string{""}, why: errAbsent}
	all := tokens(t, src)
	for range 3 {
		_, err := client.Connect(testContext(t), client.Options{
			URL: d.through("http"), Tokens: all,
		})
		var refusal *client.HTTPError
		if !errors.Is(err, errAbsent) || !errors.As(err, &refusal) || refusal.Challenge == "" {
			t.Errorf("got %v, want what the source said, and the 401", err)
		}
	}
	if _, told := src.counts(); told != 1 {
		t.Errorf("the source was told %d times, want once", told)
	}
	src.set(func(s *source) { s.why, s.values = nil, []string{"Bearer one"} })
	if err := all.Renew(testContext(t)); err != nil {
		t.Fatal(err)
	}
	connect(t, client.Options{URL: d.through("http"), Tokens: all})
}

// TestTokensRenewedAhead: a token is replaced before it ends, and one that cannot be is used on.
func TestTokensRenewedAhead(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	d, src := newDoor(t, s), &source{values: []string{"Bearer one"}, renew: time.Now}
	all := tokens(t, src)
	c := connect(t, client.Options{URL: d.through("http"), Tokens: all})
	src.set(func(s *source) { s.fault = errors.New("no such host") })
	waitUntil(t, "a renewal has failed", func() bool { return all.Stats().Failures > 0 })
	r, err := c.Call(testContext(t), "echo", echoInput{"old"})
	wantText(t, r, err, "old")
	src.set(func(s *source) { s.fault, s.values = nil, []string{"Bearer two"} })
	d.wants("Bearer two")
	waitUntil(t, "it is renewed", func() bool { return all.Stats().Renewed == 1 })
	r, err = c.Call(testContext(t), "echo", echoInput{"new"})
	wantText(t, r, err, "new")
	if _, told := src.counts(); told != 0 {
		t.Errorf("%d requests were refused, want none", told)
	}
}

// TestTokensIdentity: a call that has an Authorization of its own has no other one, and says
// nothing about the tokens when it is refused.
func TestTokensIdentity(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	d, src := newDoor(t, s), &source{values: []string{"Bearer one", "Bearer two"}}
	c := connect(t, client.Options{URL: d.through("http"), Tokens: tokens(t, src)})
	call := func(headers map[string]string) client.Answer {
		answers := make(chan client.Answer, 1)
		err := c.Mux().Start(&client.Call{
			Method: "tools/call", Params: []byte(`{"name":"echo","arguments":{"message":"m"}}`),
			Identity: client.HeaderLines(headers),
			Done: func(_ *client.Call, a client.Answer) {
				a.Result = nil
				answers <- a
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return await(t, "an answer", answers)
	}
	if a := call(map[string]string{"x-trace": "1"}); a.Err != nil {
		t.Errorf("without one of its own: got %v, want a result", a.Err)
	}
	var refusal *client.HTTPError
	a := call(map[string]string{"authorization": "Bearer alice", "X-Trace": "1"})
	if !errors.As(a.Err, &refusal) || refusal.Status != 401 {
		t.Errorf("with one of its own: got %v, want a 401", a.Err)
	}
	if _, told := src.counts(); told != 0 {
		t.Errorf("the source was told of %d refusals, want none", told)
	}
}

// TestTokensGivenUp: a call that is given up while the source thinks ends at once, and is not sent
// when it has thought.
func TestTokensGivenUp(t *testing.T) {
	s, _ := startServer(t, server.Options{})
	hold := make(chan struct{})
	d, src := newDoor(t, s), &source{values: []string{"Bearer one", "Bearer two"}, hold: hold}
	all := tokens(t, src)
	c := connect(t, client.Options{URL: d.through("http"), Tokens: all})
	d.wants("Bearer two")
	ctx, cancel := context.WithCancel(testContext(t))
	ended := make(chan error, 1)
	go func() {
		_, err := c.Call(ctx, "echo", echoInput{"m"})
		ended <- err
	}()
	waitUntil(t, "the source is told", func() bool { _, told := src.counts(); return told == 1 })
	_, before := d.counts()
	cancel()
	wantError(t, await(t, "the end of the call", ended), context.Canceled)
	close(hold)
	r, err := c.Call(testContext(t), "echo", echoInput{"next"})
	wantText(t, r, err, "next")
	if _, after := d.counts(); len(after) != len(before)+1 {
		t.Errorf("%d requests passed, want one", len(after)-len(before))
	}
	if held := c.Stats().InFlight; held != 0 {
		t.Errorf("%d calls are in flight, want none", held)
	}
}

// TestTokensUnfit: what cannot have tokens says so, and a token that is no header is in no error.
func TestTokensUnfit(t *testing.T) {
	all := tokens(t, &source{values: []string{"Bearer secret\r\nX: y"}})
	for name, opt := range map[string]client.Options{
		"with what has no headers": {URL: "tcp://127.0.0.1:1", Tokens: all},
		"a header Authorization": {
			URL: "http://127.0.0.1:1/", Tokens: all,
			Headers: map[string]string{"authorization": "x"},
		},
		"no header can hold it": {URL: "http://127.0.0.1:1/", Tokens: all},
	} {
		_, err := client.Connect(testContext(t), opt)
		if err == nil || !strings.Contains(err.Error(), name) ||
			strings.Contains(err.Error(), "secret") {
			t.Errorf("got %v, want an error with %q and without the token", err, name)
		}
	}
}
