package openapi

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
	"github.com/mcploop/mcploop/server/gateway/rest"
)

// Options say where a document is, and what of it is offered.
type Options struct {
	rest.APIOptions
	rest.Trim
	Document string // a path, or a URL
	BaseURL  string // where requests go; "" is the document's first server
	// Credentials are secrets by the names that the document's security schemes have: a token, a
	// key, or USER:PASSWORD. An operation gets those that it wants.
	Credentials map[string]string

	// What is offered is what all of those select that are not empty.
	Operations []string // patterns (path.Match) of operation ids
	Tags       []string
	Methods    []string // in capitals
	Paths      []string // patterns (path.Match) of paths

	NoOutput bool // no output schemas, for an API that does not keep to them

	DocumentBytesMax int // default 4 MiB
	OperationsMax    int // tools; further operations are left out; default 512

	Log *slog.Logger // default slog.Default
}

// Provider has the operations of one document.
type Provider struct {
	opt  Options
	api  *rest.API
	base *url.URL // base_url; nil for the document's own
	last atomic.Pointer[edition]
}

// edition is what one document says. It is immutable.
type edition struct {
	sum        [sha256.Size]byte // of the document
	list       gateway.Listing
	operations map[string]*operation
}

// New makes a Provider; the document is read by the first List. The error tells every fault of the
// options.
func New(opt Options) (*Provider, error) {
	setDefault(&opt.DocumentBytesMax, 4<<20)
	setDefault(&opt.OperationsMax, 512)
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	api, err := rest.NewAPI(opt.APIOptions)
	faults := []error{err, opt.Validate()}
	p := &Provider{opt: opt, api: api}
	if opt.BaseURL != "" {
		if p.base, err = rest.ParseBase(opt.BaseURL); err != nil {
			faults = append(faults, err)
		} else if p.base.RawQuery != "" {
			faults = append(faults, errors.New("cannot use a base_url with a query; move it "+
				"into query"))
		}
	}
	if opt.Document == "" {
		faults = append(faults, errors.New("cannot offer the operations of no document; write "+
			"document, a file or a URL"))
	}
	for _, pattern := range slices.Concat(opt.Operations, opt.Paths) {
		if _, err := path.Match(pattern, ""); err != nil {
			faults = append(faults, fmt.Errorf("cannot use the pattern %q; close its brackets",
				pattern))
		}
	}
	return p, errors.Join(faults...)
}

func setDefault(field *int, value int) {
	if *field == 0 {
		*field = value
	}
}

// List tells the operations of the document as it is now. One that cannot be used leaves what an
// earlier one has told.
func (p *Provider) List(ctx context.Context) (gateway.Listing, error) {
	if err := p.api.Open(); err != nil {
		return gateway.Listing{}, err
	}
	next, err := p.read(ctx)
	last := p.last.Load()
	switch {
	case err != nil && last == nil:
		return gateway.Listing{}, err
	case err != nil:
		p.opt.Log.Warn("the OpenAPI document stays as it was", "document", p.place(),
			"reason", err)
		return last.list, nil
	}
	p.last.Store(next)
	return next.list, nil
}

// place is the document without what may be a secret in its query.
func (p *Provider) place() string {
	text, _, _ := strings.Cut(p.opt.Document, "?")
	return text
}

// read reads the document, unless it is the one that is known.
func (p *Provider) read(ctx context.Context) (*edition, error) {
	data, err := p.fetch(ctx)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	if last := p.last.Load(); last != nil && last.sum == sum {
		return last, nil
	}
	doc, err := parse(ctx, data)
	if err != nil {
		return nil, err
	}
	base, err := p.baseOf(doc)
	if err != nil {
		return nil, err
	}
	next := &edition{sum: sum, operations: map[string]*operation{}}
	for _, o := range p.selected(doc) {
		if len(next.operations) == p.opt.OperationsMax {
			p.opt.Log.Warn("operations are left out", "document", p.place(),
				"reason", fmt.Sprintf("there are more than %d; select some, or raise "+
					"operations_max", p.opt.OperationsMax))
			break
		}
		o.base = base
		if err := o.compile(doc, &p.opt, next.nameFor(o)); err != nil {
			p.opt.Log.Warn("an operation is left out", "document", p.place(),
				"operation", o.method+" "+o.path, "reason", err)
			continue
		}
		next.operations[o.Name] = o
		next.list.Tools = append(next.list.Tools, gateway.Raw{Name: o.Name, Raw: o.Raw})
	}
	if len(next.operations) == 0 {
		return nil, errors.New("the document has no operation that can be offered; look at " +
			"operations, tags, methods and paths")
	}
	return next, nil
}

// Changed never has anything: the document is read again at each refresh.
func (p *Provider) Changed() <-chan struct{} { return nil }

// Call asks the API.
func (p *Provider) Call(ctx context.Context, call gateway.ProviderCall) ([]byte, error) {
	var o *operation
	if e := p.last.Load(); e != nil && call.Kind == mcp.KindTool {
		o = e.operations[call.Own]
	}
	if o == nil {
		return nil, fmt.Errorf("there is no operation %q", call.Own)
	}
	a, err := o.Arguments(call.Arguments)
	if err != nil {
		return o.Refuse(err, call.Req.Version)
	}
	r, err := o.request(a)
	if err != nil {
		return o.Refuse(err, call.Req.Version)
	}
	r.Own = call.Headers
	return p.api.Call(ctx, o.Tool, r, p.opt.Trim)
}

// Equal tells whether other was made of the same options.
func (p *Provider) Equal(other gateway.Provider) bool {
	o, ok := other.(*Provider)
	if !ok {
		return false
	}
	mine, its := p.opt, o.opt
	mine.Log, its.Log = nil, nil
	return reflect.DeepEqual(mine, its)
}

// BearsHeaders tells that requests have the headers of their clients' own credentials.
func (p *Provider) BearsHeaders() {}

// Close ends the connections.
func (p *Provider) Close() error {
	p.api.Close()
	return nil
}
