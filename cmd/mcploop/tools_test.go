package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/server"
)

// runTools returns what the command prints, and behind it what it fails with.
func runTools(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	cmd := newToolsCommand()
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	if err != nil && !errors.Is(err, errSilent) {
		out.WriteString(err.Error())
	}
	return out.String(), err
}

// TestToolsCommand runs the command against the sample tools.
func TestToolsCommand(t *testing.T) {
	s, err := server.New(server.Options{
		Name: "samples", HTTP: []string{"127.0.0.1:0"}, TCP: []string{"127.0.0.1:0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := addSamples(s); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Drain(context.Background()) })
	addrs := s.Addrs()
	web := "--url=" + fmt.Sprintf("http://%s/mcp", addrs[0].Addr)
	line := "--tcp=" + addrs[1].Addr.String()
	socket := fmt.Sprintf("ws://%s/mcp", addrs[0].Addr)
	events := fmt.Sprintf("http://%s/sse", addrs[0].Addr)

	f := func(want string, fails bool, args ...string) {
		t.Helper()
		got, err := runTools(t, args...)
		if (err != nil) != fails {
			t.Errorf("%q: got error %v", args, err)
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want it to say %q", args, got, want)
		}
	}
	f("echo           Returns the message as text.", false, "ls", web)
	f(`"name": "add"`, false, "ls", line, "--format", "json")
	f("hello\n", false, "call", "echo", "--arg", "message=hello", web)
	f("42\n", false, "call", "echo", "--arg", "message=42", line, "--era", "legacy")
	f(`{"sum":5}`, false, "call", "add", "--json", `{"a":2,"b":3}`, web)
	f(`"structuredContent":{"sum":5}`, false, "call", "add", "--arg", "a=2", "--arg", "b=3", web,
		"--format", "json")
	f("echo           Returns", false, "ls", socket)
	f("hello\n", false, "call", "echo", socket, "--arg", "message=hello", "--era", "legacy")
	f("echo           Returns", false, "ls", "--url", socket)
	f("echo           Returns", false, "ls", events)
	f(`{"sum":5}`, false, "call", "add", "sse"+events[4:], "--json", `{"a":2,"b":3}`)
	f("one of them", true, "ls", socket, line)
	f("one of them", true, "call", "echo", socket, web)
	f("cannot connect to gopher://x", true, "ls", "gopher://x")
	f("breaks type", true, "call", "add", "--arg", "a=x", "--arg", "b=3", web)
	f("unknown tool", true, "call", "none", web)
	f("say name=value", true, "call", "echo", "--arg", "message", web)
	f("no JSON object", true, "call", "echo", "--json", "[1]", web)
	f("no JSON object", true, "call", "echo", "--json", "null", web)
	f("is missing", true, "call", "echo", web) // no arguments are {}
	f("is missing", true, "call", "echo", "--json", "{}", line, "--era", "legacy")
	f("cannot use era", true, "ls", "--era", "stone", web)
	f("cannot print format", true, "ls", "--format", "xml", web)
	f("goes behind --", true, "ls", "a", web)
	f("no command behind --", true, "ls", web, "--")
	f("none of the others can be", true, "ls", web, line)
}
