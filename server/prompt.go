package server

import (
	"context"
	"encoding/json"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// PromptHandler answers prompts/get. An *mcp.Error is sent as it is, any other error as -32603.
type PromptHandler func(
	ctx context.Context, req *mcp.GetPromptRequest,
) (*mcp.GetPromptResult, error)

// prompt is what the catalogue keeps of a prompt.
type prompt struct {
	work
	arguments []mcp.PromptArgument // unless it is foreign
	foreign   foreign
}

// AddPrompt offers a prompt. One of the same name is replaced. h runs on a worker unless mode is
// Inline, see Mode; its required arguments are there. Safe for concurrent use; clients that listen
// are told.
func (s *Server) AddPrompt(p mcp.Prompt, h PromptHandler, mode ...Mode) error {
	entry := &prompt{arguments: p.Arguments}
	run := func(ctx context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
		arguments, fault := entry.read(req.Params.Arguments)
		if fault != nil {
			return dst, fault
		}
		result, err := h(ctx, &mcp.GetPromptRequest{
			Request: req,
			Params:  mcp.GetPromptParams{Name: req.Params.Name, Arguments: arguments},
		})
		if err != nil {
			return dst, err
		}
		return mcp.AppendGetPromptResult(dst, result, req.Version)
	}
	entry.work = s.newWork("mcploop_prompt_duration_seconds", "prompt", p.Name, run, modeOf(mode))
	if err := s.prompts.Add(&p, entry); err != nil {
		return err
	}
	s.offers(abilities{prompts: true})
	s.listChanged(listPrompts)
	return nil
}

// RemovePrompt takes a prompt out; false when there is none of that name.
func (s *Server) RemovePrompt(name string) bool {
	if !s.prompts.Remove(name) {
		return false
	}
	s.listChanged(listPrompts)
	return true
}

// read decodes the arguments, which must be strings, and misses none that is required.
func (p *prompt) read(raw []byte) (map[string]string, error) {
	arguments := map[string]string{}
	if raw != nil && json.Unmarshal(raw, &arguments) != nil {
		return nil, inBand(codec.ErrInvalidParams.With("arguments of a prompt must be strings"))
	}
	for i := range p.arguments {
		if _, ok := arguments[p.arguments[i].Name]; !ok && p.arguments[i].Required {
			return nil, inBand(codec.ErrInvalidParams.With("argument %q is missing",
				p.arguments[i].Name))
		}
	}
	return arguments, nil
}

// getPrompt is prompts/get.
func (s *Server) getPrompt(in *inbound, out []byte) []byte {
	name, ok := codec.StringContent(in.msg.Param("name"))
	if !ok {
		return in.fail(out, inBand(codec.ErrInvalidParams.With("name must be a string")), nil)
	}
	p := in.view.prompts.Lookup(name)
	if p == nil {
		return in.fail(out, inBand(codec.ErrInvalidParams.With("unknown prompt %.128q", name)), nil)
	}
	args := in.msg.Arguments
	if args != nil && args[0] != '{' {
		return in.fail(out, inBand(codec.ErrInvalidParams.With("arguments must be an object")), nil)
	}
	if fault := in.env.CheckToken(); fault != nil {
		return in.fail(out, inBand(fault), nil)
	}
	if fault := s.takeInput(in, p.Name, args); fault != nil {
		return in.fail(out, inBand(fault), nil)
	}
	return s.call(in, &p.Handler.work, p.Name, args, out)
}
