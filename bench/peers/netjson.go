package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
)

// The messages of the plain server: what a developer writes in an afternoon.
type (
	callRequest struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Method  string          `json:"method"`
		Params  struct {
			Name      string `json:"name"`
			Arguments struct {
				Message string `json:"message"`
			} `json:"arguments"`
		} `json:"params"`
	}
	textContent struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	callAnswer struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Result  any             `json:"result,omitempty"`
		Error   *callError      `json:"error,omitempty"`
	}
	callError struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	callResult struct {
		Content []textContent `json:"content"`
	}
)

// serveNetJSON is the plain Go server: a goroutine a connection, lines, encoding/json, one
// write a message.
func serveNetJSON(s settings) error {
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %q: %w", s.addr, err)
	}
	for {
		c, err := ln.Accept()
		if err != nil {
			return fmt.Errorf("cannot accept: %w", err)
		}
		go serveLines(c)
	}
}

func serveLines(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var req callRequest
		if json.Unmarshal(line, &req) != nil {
			return
		}
		if req.ID == nil {
			continue
		}
		out, err := json.Marshal(answerTo(&req))
		if err != nil {
			return
		}
		if _, err := c.Write(append(out, '\n')); err != nil {
			return
		}
	}
}

func answerTo(req *callRequest) callAnswer {
	a := callAnswer{JSONRPC: "2.0", ID: req.ID}
	switch req.Method {
	case "initialize":
		a.Result = map[string]any{
			"protocolVersion": "2025-11-25",
			"capabilities":    map[string]any{"tools": map[string]any{}},
			"serverInfo":      map[string]any{"name": "net-json", "version": "1"},
		}
	case "tools/call":
		text := textContent{Type: "text", Text: req.Params.Arguments.Message}
		a.Result = callResult{Content: []textContent{text}}
	default:
		a.Error = &callError{Code: -32601, Message: "method not found"}
	}
	return a
}
