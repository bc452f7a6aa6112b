package exec

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/client/process"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
	"github.com/mcploop/mcploop/server/gateway/declared"
)

// Options say what programs are run, and what a run may cost.
type Options struct {
	Tools []ToolOptions
	Dir   string   // working directory; "" is ours
	Env   []string // the whole environment, NAME=VALUE; of a name that comes twice the last counts

	Limits process.Limits  // of each program and all that it starts
	Keeper *process.Keeper // ends programs when we are killed; nil: each alone dies then

	ProcessesMax   int // that run at the same time, default 16; further calls wait
	OutputBytesMax int // of standard output; a program that writes more is ended; default 1 MiB
	ResultBytesMax int // of an answer made of it, default 256 KiB

	quiet *slog.Logger // each run would tell of its limits
}

// Provider has programs as tools.
type Provider struct {
	opt     Options
	tools   map[string]*tool
	list    gateway.Listing
	running chan struct{} // one element for each process
}

// New makes a Provider. The error tells every fault of the options.
func New(opt Options) (*Provider, error) {
	setDefault(&opt.ProcessesMax, 16)
	setDefault(&opt.OutputBytesMax, 1<<20)
	setDefault(&opt.ResultBytesMax, 256<<10)
	opt.quiet = slog.New(slog.DiscardHandler)
	p := &Provider{
		opt: opt, tools: map[string]*tool{}, running: make(chan struct{}, opt.ProcessesMax),
	}
	var faults []error
	for _, o := range opt.Tools {
		t, err := newTool(o)
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("tool %q: %w", o.Name, err))
			continue
		case p.tools[o.Name] != nil:
			faults = append(faults, fmt.Errorf("tool %q: it is there twice", o.Name))
		}
		p.tools[o.Name] = t
		p.list.Tools = append(p.list.Tools, gateway.Raw{Name: t.Name, Raw: t.Raw})
	}
	if len(opt.Tools) == 0 {
		faults = append(faults, errors.New("cannot offer nothing; write one of its tools"))
	}
	return p, errors.Join(faults...)
}

func setDefault(field *int, value int) {
	if *field == 0 {
		*field = value
	}
}

// List tells the tools, if their programs are there.
func (p *Provider) List(context.Context) (gateway.Listing, error) {
	var faults []error
	for name, t := range p.tools {
		if _, err := find(t.argv.elements[0].literal, &p.opt); err != nil {
			faults = append(faults, fmt.Errorf("tool %q: %w", name, err))
		}
	}
	return p.list, errors.Join(faults...)
}

// Changed never has anything: tools change with the configuration.
func (p *Provider) Changed() <-chan struct{} { return nil }

// Call runs a program to its end.
func (p *Provider) Call(ctx context.Context, call gateway.ProviderCall) ([]byte, error) {
	t := p.tools[call.Own]
	if call.Kind != mcp.KindTool || t == nil {
		return nil, fmt.Errorf("there is no tool %q", call.Own)
	}
	a, err := t.Arguments(call.Arguments)
	if err != nil {
		return t.Refuse(err, call.Req.Version)
	}
	r, err := t.prepare(a)
	if err != nil {
		return t.Refuse(err, call.Req.Version)
	}
	select {
	case p.running <- struct{}{}:
		defer func() { <-p.running }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	out, err := start(ctx, &p.opt, r)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, declared.Failure(err.Error(), nil, client.ErrUnreachable)
	}
	return t.answer(&p.opt, &out), nil
}

// Equal tells whether other was made of the same options.
func (p *Provider) Equal(other gateway.Provider) bool {
	o, ok := other.(*Provider)
	if !ok {
		return false
	}
	mine, its := p.opt, o.opt
	mine.Keeper, its.Keeper = nil, nil
	return reflect.DeepEqual(mine, its)
}

// Close does nothing: processes end with their calls.
func (p *Provider) Close() error { return nil }
