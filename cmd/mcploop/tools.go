package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/spf13/cobra"
)

const toolsURLDefault = "http://127.0.0.1:9999/mcp"

// toolsFlags say which server to ask, and how to print what it says.
type toolsFlags struct {
	url     string
	tcp     string
	unix    string
	era     string
	headers []string
	timeout time.Duration
	format  string
	tls     client.TLS
}

func newToolsCommand() *cobra.Command {
	var f toolsFlags
	cmd := &cobra.Command{
		Use:   "tools",
		Short: "List and call the tools of a server, over any transport, in both eras",
		Example: "  mcploop tools ls\n" +
			"  mcploop tools call echo --arg message=hello\n" +
			"  mcploop tools ls ws://127.0.0.1:9999/mcp\n" +
			"  mcploop tools ls https://mcp.inside.example/mcp --ca-file inside.pem\n" +
			"  mcploop tools ls -- npx -y @modelcontextprotocol/server-everything",
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&f.url, "url", toolsURLDefault,
		"address of the server: http, ws, sse (HTTP+SSE of 2024-11-05), tcp, unix; https, wss, "+
			"sses, tls")
	flags.StringVar(&f.tcp, "tcp", "", "TCP address of the server, host:port, in place of --url")
	flags.StringVar(&f.unix, "unix", "", "path of the server's unix socket, in place of --url")
	flags.StringVar(&f.era, "era", "auto", "auto, modern (2026-07-28) or legacy (initialize)")
	flags.StringArrayVar(&f.headers, "header", nil, `HTTP header "Name: value" (repeatable)`)
	flags.DurationVar(&f.timeout, "timeout", 30*time.Second, "longest wait for everything")
	flags.StringVar(&f.format, "format", "text", "text or json")
	tlsFlags(cmd, &f.tls)
	cmd.MarkFlagsMutuallyExclusive("url", "tcp", "unix")
	cmd.AddCommand(newToolsListCommand(&f), newToolsCallCommand(&f))
	return cmd
}

func newToolsListCommand(f *toolsFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "ls [URL] [-- COMMAND ARGS...]",
		Short: "List the tools of a server",
		Example: "  mcploop tools ls\n" +
			"  mcploop tools ls --tcp 127.0.0.1:9000 --format json\n" +
			"  mcploop tools ls -- ./my-server --stdio",
		Args: func(cmd *cobra.Command, args []string) error { return checkToolsArgs(cmd, args, 0) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd, args, func(ctx context.Context, c *client.Client) error {
				tools, err := c.ListTools(ctx)
				if err != nil {
					return err
				}
				return printTools(cmd.OutOrStdout(), tools, f.format)
			})
		},
	}
}

func newToolsCallCommand(f *toolsFlags) *cobra.Command {
	var args []string
	var object string
	cmd := &cobra.Command{
		Use:   "call NAME [URL] [-- COMMAND ARGS...]",
		Short: "Call a tool; exit status 1 when it fails",
		Long: "Call a tool and print its answer; exit status 1 when the tool says isError.\n" +
			"The value of --arg is JSON where it can be read as such, else text; an argument\n" +
			"whose schema says string is always text.",
		Example: "  mcploop tools call add --arg a=2 --arg b=3\n" +
			"  mcploop tools call echo --json '{\"message\":\"hello\"}' --format json\n" +
			"  mcploop tools call echo --arg message=hi --unix /run/mcploop.sock --era legacy\n" +
			"  mcploop tools call search --arg query=go -- npx -y some-mcp-server",
		Args: func(cmd *cobra.Command, args []string) error { return checkToolsArgs(cmd, args, 1) },
		RunE: func(cmd *cobra.Command, words []string) error {
			return f.with(cmd, words, func(ctx context.Context, c *client.Client) error {
				arguments, err := toolArguments(ctx, c, words[0], object, args)
				if err != nil {
					return err
				}
				return callTool(ctx, cmd, c, words[0], arguments, f.format)
			})
		},
	}
	cmd.Flags().StringArrayVar(&args, "arg", nil, "argument name=value (repeatable)")
	cmd.Flags().StringVar(&object, "json", "", "all arguments as a JSON object")
	cmd.MarkFlagsMutuallyExclusive("arg", "json")
	return cmd
}

// checkToolsArgs wants so many words before the --, and a URL unless something else names the
// server, and a command behind it if there is one.
func checkToolsArgs(cmd *cobra.Command, args []string, words int) error {
	before := cmd.ArgsLenAtDash()
	if before < 0 && len(args) == words+1 && isURL(args[words]) {
		for _, flag := range []string{"url", "tcp", "unix"} {
			if cmd.Flags().Changed(flag) {
				return fmt.Errorf("cannot use %q and --%s: one of them", args[words], flag)
			}
		}
		return nil
	}
	switch {
	case before < 0 && len(args) == words, before == words && len(args) > words:
		return nil
	case before == words:
		return errors.New("cannot start a server: no command behind --")
	}
	return fmt.Errorf("cannot use %q: want %q; a server's command goes behind --", args, cmd.Use)
}

func isURL(word string) bool { return strings.Contains(word, "://") }

