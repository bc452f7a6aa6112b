package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"reflect"
	"strings"
	"sync"
	"syscall"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// Options say what files are offered, and what they may cost.
type Options struct {
	Name string // of the template, as clients see it
	Root string // the directory
	URI  string // what URIs begin with, ending in a slash, such as file:///docs/

	Include []string // patterns (path.Match) of paths, of names if without a slash; none: all
	Exclude []string // those that are not offered, whatever Include says
	Hidden  bool     // what begins with a dot, too

	ListMax      int  // resources in the list, default 1,000; other files can be read all the same
	FileBytesMax int  // of one file, default 1 MiB; a longer one is refused
	Watch        bool // tell of changes
	WatchMax     int  // directories that are watched, default 1,024

	Log *slog.Logger // default slog.Default
}

// Provider has the files.
type Provider struct {
	opt     Options
	changed chan struct{}
	opened  chan struct{} // has an element when the root is another directory
	stop    chan struct{}
	all     sync.WaitGroup

	mu   sync.Mutex // guards root
	root *os.Root   // nil before the first List, and after Close
}

// New makes a Provider. The error tells every fault of the options.
func New(opt Options) (*Provider, error) {
	setDefault(&opt.ListMax, 1000)
	setDefault(&opt.FileBytesMax, 1<<20)
	setDefault(&opt.WatchMax, 1024)
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	var faults []error
	for _, pattern := range append(append([]string(nil), opt.Include...), opt.Exclude...) {
		if _, err := path.Match(pattern, ""); err != nil {
			faults = append(faults, fmt.Errorf("cannot use the pattern %q; close its brackets",
				pattern))
		}
	}
	if _, err := mcp.CompileTemplate(opt.URI + "{+path}"); err != nil ||
		!strings.HasSuffix(opt.URI, "/") || !strings.Contains(opt.URI, ":") {
		faults = append(faults, fmt.Errorf("cannot use the uri %q; write what URIs begin with, "+
			"such as file:///docs/, with a slash at its end", opt.URI))
	}
	if opt.Root == "" {
		faults = append(faults, errors.New("cannot offer the files of no directory; write root"))
	}
	return &Provider{
		opt: opt, changed: make(chan struct{}, 1), opened: make(chan struct{}, 1),
		stop: make(chan struct{}),
	}, errors.Join(faults...)
}

func setDefault(field *int, value int) {
	if *field == 0 {
		*field = value
	}
}

// open returns the root, opened again when the directory is another one now.
func (p *Provider) open() (*os.Root, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.root != nil && same(p.root, p.opt.Root) {
		return p.root, nil
	}
	root, err := os.OpenRoot(p.opt.Root)
	if err != nil {
		return nil, fmt.Errorf("cannot open the root %q: %w", p.opt.Root, cause(err))
	}
	if p.root != nil {
		_ = p.root.Close() // reads under way have files of their own
	}
	p.root = root
	poke(p.opened)
	return root, nil
}

// poke puts an element into a channel that has room for one.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // there is one
	}
}

// same tells whether the open root is still what its path leads to.
func same(root *os.Root, path string) bool {
	now, err := os.Stat(path)
	if err != nil {
		return false
	}
	then, err := root.Stat(".")
	return err == nil && os.SameFile(now, then)
}

// cause takes the path out of an error.
func cause(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// List tells the files, up to ListMax, and the template by which all can be read.
func (p *Provider) List(ctx context.Context) (gateway.Listing, error) {
	root, err := p.open()
	if err != nil {
		return gateway.Listing{}, err
	}
	template := mcp.ResourceTemplate{
		URITemplate: p.opt.URI + "{+path}", Name: p.opt.Name, Description: "a file by its path",
	}
	raw, err := json.Marshal(&template)
	if err != nil {
		return gateway.Listing{}, fmt.Errorf("cannot encode the template: %w", err)
	}
	list := gateway.Listing{
		Templates: []gateway.Raw{{Name: template.URITemplate, Raw: raw}},
	}
	seen := 0
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		seen++
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case name == "." && err != nil:
			return cause(err)
		case len(list.Resources) == p.opt.ListMax || seen > walkMax:
			return fs.SkipAll
		case err != nil || name == ".":
			return nil // it went, or is not ours to read
		case d.IsDir() && !p.opt.Hidden && hidden(name):
			return fs.SkipDir
		case d.IsDir() || !validName(name) || !p.shown(name) || !regular(root, name, d):
			return nil
		}
		raw, err := json.Marshal(&mcp.Resource{
			URI: p.uriOf(name), Name: name, MIMEType: typeByName(name),
		})
		list.Resources = append(list.Resources, gateway.Raw{Name: p.uriOf(name), Raw: raw})
		return err
	})
	if err != nil {
		return gateway.Listing{}, fmt.Errorf("cannot list the root: %w", err)
	}
	return list, nil
}

// walkMax bounds what is looked at for one list, offered or not.
const walkMax = 100_000

// validName: it can be a URI, which is UTF-8.
func validName(name string) bool {
	for segment := range strings.SplitSeq(name, "/") {
		if !validSegment(segment) {
			return false
		}
	}
	return true
}

// regular tells whether it is a file, or a link to one below the root.
func regular(root *os.Root, name string, d fs.DirEntry) bool {
	if d.Type()&fs.ModeSymlink == 0 {
		return d.Type().IsRegular()
	}
	info, err := root.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// Changed has an element when the list may have changed.
func (p *Provider) Changed() <-chan struct{} { return p.changed }

// Call reads a file.
func (p *Provider) Call(_ context.Context, call gateway.ProviderCall) ([]byte, error) {
	name, err := p.nameOf(call.URI)
	if err != nil {
		return nil, mcp.ResourceNotFound(call.URI)
	}
	data, err := p.read(name)
	switch {
	case errors.Is(err, errTooLong):
		return nil, codec.ErrInvalidParams.With("%.200q has more than %d bytes, which are not read",
			call.URI, p.opt.FileBytesMax)
	case errors.Is(err, client.ErrUnreachable):
		return nil, err
	case err != nil: // it does not say why: a link that leads out is no different from nothing
		return nil, mcp.ResourceNotFound(call.URI)
	}
	contents := &mcp.ResourceContents{URI: call.URI, MIMEType: typeOf(name, data)}
	if isText(data) {
		contents.Text = string(data)
	} else {
		contents.Blob = data
	}
	return mcp.AppendReadResourceResult(nil, &mcp.ReadResourceResult{
		Contents: []*mcp.ResourceContents{contents},
	}, mcp.LatestModern)
}

var (
	errTooLong = errors.New("files: it has more bytes than are read")
	errNoFile  = errors.New("files: it is no regular file")
)

// read reads a regular file. It is looked at before it is opened, since opening a device may do
// something; opened so that a pipe without a writer holds nobody up; and judged by what was opened.
func (p *Provider) read(name string) ([]byte, error) {
	root, err := p.open()
	if err != nil {
		return nil, fmt.Errorf("%w: the directory cannot be opened", client.ErrUnreachable)
	}
	info, err := root.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, errNoFile)
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	if info, err = f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, errNoFile)
	}
	if info.Size() > int64(p.opt.FileBytesMax) {
		return nil, errTooLong
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(p.opt.FileBytesMax)+1))
	if err == nil && len(data) > p.opt.FileBytesMax { // it grew, or says nothing of its size
		err = errTooLong
	}
	return data, err
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

// Close ends the watches.
func (p *Provider) Close() error {
	close(p.stop)
	p.all.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.root == nil {
		return nil
	}
	return p.root.Close()
}
