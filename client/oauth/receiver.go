package oauth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Receiver waits on this host for the browser to come back from an authorization server (RFC 8252
// section 7.3): a small HTTP server from Listen to Close.
type Receiver struct {
	redirect string
	server   *http.Server
	ended    chan struct{} // closed when the server's goroutine has ended

	mu    sync.Mutex
	waits map[string]chan string // state -> where its callback goes
}

const (
	callbackPath     = "/callback"
	callbackBytesMax = 16 << 10
	callbackTimeout  = 10 * time.Second
)

// Listen starts a Receiver on address, "127.0.0.1:0" for any port; others than loopback are
// refused.
func Listen(address string) (*Receiver, error) {
	return listen(address, callbackPath, "")
}

// listen waits at path of address; redirect is how others write that, "" as it comes.
func listen(address, path, redirect string) (*Receiver, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil || !loopback(host) {
		return nil, fmt.Errorf("cannot wait for a browser on %q; say 127.0.0.1:PORT", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot wait for a browser: %w", err)
	}
	r := &Receiver{
		redirect: redirect, ended: make(chan struct{}), waits: map[string]chan string{},
	}
	if redirect == "" {
		r.redirect = "http://" + l.Addr().String() + path
	}
	r.server = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method != http.MethodGet || req.URL.Path != path {
				http.NotFound(w, req)
				return
			}
			r.take(w, req)
		}),
		ReadTimeout: callbackTimeout, WriteTimeout: callbackTimeout,
		MaxHeaderBytes: callbackBytesMax,
	}
	go func() {
		defer close(r.ended)
		_ = r.server.Serve(l) // Close is the end of it
	}()
	return r, nil
}

// ListenAt is Listen for a redirect URL that is registered already: http, a host of this one, a
// port and a path.
func ListenAt(redirect string) (*Receiver, error) {
	u, err := url.Parse(redirect)
	if err != nil || u.Scheme != "http" || u.Port() == "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("cannot wait for a browser at %q; say http://127.0.0.1:PORT/PATH",
			redirect)
	}
	return listen(u.Host, max(u.Path, "/"), redirect)
}

// RedirectURL is what Options.RedirectURL must be.
func (r *Receiver) RedirectURL() string { return r.redirect }

// Close ends it.
func (r *Receiver) Close() error {
	err := r.server.Close()
	<-r.ended
	return err
}

// Open returns an Options.Open that has show bring the user to a page, and then waits for their
// browser. What comes with another state is answered 404, and waited on.
func (r *Receiver) Open(show func(ctx context.Context, url string) error) func(
	ctx context.Context, url string) (string, error) {
	return func(ctx context.Context, page string) (string, error) {
		u, err := url.Parse(page)
		if err != nil {
			return "", err
		}
		state := u.Query().Get("state")
		if state == "" {
			return "", errors.New("cannot wait for a browser: the page has no state")
		}
		came := make(chan string, 1)
		r.mu.Lock()
		r.waits[state] = came
		r.mu.Unlock()
		defer func() {
			r.mu.Lock()
			delete(r.waits, state)
			r.mu.Unlock()
		}()
		if err := show(ctx, page); err != nil {
			return "", err
		}
		select {
		case callback := <-came:
			return callback, nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// take is where the browser comes back. A state is taken once, and is long enough not to be found.
func (r *Receiver) take(w http.ResponseWriter, req *http.Request) {
	state := req.URL.Query().Get("state")
	r.mu.Lock()
	came := r.waits[state]
	delete(r.waits, state)
	r.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if came == nil {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte("Nobody waits for this.\n"))
		return
	}
	came <- r.redirect + "?" + req.URL.RawQuery
	_, _ = w.Write([]byte("Thank you. You may close this page.\n"))
}