// with connects to the server that flags and args name, and does what is to be done.
func (f *toolsFlags) with(
	cmd *cobra.Command, args []string, do func(context.Context, *client.Client) error,
) error {
	opt, err := f.options(cmd, args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
	defer cancel()
	c, err := client.Connect(ctx, opt)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	return do(ctx, c)
}

func (f *toolsFlags) options(cmd *cobra.Command, args []string) (client.Options, error) {
	era, err := client.ParseEra(f.era)
	if err != nil {
		return client.Options{}, err
	}
	if f.format != "text" && f.format != "json" {
		return client.Options{}, fmt.Errorf("cannot print format %q; say text or json", f.format)
	}
	opt := client.Options{
		URL: f.url, TLS: f.tls, Era: era, Stderr: cmd.ErrOrStderr(), Headers: map[string]string{},
		ClientInfo: mcp.Implementation{Name: "mcploop", Version: version},
	}
	last := len(args) - 1
	switch before := cmd.ArgsLenAtDash(); {
	case before < 0 && last >= 0 && isURL(args[last]):
		opt.URL = args[last]
	case before >= 0:
		// The user starts it, as from a shell, so it gets the user's environment.
		opt.URL, opt.Command, opt.Env = "", args[before:], os.Environ()
	case f.tcp != "":
		opt.URL = "tcp://" + f.tcp
	case f.unix != "":
		opt.URL = "unix://" + f.unix
	}
	for _, header := range f.headers {
		name, value, ok := strings.Cut(header, ":")
		if !ok {
			return opt, fmt.Errorf(`cannot use header %q; say "Name: value"`, header)
		}
		opt.Headers[name] = strings.TrimSpace(value)
	}
	return opt, nil
}

// toolArguments makes the arguments object of --json or --arg.
func toolArguments(
	ctx context.Context, c *client.Client, tool, object string, args []string,
) (any, error) {
	if object != "" {
		raw := json.RawMessage(object)
		if !json.Valid(raw) || !strings.HasPrefix(strings.TrimSpace(object), "{") {
			return nil, fmt.Errorf("cannot use --json %q: it is no JSON object", object)
		}
		return raw, nil
	}
	arguments := map[string]any{}
	doubtful := false
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("cannot use --arg %q; say name=value", arg)
		}
		arguments[name] = value
		if json.Valid([]byte(value)) {
			arguments[name], doubtful = json.RawMessage(value), true
		}
	}
	if !doubtful {
		return arguments, nil
	}
	return arguments, keepStrings(ctx, c, tool, arguments)
}

// keepStrings makes text of the values that look like JSON where the tool wants a string.
func keepStrings(
	ctx context.Context, c *client.Client, tool string, arguments map[string]any,
) error {
	tools, err := c.ListTools(ctx)
	if err != nil {
		return err
	}
	var schema struct {
		Properties map[string]struct {
			Type any `json:"type"`
		} `json:"properties"`
	}
	for i := range tools {
		if tools[i].Name == tool {
			_ = json.Unmarshal(tools[i].InputSchema, &schema) // without one, JSON stays JSON
		}
	}
	for name, value := range arguments {
		raw, looksJSON := value.(json.RawMessage)
		if looksJSON && schema.Properties[name].Type == "string" {
			arguments[name] = string(raw)
		}
	}
	return nil
}

func callTool(
	ctx context.Context, cmd *cobra.Command, c *client.Client, tool string, arguments any,
	format string,
) error {
	progress := client.OnProgress(func(p mcp.ProgressNotificationParams) {
		fmt.Fprintf(cmd.ErrOrStderr(), "progress %v/%v %s\n", p.Progress, p.Total, p.Message)
	})
	params := &mcp.CallToolParams{Name: tool, Arguments: arguments}
	raw, err := c.CallToolRaw(ctx, params, progress)
	if err != nil {
		return err
	}
	var result mcp.CallToolResult
	readErr := json.Unmarshal(raw, &result)
	if format == "json" || readErr != nil { // content of a kind that is not known here
		fmt.Fprintf(cmd.OutOrStdout(), "%s\n", raw)
	} else {
		printResult(cmd.OutOrStdout(), &result)
	}
	if result.IsError {
		return errSilent
	}
	return nil
}

func printTools(w io.Writer, tools []mcp.ListedTool, format string) error {
	if format == "json" {
		if tools == nil {
			tools = []mcp.ListedTool{} // [] and not null
		}
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(tools)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := range tools {
		first, _, _ := strings.Cut(tools[i].Description, "\n")
		fmt.Fprintf(table, "%s\t%s\n", tools[i].Name, first)
	}
	return table.Flush()
}

// printResult prints text as it is, and names the rest.
func printResult(w io.Writer, r *mcp.CallToolResult) {
	for _, block := range r.Content {
		switch b := block.(type) {
		case *mcp.TextContent:
			fmt.Fprintln(w, b.Text)
		case *mcp.ImageContent:
			fmt.Fprintf(w, "[image %s, %d bytes]\n", b.MIMEType, len(b.Data))
		case *mcp.AudioContent:
			fmt.Fprintf(w, "[audio %s, %d bytes]\n", b.MIMEType, len(b.Data))
		case *mcp.ResourceLink:
			fmt.Fprintf(w, "[resource %s]\n", b.URI)
		case *mcp.EmbeddedResource:
			printResource(w, b.Resource)
		}
	}
}

func printResource(w io.Writer, r *mcp.ResourceContents) {
	switch {
	case r == nil:
		fmt.Fprintln(w, "[empty resource]")
	case r.Blob != nil:
		fmt.Fprintf(w, "[resource %s, %d bytes]\n", r.URI, len(r.Blob))
	default:
		fmt.Fprintln(w, r.Text)
	}
}
