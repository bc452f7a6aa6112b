package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// serveMany is a crowd of modern MCP servers in one process: --count of them on the ports from that
// of --addr on, each with --tools tools, echo_0, echo_1, ... A POST to /be/hung, /be/flooding,
// /be/crashing or /be/well of one of them makes it so. GET /listed tells when the last one was
// asked for its tools, in milliseconds since 1970.
func serveMany(s settings) error {
	host, first, err := net.SplitHostPort(s.addr)
	if err != nil {
		return fmt.Errorf("cannot read --addr: %w", err)
	}
	port, err := strconv.Atoi(first)
	if err != nil {
		return fmt.Errorf("cannot read the port of --addr: %w", err)
	}
	tools := manyTools(s.tools)
	failed := make(chan error, s.count)
	for i := range s.count {
		one := &oneOfMany{tools: tools, crash: make(chan struct{}, 1)}
		go func() { failed <- one.serve(net.JoinHostPort(host, strconv.Itoa(port+i))) }()
	}
	return <-failed
}

// manyTools is the tools member of a list.
func manyTools(count int) json.RawMessage {
	list := make([]map[string]any, count)
	for i := range list {
		list[i] = map[string]any{
			"name": fmt.Sprintf("echo_%d", i), "description": "Returns the message.",
			"inputSchema": map[string]any{
				"type": "object", "required": []string{"message"},
				"properties": map[string]any{"message": map[string]any{
					"type": "string", "description": "the text to give back",
				}},
			},
		}
	}
	raw, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	return raw
}

type oneOfMany struct {
	tools json.RawMessage
	state atomic.Pointer[string]
	crash chan struct{}
}

// listed is when the last server was asked for its tools.
var listed atomic.Int64

// serve serves until it cannot go on. A crash ends every connection.
func (o *oneOfMany) serve(addr string) error {
	for {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		srv := &http.Server{Handler: o, ReadHeaderTimeout: time.Minute}
		go func() {
			<-o.crash
			_ = srv.Close()
		}()
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
	}
}

func (o *oneOfMany) is(state string) bool {
	s := o.state.Load()
	return s != nil && *s == state
}

func (o *oneOfMany) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/listed":
		fmt.Fprint(w, listed.Load())
		return
	case "/be/hung", "/be/flooding", "/be/crashing", "/be/well":
		state := r.URL.Path[len("/be/"):]
		o.state.Store(&state)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var in struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			Arguments struct {
				Message string `json:"message"`
			} `json:"arguments"`
		} `json:"params"`
	}
	if json.Unmarshal(body, &in) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var result any
	switch in.Method {
	case "server/discover":
		result = map[string]any{
			"supportedVersions": []string{"2026-07-28"},
			"capabilities":      map[string]any{"tools": map[string]any{}},
		}
	case "tools/list":
		listed.Store(time.Now().UnixMilli())
		result = map[string]any{"tools": o.tools, "ttlMs": 300_000, "cacheScope": "public"}
	case "tools/call":
		if o.misbehaves(w, r) {
			return
		}
		text := map[string]string{"type": "text", "text": in.Params.Arguments.Message}
		result = map[string]any{"content": []any{text}}
	default:
		w.WriteHeader(http.StatusNotFound)
		result = nil
	}
	answer := map[string]any{"jsonrpc": "2.0", "id": in.ID}
	if result == nil {
		answer["error"] = map[string]any{"code": -32601, "message": "Method not found"}
	} else {
		result.(map[string]any)["resultType"] = "complete"
		answer["result"] = result
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// misbehaves does what a bad upstream does with a call; false when it is well.
func (o *oneOfMany) misbehaves(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case o.is("hung"):
		<-r.Context().Done()
	case o.is("crashing"):
		select {
		case o.crash <- struct{}{}:
		default:
		}
		panic(http.ErrAbortHandler)
	case o.is("flooding"):
		w.Header().Set("Content-Type", "text/event-stream")
		chunk := []byte(`data: {"jsonrpc":"2.0","method":"notifications/message","params":` +
			`{"level":"info","data":"flood"}}` + "\n\n")
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return true
			}
		}
	default:
		return false
	}
	return true
}
