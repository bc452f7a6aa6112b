package admin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// Controls are what can be asked for. Answers are encoded as JSON.
type Controls interface {
	// Reload reads the configuration again. ok is false when nothing was changed because of a
	// fault, which the report tells.
	Reload() (report any, ok bool)
	// Explain tells of a tool, by any of its names.
	Explain(tool string) (report any)
}

// Endpoint is an open endpoint.
type Endpoint struct {
	addr   Addr
	http   http.Server
	socket os.FileInfo // of a unix socket, as it was made
	ended  chan struct{}
}

// Open listens and serves until Close. The socket of a process that has ended is replaced, that of
// one which still listens is not.
func Open(addr Addr, c Controls) (*Endpoint, error) {
	e := &Endpoint{addr: addr, ended: make(chan struct{})}
	listener, err := e.listen()
	if err != nil {
		return nil, fmt.Errorf("cannot open the admin endpoint on %s: %w", addr, err)
	}
	e.http = http.Server{
		Handler: guarded(routes(c)), ReadTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	go func() {
		defer close(e.ended)
		_ = e.http.Serve(listener) // it returns when it was closed
	}()
	return e, nil
}

// Addr is where it listens, with the port that it was given.
func (e *Endpoint) Addr() Addr { return e.addr }

// Close ends it; what is being answered is waited for, a second at most.
func (e *Endpoint) Close() {
	if e.socket != nil {
		if now, err := os.Lstat(e.addr.path()); err == nil && os.SameFile(now, e.socket) {
			_ = os.Remove(e.addr.path()) // whoever comes next replaces it anyway
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if e.http.Shutdown(ctx) != nil {
		_ = e.http.Close()
	}
	<-e.ended
}

func (e *Endpoint) listen() (net.Listener, error) {
	if e.addr.Network == "unix" {
		return e.listenUnix()
	}
	listener, err := net.Listen(e.addr.Network, e.addr.Address)
	if err == nil {
		e.addr.Address = listener.Addr().String()
	}
	return listener, err
}

// listenUnix makes the socket under another name, so that nobody finds it before its permissions
// are right, nor without one that answers.
func (e *Endpoint) listenUnix() (net.Listener, error) {
	path := e.addr.path()
	if err := e.addr.makeDir(); err != nil {
		return nil, err
	}
	if err := vacant(path); err != nil {
		return nil, err
	}
	fresh := path + "." + rand.Text()[:8]
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false)
	if err = os.Chmod(fresh, 0o600); err == nil {
		e.socket, err = os.Lstat(fresh)
	}
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		_ = os.Remove(fresh)
		_ = listener.Close()
		return nil, err
	}
	return listener, nil
}

// vacant tells that nobody listens at path, and that nothing else than a socket is there.
func vacant(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != os.ModeSocket:
		return errors.New("there is a file that is no socket; choose another admin.listen")
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return nil // it was left behind
	}
	_ = conn.Close()
	return errors.New("another process listens there; give each its own admin.listen")
}

// routes are what the endpoint knows.
func routes(c Controls) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, _ *http.Request) {
		report, ok := c.Reload()
		status := http.StatusOK
		if !ok {
			status = http.StatusUnprocessableEntity
		}
		answer(w, status, report)
	})
	mux.HandleFunc("GET /explain", func(w http.ResponseWriter, r *http.Request) {
		tool := r.URL.Query().Get("tool")
		if tool == "" {
			http.Error(w, "say which: /explain?tool=NAME", http.StatusBadRequest)
			return
		}
		answer(w, http.StatusOK, c.Explain(tool))
	})
	return mux
}

func answer(w http.ResponseWriter, status int, report any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(report) // whoever asked may have gone
}

// guarded refuses what a web page could send: those that name an Origin, and names that only DNS
// makes those of this host.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		local := host == "localhost" || net.ParseIP(strings.Trim(host, "[]")).IsLoopback()
		if !local || r.Header.Get("Origin") != "" {
			http.Error(w, "this is for programs of this host", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Ask sends one request and returns the answer's body with its HTTP status.
func Ask(
	ctx context.Context, addr Addr, method, target string,
) (body []byte, status int, err error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, addr.Network, addr.Address)
	}
	transport := &http.Transport{DialContext: dial}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+target, nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below
	body, err = readAll(resp)
	return body, resp.StatusCode, err
}
