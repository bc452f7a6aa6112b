package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// input is what a retried request brings for a handler that asked for input (2026-07-28,
// basic/patterns/mrtr).
type input struct {
	responses map[string]json.RawMessage // of this round and, from the sealed state, earlier ones
	state     json.RawMessage
}

// sealedState is what requestState holds: the handler's state, and the answers of earlier rounds,
// so that a handler sees all of them without keeping any.
type sealedState struct {
	State   json.RawMessage            `json:"s,omitempty"`
	Answers map[string]json.RawMessage `json:"a,omitempty"`
}

// readInput reads inputResponses and requestState of a modern request about name. They are the
// client's: responses must be an object of objects, and the state must be ours, for this principal
// and this request, and in time.
func (s *Server) readInput(in *inbound, name string, args []byte) (got input, fault *codec.Error) {
	responses, state := in.msg.Param("inputResponses"), in.msg.Param("requestState")
	if responses == nil && state == nil {
		return got, nil // Fast path: nearly every request.
	}
	if state != nil {
		got.state, got.responses, fault = s.openState(in, state, name, args)
		if fault != nil {
			in.ls.count.statesRefused.Add(1)
			return input{}, fault
		}
	}
	if responses == nil {
		return got, nil
	}
	var fresh map[string]json.RawMessage
	if json.Unmarshal(responses, &fresh) != nil || fresh == nil {
		return input{}, codec.ErrInvalidParams.With("inputResponses must be an object")
	}
	if got.responses == nil {
		got.responses = fresh
	}
	for key, raw := range fresh {
		if raw = bytes.TrimSpace(raw); raw[0] != '{' {
			return input{}, codec.ErrInvalidParams.With("inputResponses[%.64q] must be an object",
				key)
		}
		got.responses[key] = raw
	}
	return got, nil
}

func (s *Server) openState(
	in *inbound, raw []byte, name string, args []byte,
) (json.RawMessage, map[string]json.RawMessage, *codec.Error) {
	text, ok := codec.StringContent(raw)
	if !ok {
		return nil, nil, codec.ErrInvalidParams.With("requestState must be a string")
	}
	bound := binding(in.view, in.principal(), in.method, name, args)
	plain, err := s.ring.Open(text, bound, time.Now())
	if err != nil {
		return nil, nil, codec.ErrInvalidParams.With("requestState is not accepted: %v", err)
	}
	var sealed sealedState
	if err := json.Unmarshal(plain, &sealed); err != nil {
		return nil, nil, codec.ErrInternal.With("the state of the request cannot be read")
	}
	return sealed.State, sealed.Answers, nil
}

// binding is what a sealed state is bound to: who asked, where, and for what.
func binding(v *view, principal string, m mcp.Method, name string, args []byte) []byte {
	h := sha256.New()
	for _, part := range [][]byte{
		[]byte(v.name), []byte(principal), []byte(m.String()), []byte(name), args,
	} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write(part)
	}
	return h.Sum(nil)
}

// mayAsk tells whether a handler of m may ask for input (2026-07-28, basic/patterns/mrtr,
// "Supported requests").
func mayAsk(m mcp.Method) bool {
	return m == mcp.MethodToolsCall || m == mcp.MethodPromptsGet || m == mcp.MethodResourcesRead
}

// checkInput returns why a handler must not ask the client of req for what it needs, or nil.
func checkInput(m mcp.Method, req *mcp.Request, need *mcp.InputRequired) error {
	switch {
	case !mayAsk(m):
		return codec.ErrInternal.With("a handler of %s cannot ask for input", m)
	case len(need.Requests) == 0 && need.State == nil:
		return codec.ErrInternal.With("a handler asked for input and named none")
	}
	missing := need.Requests.Missing(req.Capabilities, req.Version)
	switch {
	case missing == nil:
		return nil
	case req.Version.Modern():
		fault := mcp.MissingCapability()
		fault.Data = map[string]any{"requiredCapabilities": missing}
		return fault
	}
	names := make([]string, 0, len(missing))
	for name := range missing {
		names = append(names, name)
	}
	slices.Sort(names)
	return fmt.Errorf("this needs a client that can do %s, and it did not declare that it can",
		strings.Join(names, " and "))
}

// appendInputRequired appends the result of a modern request whose handler needs input.
func (v *view) appendInputRequired(
	dst []byte, m mcp.Method, principal string, req *mcp.Request, need *mcp.InputRequired,
) ([]byte, error) {
	dst = append(dst, '{')
	var err error
	if len(need.Requests) > 0 {
		dst = append(dst, `"inputRequests":`...)
		if dst, err = mcp.AppendInputRequests(dst, need.Requests, req.Version); err != nil {
			return dst, err
		}
	}
	var sealed sealedState
	if !need.Relay {
		sealed.Answers = req.InputResponses
	}
	if need.State == nil && len(sealed.Answers) == 0 {
		return append(dst, '}'), nil
	}
	if need.State != nil {
		if sealed.State, err = json.Marshal(need.State); err != nil {
			return dst, fmt.Errorf("cannot encode the state of the request: %w", err)
		}
	}
	plain, err := json.Marshal(&sealed)
	if err != nil {
		return dst, fmt.Errorf("cannot encode the state of the request: %w", err)
	}
	if most := v.s.opt.Input.StateBytes; len(plain) > most {
		return dst, codec.ErrInternal.With("the state of the request has %d bytes; "+
			"input.state_bytes is %d", len(plain), most)
	}
	if len(need.Requests) > 0 {
		dst = append(dst, ',')
	}
	dst = append(dst, `"requestState":"`...)
	bound := binding(v, principal, m, req.Params.Name, req.Params.Arguments)
	dst = v.s.ring.Append(dst, plain, bound, time.Now().Add(v.s.adjusted.Load().state))
	return append(dst, `"}`...), nil
}

// RequireInput ends this run of an async tool: the client is asked for what need says, and the
// tool is called again with its answers. For a modern client the call itself ends.
func (c *Call) RequireInput(need *mcp.InputRequired) { c.require(need) }

// require answers or asks on behalf of a handler that needs input.
func (c *Call) require(need *mcp.InputRequired) {
	if err := checkInput(c.method, c.Request, need); err != nil {
		c.Fail(err)
		return
	}
	running := c.task()
	switch {
	case running != nil:
		running.ask(need)
		return
	case !c.request.Version.Modern():
		c.ask(need)
		return
	}
	result, err := c.view.appendInputRequired(nil, c.method, c.principal, c.Request, need)
	if err != nil {
		c.Fail(err)
		return
	}
	c.ls.count.inputAsked.Add(uint64(len(need.Requests)))
	c.reply(result, resultInputRequired)
}

// principalText names who a request belongs to: "" is everybody, else the one who holds the same
// credentials.
func principalText(authorization []byte) string {
	if authorization == nil {
		return ""
	}
	return mcp.PrincipalOf(sha256.Sum256(authorization))
}
