package server

import (
	"context"
	"encoding/json"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// makeCompletion makes what completion/complete runs for what is this server's own.
func (s *Server) makeCompletion() {
	h := s.opt.CompletionHandler
	if h == nil { // upstreams complete what is theirs
		h = func(context.Context, *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
			return &mcp.CompleteResult{}, nil
		}
	}
	run := func(ctx context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
		ask := &mcp.CompleteRequest{Request: req}
		if json.Unmarshal(req.Params.Arguments, &ask.Params) != nil {
			return dst, inBand(codec.ErrInvalidParams.With("params are not those of %s",
				mcp.MethodComplete))
		}
		if fault := s.checkReference(&ask.Params); fault != nil {
			return dst, inBand(fault)
		}
		result, err := h(ctx, ask)
		if err != nil {
			return dst, err
		}
		return mcp.AppendCompleteResult(dst, result)
	}
	s.completion = s.newWork("mcploop_completion_duration_seconds", "method",
		mcp.MethodComplete.String(), run, Blocking)
}

// complete is completion/complete. All of its params are the arguments of the handler.
func (s *Server) complete(in *inbound, out []byte) []byte {
	if !in.view.about.Load().completions {
		return in.fail(out, codec.ErrMethodNotFound, nil)
	}
	if in.msg.Params == nil {
		return in.fail(out, inBand(codec.ErrInvalidParams.With("ref is missing")), nil)
	}
	if item, w := in.view.foreignReference(in.msg.Param("ref")); w != nil {
		if fault := in.env.CheckToken(); fault != nil {
			return in.fail(out, inBand(fault), nil)
		}
		return s.call(in, w, item.Name, in.msg.Params, out)
	}
	return s.call(in, &s.completion, mcp.MethodComplete.String(), in.msg.Params, out)
}

// checkReference: what is completed must exist (all revisions, server/utilities/completion).
func (s *Server) checkReference(p *mcp.CompleteParams) *codec.Error {
	known := false
	switch p.Ref.Type {
	case "ref/prompt":
		known = s.prompts.Lookup([]byte(p.Ref.Name)) != nil
	case "ref/resource":
		known = s.templates.Lookup([]byte(p.Ref.URI)) != nil ||
			s.findResource([]byte(p.Ref.URI)) != nil
	default:
		return codec.ErrInvalidParams.With("ref.type is %.32q; want ref/prompt or ref/resource",
			p.Ref.Type)
	}
	switch {
	case !known:
		return codec.ErrInvalidParams.With("ref names nothing that this server offers")
	case p.Argument.Name == "":
		return codec.ErrInvalidParams.With("argument.name is missing")
	}
	return nil
}
