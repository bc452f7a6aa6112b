package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// What a server asks of the user, the model and the host, answered by the functions of Options: in
// the legacy era it is a request of the server, in the modern one an answer that says what is
// missing, whereupon the call is made again (2026-07-28, basic/patterns/mrtr).

// inputRoundsMax is how often a server may ask for input before it answers.
const inputRoundsMax = 8

// answers tells whether o has somebody to ask.
func (o *Options) answers() bool { return o.Elicit != nil || o.Sample != nil || o.Roots != nil }

// capabilities are those of Options with what its functions stand for.
func (o *Options) capabilities() ([]byte, error) {
	raw, err := rawObject("Options.Capabilities", o.Capabilities)
	if err != nil || !o.answers() {
		return raw, err
	}
	all := map[string]json.RawMessage{}
	for name, have := range map[string]bool{
		"elicitation": o.Elicit != nil, "sampling": o.Sample != nil, "roots": o.Roots != nil,
	} {
		if have {
			all[name] = json.RawMessage(`{}`)
		}
	}
	var own map[string]json.RawMessage
	if err := json.Unmarshal(raw, &own); err != nil {
		return nil, fmt.Errorf("cannot read Options.Capabilities: %w", err)
	}
	maps.Copy(all, own)
	return rawObject("Options.Capabilities", all)
}

// handle answers a request of a legacy server. While somebody thinks, the call that it belongs to
// is not out of time.
func (c *Client) handle(a *Ask) {
	go func() {
		if a.Call != nil {
			c.mux.SetTimeout(a.Call, 0)
		}
		result, err := c.opt.answer(a.Context(), a.Method, a.Params)
		if a.Call != nil {
			c.mux.SetTimeout(a.Call, c.opt.CallTimeout)
		}
		if err != nil {
			_ = a.Refuse(refusalOf(err)) // nobody waits for it any more, else
			return
		}
		_ = a.Answer(result)
	}()
}

// refusalOf is what the server is told.
func refusalOf(err error) *mcp.Error {
	var own *mcp.Error
	if errors.As(err, &own) {
		return own
	}
	code := codec.ErrInternal.Code
	if errors.Is(err, ErrInputRequired) {
		code = codec.ErrMethodNotFound.Code
	}
	return &mcp.Error{Code: code, Message: err.Error()}
}

// answer has the function that stands for method answer. ErrInputRequired: there is none.
func (o *Options) answer(ctx context.Context, method string, params []byte) ([]byte, error) {
	var result any
	var err error
	switch {
	case method == mcp.RequestElicit && o.Elicit != nil:
		var p mcp.ElicitParams
		if err = readParams(method, params, &p); err == nil {
			result, err = o.Elicit(ctx, &p)
		}
	case method == mcp.RequestCreateMessage && o.Sample != nil:
		var p mcp.CreateMessageParams
		if err = readParams(method, params, &p); err == nil {
			result, err = o.Sample(ctx, &p)
		}
	case method == mcp.RequestListRoots && o.Roots != nil:
		result, err = o.Roots(ctx)
	default:
		return nil, fmt.Errorf("%w: nobody here answers %.64q", ErrInputRequired, method)
	}
	if err != nil {
		return nil, err
	}
	return rawObject("the answer to "+method, result)
}

func readParams(method string, raw []byte, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return &mcp.Error{
			Code:    codec.ErrInvalidParams.Code,
			Message: fmt.Sprintf("invalid params of %s: %v", method, err),
		}
	}
	return nil
}

// required is what a modern server needs before it answers (schema: InputRequiredResult).
type required struct {
	ResultType    string                     `json:"resultType"`
	InputRequests map[string]json.RawMessage `json:"inputRequests"`
	RequestState  json.RawMessage            `json:"requestState"`
}

// complete is do, repeated with the answers to what the server asks for, as far as there is
// somebody to give them.
func (c *Client) complete(ctx context.Context, r request) (json.RawMessage, error) {
	raw, err := c.do(ctx, r)
	if err != nil || !c.opt.answers() || !c.Version().Modern() {
		return raw, err
	}
	first := r.params
	for range inputRoundsMax {
		var need required
		if json.Unmarshal(raw, &need) != nil || need.ResultType != "input_required" {
			return raw, nil
		}
		if r.params, err = c.provide(ctx, first, &need); err != nil {
			return nil, fmt.Errorf("cannot call %q: %w", r.method, err)
		}
		if raw, err = c.do(ctx, r); err != nil {
			return nil, err
		}
	}
	var need required
	if json.Unmarshal(raw, &need) == nil && need.ResultType == "input_required" {
		return nil, fmt.Errorf("cannot call %q: %w more than %d times", r.method,
			ErrInputRequired, inputRoundsMax)
	}
	return raw, nil
}

// provide returns params with the answers to need, and with the server's state as it came.
func (c *Client) provide(ctx context.Context, params []byte, need *required) ([]byte, error) {
	if params == nil {
		params = []byte("{}")
	}
	out := append([]byte(nil), params[:len(params)-1]...)
	if len(out) > 1 {
		out = append(out, ',')
	}
	out = append(out, `"inputResponses":{`...)
	for i, key := range slices.Sorted(maps.Keys(need.InputRequests)) {
		var one struct {
			Method string          `json:"method"`
			Params json.RawMessage `json:"params"`
		}
		if err := json.Unmarshal(need.InputRequests[key], &one); err != nil {
			return nil, fmt.Errorf("%w: inputRequests[%.64q] is no request", ErrAnswer, key)
		}
		if one.Params == nil {
			one.Params = json.RawMessage(`{}`)
		}
		answer, err := c.opt.answer(ctx, one.Method, one.Params)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(codec.AppendString(out, key), ':'), answer...)
	}
	out = append(out, '}')
	if need.RequestState != nil {
		out = append(append(out, `,"requestState":`...), need.RequestState...)
	}
	return append(out, '}'), nil
}
