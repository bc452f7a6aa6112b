package rest

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// Options say what tools an API has.
type Options struct {
	APIOptions
	BaseURL string // before the URLs of tools that begin with /
	Tools   []ToolOptions
}

// Provider has the tools of one API.
type Provider struct {
	opt   Options
	api   *API
	tools map[string]*tool
	list  gateway.Listing
}

// New makes a Provider. The error tells every fault of the options.
func New(opt Options) (*Provider, error) {
	api, err := NewAPI(opt.APIOptions)
	faults := []error{err}
	if opt.BaseURL != "" {
		if base, err := ParseBase(opt.BaseURL); err != nil {
			faults = append(faults, err)
		} else if base.RawQuery != "" {
			faults = append(faults, fmt.Errorf("cannot use the base_url %q; move what stands "+
				"behind ? into query", opt.BaseURL))
		}
	}
	p := &Provider{opt: opt, api: api, tools: map[string]*tool{}}
	for _, o := range opt.Tools {
		t, err := newTool(opt.BaseURL, o)
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

// List tells the tools; the API is not asked for it.
func (p *Provider) List(context.Context) (gateway.Listing, error) { return p.list, p.api.Open() }

// Changed never has anything: tools change with the configuration.
func (p *Provider) Changed() <-chan struct{} { return nil }

// Call asks the API.
func (p *Provider) Call(ctx context.Context, call gateway.ProviderCall) ([]byte, error) {
	t := p.tools[call.Own]
	if call.Kind != mcp.KindTool || t == nil {
		return nil, fmt.Errorf("there is no tool %q", call.Own)
	}
	a, err := t.Arguments(call.Arguments)
	if err != nil {
		return t.Refuse(err, call.Req.Version)
	}
	r, err := t.request(a)
	if err != nil {
		return t.Refuse(err, call.Req.Version)
	}
	r.Own = call.Headers
	return p.api.call(ctx, t.Tool, r, &t.trim)
}

// Equal tells whether other was made of the same options.
func (p *Provider) Equal(other gateway.Provider) bool {
	o, ok := other.(*Provider)
	return ok && reflect.DeepEqual(p.opt, o.opt)
}

// BearsHeaders tells that requests have the headers of their clients' own credentials.
func (p *Provider) BearsHeaders() {}

// Close ends the connections.
func (p *Provider) Close() error {
	p.api.Close()
	return nil
}
