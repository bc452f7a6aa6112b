package history

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// What stands behind the gateway is this test binary once more: a real server, in a process of its
// own, that can be killed at any time. It writes down whatever it runs before it answers.

// behindVariable names the file that the process writes to, nameVariable is what it is called.
const (
	behindVariable = "MCPLOOP_HISTORY_BEHIND"
	nameVariable   = "MCPLOOP_HISTORY_NAME"
)

// TestMain lets the test binary be a server behind the gateway.
func TestMain(m *testing.M) {
	if file := os.Getenv(behindVariable); file != "" {
		if err := serveBehind(os.Getenv(nameVariable), file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// bornFile has a line for each process that has begun.
func bornFile(record string) string { return record + ".born" }

// behind is such a server.
type behind struct {
	name    string
	record  *os.File // each line is written at once, so that nothing of it is lost with us
	changed func(uri string)
}

// note writes a line. Several processes append to the same file.
func (b *behind) note(what string, args ...any) {
	line := fmt.Sprintf(what+"\n", args...)
	if _, err := b.record.WriteString(line); err != nil {
		panic(err)
	}
}

// serveBehind serves the doors that the command line names, or standard input and output.
func serveBehind(name, record string) error {
	signal.Ignore(syscall.SIGPIPE)
	file, err := os.OpenFile(record, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	opt := server.Options{
		Name: name, Limits: server.Limits{ProgressInterval: -1},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), DrainTimeout: time.Second,
	}
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	add := func(list *[]string) func(string) error {
		return func(v string) error { *list = append(*list, v); return nil }
	}
	flags.Func("http", "address", add(&opt.HTTP))
	flags.Func("tcp", "address", add(&opt.TCP))
	flags.Func("unix", "path", add(&opt.Unix))
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	opt.Stdio = flags.NFlag() == 0
	s, err := server.New(opt)
	if err != nil {
		return err
	}
	b := &behind{name: name, record: file, changed: s.ResourceUpdated}
	if err := b.offer(s); err != nil {
		return err
	}
	born, err := os.OpenFile(bornFile(record), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	fmt.Fprintf(born, "%s %d\n", name, os.Getpid())
	born.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return s.Serve(ctx)
}

// behindInput are the arguments of every tool. Value tells one call from all others of a run.
type behindInput struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	N     int    `json:"n,omitempty"`
}

type behindOutput struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Notes int    `json:"notes"`
}

type behindTool = func(context.Context, *mcp.Request, behindInput) (behindOutput, error)

func (b *behind) offer(s *server.Server) error {
	again := &mcp.ToolAnnotations{ReadOnlyHint: true}
	for name, run := range map[string]behindTool{
		Append: b.append, Look: b.look, Emit: b.emit, Wait: b.wait, Ask: b.ask,
	} {
		tool := mcp.Tool{Name: name}
		if name == Look {
			tool.Annotations = again
		}
		server.AddTool(s, tool, run)
	}
	return s.AddResourceTemplate(mcp.ResourceTemplate{
		URITemplate: behindURI(b.name, "{key}"), Name: b.name,
	}, func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{
			{URI: req.Params.URI, Text: "changed"},
		}}, nil
	})
}

// behindURI is what changes with each append of the client key.
func behindURI(name, key string) string { return "history://" + name + "/" + key }

// ran writes down that a tool runs for in, before anything else comes of it.
func (b *behind) ran(tool string, in *behindInput) behindOutput {
	b.note("ran %s %s %s %s", b.name, tool, in.Key, in.Value)
	return behindOutput{Key: in.Key, Value: in.Value}
}

func (b *behind) append(_ context.Context, _ *mcp.Request, in behindInput) (behindOutput, error) {
	out := b.ran(Append, &in)
	b.changed(behindURI(b.name, in.Key))
	return out, nil
}

func (b *behind) look(_ context.Context, _ *mcp.Request, in behindInput) (behindOutput, error) {
	return b.ran(Look, &in), nil
}

func (b *behind) emit(
	ctx context.Context, req *mcp.Request, in behindInput,
) (behindOutput, error) {
	out := b.ran(Emit, &in)
	for out.Notes < in.N {
		out.Notes++
		p := mcp.ProgressNotificationParams{Progress: float64(out.Notes)}
		if err := req.NotifyProgress(ctx, p); err != nil {
			return out, err
		}
	}
	return out, nil
}

// wait answers when it is cancelled, which nobody hears, or when in.N milliseconds are over.
func (b *behind) wait(
	ctx context.Context, req *mcp.Request, in behindInput,
) (behindOutput, error) {
	out := b.ran(Wait, &in)
	if err := req.NotifyProgress(ctx, mcp.ProgressNotificationParams{Progress: 1}); err != nil {
		return out, err
	}
	select {
	case <-ctx.Done():
		b.note("stopped %s %s %s %s", b.name, Wait, in.Key, in.Value)
	case <-time.After(time.Duration(in.N) * time.Millisecond):
	}
	return out, nil
}

// ask has run when it has its answer, which must be for it.
func (b *behind) ask(_ context.Context, req *mcp.Request, in behindInput) (behindOutput, error) {
	var said mcp.CreateMessageResult
	err := req.Input("value", &said)
	if errors.Is(err, mcp.ErrNoInput) {
		question := &mcp.TextContent{Text: "value=" + in.Value}
		return behindOutput{}, &mcp.InputRequired{Requests: mcp.InputRequests{
			"value": &mcp.CreateMessageParams{
				MaxTokens: 10,
				Messages:  []*mcp.SamplingMessage{{Role: "user", Content: question}},
			},
		}}
	}
	if err != nil {
		return behindOutput{}, err
	}
	out := b.ran(Ask, &in)
	if text, ok := said.Content[0].(*mcp.TextContent); !ok || text.Text != in.Value {
		out.Value = fmt.Sprintf("the answer of another question: %+v", said.Content)
	}
	return out, nil
}
