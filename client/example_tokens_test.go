package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/mcploop/mcploop/client"
)

// exampleDoor lets nobody to the example server but who has the token that is good now.
func exampleDoor(good *atomic.Value) (door *httptest.Server, stop func()) {
	behind, stopBehind := exampleServer()
	target, err := url.Parse(behind)
	if err != nil {
		panic(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	door = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != good.Load() {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.Header.Del("Authorization")
		proxy.ServeHTTP(w, r)
	}))
	return door, func() {
		door.Close()
		stopBehind()
	}
}

// vault is where the tokens of this example come from; yours is perhaps a *oauth.Source.
type vault struct{ good *atomic.Value }

func (v vault) Token(context.Context) (value string, renew time.Time, err error) {
	return v.good.Load().(string), time.Now().Add(time.Hour), nil
}

// Refused has nothing to do: the next token is another one.
func (v vault) Refused(_ context.Context, status int, _ string) error {
	fmt.Println("refused with", status)
	return nil
}

// A token that the server no longer takes costs no call: the source is told, and what was refused
// is sent again.
func ExampleTokens() {
	var good atomic.Value
	good.Store("Bearer one")
	door, stop := exampleDoor(&good)
	defer stop()
	var source client.TokenSource = vault{&good}
	tokens := client.NewTokens(source)
	defer tokens.Close()
	ctx := context.Background()
	connect := func(with *client.Tokens) (*client.Client, error) {
		return client.Connect(ctx, client.Options{
			URL: door.URL + "/mcp", Era: client.Modern, Tokens: with,
		})
	}
	c, err := connect(tokens)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	good.Store("Bearer two")
	tools, err := c.ListTools(ctx)
	fmt.Println(len(tools), "tools", err)
	show := func(s client.TokenStats) { fmt.Println(s.Refused > 0, s.Failures) }
	show(tokens.Stats())

	none := client.NewTokens(nobody{})
	defer none.Close()
	_, err = connect(none)
	var refusal *client.HTTPError
	fmt.Println(errors.As(err, &refusal))
	// Output:
	// refused with 401
	// 1 tools <nil>
	// true 0
	// true
}

// nobody has no token.
type nobody struct{}

func (nobody) Token(context.Context) (value string, renew time.Time, err error) {
	return "", time.Time{}, nil
}

func (nobody) Refused(context.Context, int, string) error {
	return errors.New("cannot get a token: there is none")
}
