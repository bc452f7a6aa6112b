package main

import (
	"context"
	"encoding/json"
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
	changed func(uri string)

	mu     sync.Mutex // guards values
	values map[string][]string
}

// ledgerURI is the resource that is a key's list; whoever subscribed to it is told of an append.
const ledgerURI = "test://ledger/"

// addLedger offers append, read and emit, and each key's list as a resource.
func addLedger(s *server.Server) error {
	l := &ledger{changed: s.ResourceUpdated, values: map[string][]string{}}
	server.AddTool(s, mcp.Tool{
		Name: "append", Description: "Appends a value under a key; not idempotent.",
	}, l.append)
	server.AddTool(s, mcp.Tool{
		Name: "read", Description: "Returns all values of a key, in the order they were appended.",
	}, l.read)
	server.AddTool(s, mcp.Tool{
		Name: "emit", Description: "Reports progress n times, then answers how often it did.",
	}, l.emit)
	return s.AddResourceTemplate(mcp.ResourceTemplate{
		URITemplate: ledgerURI + "{key}", Name: "ledger", MIMEType: "application/json",
		Description: "All values of a key, in the order they were appended.",
	}, l.resource)
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
	sequence, err := l.add(in.Key, in.Value)
	if err != nil {
		return appended{}, err
	}
	l.changed(ledgerURI + in.Key)
	return appended{in.Key, in.Value, sequence}, nil
}

// add returns the new value's place in the list.
func (l *ledger) add(key, value string) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list, known := l.values[key]
	if !known && len(l.values) == ledgerKeys || len(list) == ledgerValues {
		return 0, fmt.Errorf("cannot append to %q: the ledger is full", key)
	}
	l.values[key] = append(list, value)
	return len(list) + 1, nil
}

type readInput struct {
	Key string `json:"key"`
}

type entries struct {
	Key    string   `json:"key"`
	Values []string `json:"values"`
}

func (l *ledger) read(_ context.Context, _ *mcp.Request, in readInput) (entries, error) {
	return entries{in.Key, l.all(in.Key)}, nil
}

func (l *ledger) all(key string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.values[key]...)
}

func (l *ledger) resource(
	_ context.Context, req *mcp.ReadResourceRequest,
) (*mcp.ReadResourceResult, error) {
	text, err := json.Marshal(l.all(req.Params.Variables["key"]))
	if err != nil {
		return nil, err
	}
	result := contents(&mcp.ResourceContents{
		URI: req.Params.URI, MIMEType: "application/json", Text: string(text),
	})
	result.TTLMs = 0 // the next append changes it
	return result, nil
}

type emitInput struct {
	Key string `json:"key" jsonschema:"comes back in the answer"`
	N   int    `json:"n" jsonschema:"how often, at most 1000"`
	Log string `json:"log,omitempty" jsonschema:"log as often, too; each message repeats this text"`
}

// emittedLog is the data of emit's log messages.
type emittedLog struct {
	Key string `json:"key"`
	Log string `json:"log"`
	N   int    `json:"n"`
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
		if in.Log == "" {
			continue
		}
		if err := req.Log(ctx, "info", "ledger", emittedLog{in.Key, in.Log, i}); err != nil {
			return emitted{}, err
		}
	}
	return emitted{in.Key, n}, nil
}
