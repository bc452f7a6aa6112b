package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// Bounds of the ledger, which lives in memory.
const (
	ledgerKeys   = 1000
	ledgerValues = 10_000 // under one key
)

// ledger keeps lists of values, so that a client can prove what was done, how often, and in
// which order. Safe for concurrent use: handlers run on many workers at once.
type ledger struct {
	mu     sync.Mutex
	values map[string][]string
}

// addLedger offers append, read and emit.
func addLedger(s *server.Server) {
	l := &ledger{values: map[string][]string{}}
	server.AddTool(s, mcp.Tool{
		Name: "append", Description: "Appends a value under a key; not idempotent.",
	}, l.append)
	server.AddTool(s, mcp.Tool{
		Name: "read", Description: "Returns all values of a key, in the order they were appended.",
	}, l.read)
	server.AddTool(s, mcp.Tool{
		Name: "emit", Description: "Reports progress n times, then answers how often it did.",
	}, l.emit)
}

type appendInput struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type appended struct {
	Key      string `json:"key"`
	Value    string `json:"value"`
	Sequence int    `json:"sequence" jsonschema:"the value's place in the list, from 1"`
}

func (l *ledger) append(_ context.Context, _ *mcp.Request, in appendInput) (appended, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list, known := l.values[in.Key]
	if !known && len(l.values) == ledgerKeys || len(list) == ledgerValues {
		return appended{}, fmt.Errorf("cannot append to %q: the ledger is full", in.Key)
	}
	l.values[in.Key] = append(list, in.Value)
	return appended{in.Key, in.Value, len(list) + 1}, nil
}

type readInput struct {
	Key string `json:"key"`
}

type entries struct {
	Key    string   `json:"key"`
	Values []string `json:"values"`
}

func (l *ledger) read(_ context.Context, _ *mcp.Request, in readInput) (entries, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return entries{in.Key, append([]string{}, l.values[in.Key]...)}, nil
}

type emitInput struct {
	Key string `json:"key" jsonschema:"comes back in the answer"`
	N   int    `json:"n" jsonschema:"how often, at most 1000"`
}

type emitted struct {
	Key   string `json:"key"`
	Notes int    `json:"notes"`
}

func (l *ledger) emit(ctx context.Context, req *mcp.Request, in emitInput) (emitted, error) {
	n := min(max(in.N, 0), 1000)
	for i := 1; i <= n; i++ {
		progress := mcp.ProgressNotificationParams{Progress: float64(i), Total: float64(n)}
		if err := req.NotifyProgress(ctx, progress); err != nil {
			return emitted{}, err
		}
	}
	return emitted{in.Key, n}, nil
}
