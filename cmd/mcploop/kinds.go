package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/client/process"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/config"
	"github.com/mcploop/mcploop/server/gateway"
	"github.com/mcploop/mcploop/server/gateway/exec"
	"github.com/mcploop/mcploop/server/gateway/files"
	"github.com/mcploop/mcploop/server/gateway/openapi"
	"github.com/mcploop/mcploop/server/gateway/rest"
)

// host is what providers get of the server.
type host struct {
	log    *slog.Logger
	keeper *process.Keeper
}

func hostOf(s *server.Server) host { return host{s.Log(), s.Keeper()} }

// providerOf makes what runs behind an upstream that is no MCP server; nil for one that is. Nothing
// is opened or connected to before it is used.
func providerOf(name string, u *config.Upstream, h host) (gateway.Provider, error) {
	var p gateway.Provider
	var err error
	log := h.log.With("upstream", name)
	switch u.Kind() {
	case "http":
		p, err = rest.New(restOptions(u))
	case "openapi":
		p, err = openapi.New(openAPIOptions(u, log))
	case "exec":
		p, err = exec.New(execOptions(u, h.keeper))
	case "files":
		p, err = files.New(filesOptions(name, u, log))
	default:
		return nil, nil
	}
	if u.TLS.SkipVerify {
		log.Warn("the certificate of an API is not verified: anybody on the way to it can read " +
			"and change what is sent; set tls.ca_file in place of tls.insecure_skip_verify")
	}
	if err != nil {
		text := strings.ReplaceAll(err.Error(), "\n", "; ")
		return nil, fmt.Errorf("cannot use upstreams.%s.%s: %s", name, u.Kind(), text)
	}
	return p, nil
}

// restOptions turns an upstream of REST tools into options, key by key, as do those below.
func restOptions(u *config.Upstream) rest.Options {
	k := &u.HTTP
	opt := rest.Options{
		BaseURL: k.BaseURL,
		APIOptions: rest.APIOptions{
			Headers: u.Headers, Query: k.Query, Bearer: k.Bearer, Basic: k.Basic, TLS: tlsOf(u),
			ConnectionsMax: u.Connections, ResponseBytesMax: k.ResponseBytes,
			ResultBytesMax: k.ResultBytes,
		},
	}
	for _, name := range slices.Sorted(maps.Keys(k.Tools)) {
		t := k.Tools[name]
		opt.Tools = append(opt.Tools, rest.ToolOptions{
			Name: name, Title: t.Title, Description: t.Description, Method: t.Method, URL: t.URL,
			Query: t.Query, Headers: t.Headers, Body: rawJSON(t.Body), BodyType: t.BodyType,
			Input: rawJSON(t.Input), Output: rawJSON(t.Output), Hints: t.Hints,
			Trim: rest.Trim{Pointer: t.Pointer, Fields: t.Fields, Result: t.Result},
		})
	}
	return opt
}

// rawJSON is nil for none.
func rawJSON(text config.JSON) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

func openAPIOptions(u *config.Upstream, log *slog.Logger) openapi.Options {
	k := &u.OpenAPI
	return openapi.Options{
		APIOptions: rest.APIOptions{
			Headers: u.Headers, Query: k.Query, Bearer: k.Bearer, Basic: k.Basic, TLS: tlsOf(u),
			ConnectionsMax: u.Connections, ResponseBytesMax: k.ResponseBytes,
			ResultBytesMax: k.ResultBytes,
		},
		Trim:     rest.Trim{Pointer: k.Pointer, Fields: k.Fields, Result: k.Result},
		Document: k.Document, BaseURL: k.BaseURL, Credentials: k.Credentials,
		Operations: k.Operations, Tags: k.Tags, Methods: k.Methods, Paths: k.Paths,
		NoOutput: !k.Output, DocumentBytesMax: k.DocumentBytes, OperationsMax: k.OperationsMax,
		Log: log,
	}
}

func execOptions(u *config.Upstream, keeper *process.Keeper) exec.Options {
	k := &u.Exec
	opt := exec.Options{
		Dir: u.Dir, Env: childEnv(u), Limits: childLimits(u), Keeper: keeper,
		ProcessesMax: k.Processes, OutputBytesMax: k.OutputBytes, ResultBytesMax: k.ResultBytes,
	}
	for _, name := range slices.Sorted(maps.Keys(k.Tools)) {
		t := k.Tools[name]
		opt.Tools = append(opt.Tools, exec.ToolOptions{
			Name: name, Title: t.Title, Description: t.Description, Command: t.Command,
			Options: t.Options, Stdin: t.Stdin, Input: rawJSON(t.Input), Output: rawJSON(t.Output),
			Hints: t.Hints,
		})
	}
	return opt
}

// childEnv is the environment of a program: the plain one, and what the file adds to it.
func childEnv(u *config.Upstream) []string {
	env := client.PlainEnv()
	for _, name := range slices.Sorted(maps.Keys(u.Env)) { // the last of a name counts
		env = append(env, name+"="+u.Env[name])
	}
	return env
}

func filesOptions(name string, u *config.Upstream, log *slog.Logger) files.Options {
	k := &u.Files
	return files.Options{
		Name: name, Root: k.Root, URI: orElse(k.URI, "file:///"+name+"/"), Include: k.Include,
		Exclude: k.Exclude, Hidden: k.Hidden, ListMax: k.FilesMax, FileBytesMax: k.FileBytes,
		Watch: k.Watch, WatchMax: k.WatchMax, Log: log,
	}
}

// checkKinds makes what runs behind each upstream that is no MCP server, and reports every fault.
// What is only not there at the moment is told to w: a program, a directory, a document of a file.
func checkKinds(ctx context.Context, cfg *config.Config, w io.Writer) error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(cfg.Upstreams)) {
		u := cfg.Upstreams[name]
		if u.Disabled {
			continue
		}
		p, err := providerOf(name, &u, host{log: slog.New(slog.NewTextHandler(w, nil))})
		if err != nil {
			faults = append(faults, err)
		}
		if p == nil || err != nil || strings.Contains(u.OpenAPI.Document, "://") {
			continue // a document at a URL is not asked for
		}
		look, cancel := context.WithTimeout(ctx, checkTimeout)
		if _, err := p.List(look); err != nil {
			fmt.Fprintf(w, "note: upstream %q is not ready here: %v\n", name, err)
		}
		cancel()
		_ = p.Close() // it was only looked at
	}
	return errors.Join(faults...)
}

// checkTimeout bounds a look at files.
const checkTimeout = 10 * time.Second
