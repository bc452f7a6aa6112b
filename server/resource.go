package server

import (
	"context"
	"fmt"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// ResourceHandler answers resources/read. A resource that does not exist is the error
// mcp.ResourceNotFound; any other *mcp.Error is sent as it is, any other error as -32603.
type ResourceHandler func(
	ctx context.Context, req *mcp.ReadResourceRequest,
) (*mcp.ReadResourceResult, error)

// resource is what the catalogues keep of a resource or of a template.
type resource struct {
	work
	template *mcp.Template // nil for a resource
	foreign  foreign
}

// uriBytesMax bounds the URI of resources/read: it is matched against every template.
const uriBytesMax = 8 << 10

// AddResource offers a resource. One with the same URI is replaced. h runs on a worker unless mode
// is Inline, see Mode. Safe for concurrent use; clients that listen are told.
func (s *Server) AddResource(r mcp.Resource, h ResourceHandler, mode ...Mode) error {
	entry := &resource{}
	entry.work = s.readWork(r.Name, nil, h, modeOf(mode))
	if err := s.resources.Add(&r, entry); err != nil {
		return err
	}
	s.offers(abilities{resources: true, subscribe: true})
	s.listChanged(listResources)
	return nil
}

// AddResourceTemplate offers every resource whose URI is of r.URITemplate; the handler gets the
// values of its variables. Resources come before templates, templates in the order of their text.
func (s *Server) AddResourceTemplate(
	r mcp.ResourceTemplate, h ResourceHandler, mode ...Mode,
) error {
	template, err := mcp.CompileTemplate(r.URITemplate)
	if err != nil {
		return err
	}
	entry := &resource{template: template}
	entry.work = s.readWork(r.Name, template, h, modeOf(mode))
	if err := s.templates.Add(&r, entry); err != nil {
		return err
	}
	s.offers(abilities{resources: true, subscribe: true})
	s.listChanged(listResources)
	return nil
}

// RemoveResource takes a resource out; false when there is none of that URI.
func (s *Server) RemoveResource(uri string) bool {
	if !s.resources.Remove(uri) {
		return false
	}
	s.listChanged(listResources)
	return true
}

// RemoveResourceTemplate takes a template out; false when there is none of that text.
func (s *Server) RemoveResourceTemplate(uriTemplate string) bool {
	if !s.templates.Remove(uriTemplate) {
		return false
	}
	s.listChanged(listResources)
	return true
}

// readWork turns a handler of resources into what a call runs.
func (s *Server) readWork(name string, t *mcp.Template, h ResourceHandler, mode Mode) work {
	run := func(ctx context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
		read := &mcp.ReadResourceRequest{
			Request: req, Params: mcp.ReadResourceParams{URI: req.Params.Name},
		}
		if t != nil {
			if read.Params.Variables = t.Match(req.Params.Name); read.Params.Variables == nil {
				return dst, mcp.ResourceNotFound(req.Params.Name)
			}
		}
		result, err := h(ctx, read)
		if err != nil {
			return dst, err
		}
		return mcp.AppendReadResourceResult(dst, result, req.Version)
	}
	return s.newWork("mcploop_resource_duration_seconds", "resource", name, run, mode)
}

// newWork makes the work of a handler; off the loop it is timed.
func (s *Server) newWork(metric, label, name string, run RawHandler, mode Mode) work {
	w := work{mode: mode, run: run}
	if mode != Inline {
		w.duration = s.set.GetOrCreatePrometheusHistogramExt(
			fmt.Sprintf("%s{%s=%q}", metric, label, name), durationBounds)
	}
	return w
}

// readResource is resources/read.
func (s *Server) readResource(in *inbound, out []byte) []byte {
	uri, fault := s.uriParam(in)
	if fault != nil {
		return in.fail(out, inBand(fault), nil)
	}
	if fault := in.env.CheckToken(); fault != nil {
		return in.fail(out, inBand(fault), nil)
	}
	r := in.view.findResource(uri)
	if r == nil {
		fault, data := mcp.WireError(mcp.ResourceNotFound(string(uri)), in.version)
		return in.fail(out, fault, data)
	}
	name := string(uri)
	if fault := s.takeInput(in, name, nil); fault != nil {
		return in.fail(out, inBand(fault), nil)
	}
	return s.call(in, &r.work, name, nil, out)
}

// uriParam is the URI of a request about one resource.
func (s *Server) uriParam(in *inbound) ([]byte, *codec.Error) {
	uri, ok := codec.StringContent(in.msg.Param("uri"))
	switch {
	case !ok || len(uri) == 0:
		return nil, codec.ErrInvalidParams.With("uri must be a string")
	case len(uri) > uriBytesMax:
		return nil, codec.ErrInvalidParams.With("uri has %d bytes; %d is the limit",
			len(uri), uriBytesMax)
	}
	return uri, nil
}

// findResource returns what serves a URI: the resource, else the first template that matches, else
// the upstream that may have it without listing it, else nil.
func (v *view) findResource(uri []byte) *resource {
	if e := v.resources.Lookup(uri); e != nil {
		return e.Handler
	}
	var found *resource
	v.templates.Each(func(e *mcp.Entry[*resource]) bool {
		if e.Handler.template.Matches(uri) {
			found = e.Handler
		}
		return found == nil
	})
	if found == nil {
		return v.unlisted(uri)
	}
	return found
}
