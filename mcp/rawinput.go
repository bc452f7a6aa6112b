package mcp

import (
	"encoding/json"

	"github.com/mcploop/mcploop/codec"
)

// RawInput is an InputRequest as another server wrote it: a gateway hands it on. Its bytes pass as
// they are wherever the client's revision reads them as the server's does; where it does not, it
// becomes what a handler's own request would be, less the members that this package does not know.
type RawInput struct {
	Method string          // elicitation/create, sampling/createMessage or roots/list
	Params json.RawMessage // an object; nil: {}
}

// Known tells whether a client of any revision could answer it.
func (r *RawInput) Known() bool {
	return r.Method == RequestElicit || r.Method == RequestCreateMessage ||
		r.Method == RequestListRoots
}

// InputMethod implements InputRequest.
func (r *RawInput) InputMethod() string { return r.Method }

// read decodes the params; nil when they are none of ours.
func (r *RawInput) read() InputRequest {
	var into InputRequest
	switch r.Method {
	case RequestElicit:
		into = &ElicitParams{}
	case RequestCreateMessage:
		into = &CreateMessageParams{}
	default:
		return &ListRootsParams{}
	}
	if json.Unmarshal(r.Params, into) != nil {
		return nil
	}
	return into
}

func (r *RawInput) needs() (string, Version) {
	if known := r.read(); known != nil {
		return known.needs()
	}
	if r.Method == RequestElicit {
		return "elicitation.form", V20250618
	}
	return "sampling", V20241105
}

func (r *RawInput) at(v Version) any {
	if len(r.Params) == 0 {
		return json.RawMessage(`{}`)
	}
	if r.fits(v) {
		return r.Params
	}
	if known := r.read(); known != nil {
		return known.at(v)
	}
	return r.Params
}

// fits tells whether revision v reads the params as any later one does. Elicitation by URL has an
// id in 2025-11-25 alone.
func (r *RawInput) fits(v Version) bool {
	if r.Method == RequestListRoots {
		return true
	}
	if r.Method == RequestElicit && codec.Find(r.Params, "url") != nil {
		hasID := codec.Find(r.Params, "elicitationId") != nil
		return v >= V20251125 && hasID != v.Modern()
	}
	return v >= V20251125
}
