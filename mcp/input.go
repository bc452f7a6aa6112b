package mcp

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mcploop/mcploop/codec"
)

// Input from the client, as handlers see it (2026-07-28, basic/patterns/mrtr). A handler of
// tools/call, prompts/get or resources/read that needs something returns *InputRequired as its
// error and is called again with the answers. It is written once: for legacy clients the server
// turns the same into requests of its own.

// InputRequest is what a handler asks a client for: *ElicitParams, *CreateMessageParams or
// *ListRootsParams.
type InputRequest interface {
	// InputMethod is the method of the request on the wire.
	InputMethod() string
	// needs is the client capability that the request needs, with its part behind a point, and
	// the first revision that has it.
	needs() (capability string, since Version)
	// at is the params as revision v knows them.
	at(v Version) any
}

// InputRequests are requests by keys that the handler chooses; the answers come by the same keys.
type InputRequests map[string]InputRequest

// InputRequired is the error of a handler that needs input from the client before it can answer.
// At least one of Requests and State must be set. State is any value that marshals to JSON; it is
// sealed on its way through the client, and Request.State gives it back on the retry.
type InputRequired struct {
	Requests InputRequests
	State    any
	// Relay: the requests are another server's, which must hear what this round has brought and
	// nothing else. The next run sees no answers of earlier rounds, and sees in InputRefusals what
	// a legacy client has refused, which otherwise ends the call. A client that answers every time
	// may be asked any number of times.
	Relay bool
}

// Error says what is missing; nobody but a programmer sees it.
func (e *InputRequired) Error() string {
	return fmt.Sprintf("mcp: the client must answer %d requests first", len(e.Requests))
}

// Methods of the requests that a server makes.
const (
	RequestElicit        = "elicitation/create"
	RequestCreateMessage = "sampling/createMessage"
	RequestListRoots     = "roots/list"
)

// ElicitParams ask the user (schema: ElicitRequestParams). Mode is "form" (the default), with a
// RequestedSchema that marshals to a flat JSON Schema object, or "url" with a URL. Never ask for
// a secret by form.
type ElicitParams struct {
	Mode            string `json:"mode,omitempty"`
	Message         string `json:"message"`
	RequestedSchema any    `json:"requestedSchema,omitempty"`
	URL             string `json:"url,omitempty"`
	// ElicitationID is of 2025-11-25 alone, which wants one with a URL.
	ElicitationID string `json:"elicitationId,omitempty"`
	Meta          Meta   `json:"_meta,omitempty"`
}

// InputMethod implements InputRequest.
func (*ElicitParams) InputMethod() string { return RequestElicit }

func (p *ElicitParams) needs() (string, Version) {
	if p.url() {
		return "elicitation.url", V20251125
	}
	if asksForSeveral(p.RequestedSchema) {
		return "elicitation.form", V20251125
	}
	return "elicitation.form", V20250618
}

func (p *ElicitParams) url() bool { return p.Mode == "url" || p.Mode == "" && p.URL != "" }

// at: 2025-06-18 has no mode and its own way of choices; elicitationId is of 2025-11-25 with a URL,
// which must have one.
func (p *ElicitParams) at(v Version) any {
	down := *p
	down.Mode = "form"
	if p.url() {
		down.Mode = "url"
	}
	switch {
	case v < V20251125:
		down.Mode, down.RequestedSchema = "", formOf20250618(p.RequestedSchema)
	case v.Modern() || !p.url():
		down.ElicitationID = ""
	case p.ElicitationID == "":
		down.ElicitationID = rand.Text()
	}
	return &down
}

// ElicitResult is the user's answer (schema: ElicitResult). Action is "accept", "decline" or
// "cancel"; Content is there when a form was accepted.
type ElicitResult struct {
	Action  string         `json:"action"`
	Content map[string]any `json:"content,omitempty"`
	Meta    Meta           `json:"_meta,omitempty"`
}

// ListRootsParams ask for the client's roots (schema: ListRootsRequest).
type ListRootsParams struct {
	Meta Meta `json:"_meta,omitempty"`
}

// InputMethod implements InputRequest.
func (*ListRootsParams) InputMethod() string { return RequestListRoots }

func (*ListRootsParams) needs() (string, Version) { return "roots", V20241105 }

func (p *ListRootsParams) at(Version) any { return p }

// Missing returns what the client of a request of revision v lacks for rs, as a
// ClientCapabilities object; nil when it has declared all of it. capabilities is the raw object
// that it declared.
func (rs InputRequests) Missing(capabilities json.RawMessage, v Version) map[string]any {
	var missing map[string]any
	for _, r := range rs {
		need, since := r.needs()
		if v >= since && declares(capabilities, need) {
			continue
		}
		if missing == nil {
			missing = map[string]any{}
		}
		name, part, _ := strings.Cut(need, ".")
		inner, _ := missing[name].(map[string]any)
		if inner == nil {
			inner = map[string]any{}
		}
		if part != "" && part != "form" { // an empty object means form
			inner[part] = struct{}{}
		}
		missing[name] = inner
	}
	return missing
}

// declares tells whether capabilities, a raw ClientCapabilities object, has the capability name,
// or its part behind a point. Elicitation without a part is elicitation by form (2026-07-28 and
// 2025-11-25, client/elicitation, "Capabilities").
func declares(capabilities json.RawMessage, name string) bool {
	name, part, _ := strings.Cut(name, ".")
	whole := codec.Find(capabilities, name)
	switch {
	case whole == nil:
		return false
	case part == "":
		return true
	case part == "form":
		return codec.Find(whole, part) != nil || codec.Find(whole, "url") == nil
	}
	return codec.Find(whole, part) != nil
}

// AppendInputRequests appends rs as revision v knows them: the object inputRequests.
func AppendInputRequests(dst []byte, rs InputRequests, v Version) ([]byte, error) {
	wire := make(map[string]any, len(rs))
	for key, r := range rs {
		wire[key] = map[string]any{"method": r.InputMethod(), "params": r.at(v)}
	}
	return appendJSON(dst, wire)
}

// AppendInputRequest appends the params of r as revision v knows them.
func AppendInputRequest(dst []byte, r InputRequest, v Version) ([]byte, error) {
	return appendJSON(dst, r.at(v))
}

// Root is a place that the client works in (schema: Root).
type Root struct {
	URI  string `json:"uri"`
	Name string `json:"name,omitempty"`
	Meta Meta   `json:"_meta,omitempty"`
}

// ListRootsResult is the client's answer (schema: ListRootsResult).
type ListRootsResult struct {
	Roots []Root `json:"roots"`
}

// ErrNoInput is what Input returns when the client has not answered that key yet.
var ErrNoInput = errors.New("mcp: the client has not answered yet")

// Input decodes the client's answer to the request with that key into answer, a pointer to
// ElicitResult, CreateMessageResult or ListRootsResult. ErrNoInput: there is none, ask for it. An
// answer that is no object, or that does not decode, is an *Error (-32602) to return as it is.
func (r *Request) Input(key string, answer any) error {
	raw, ok := r.InputResponses[key]
	if !ok {
		return ErrNoInput
	}
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || raw[0] != '{' ||
		json.Unmarshal(raw, answer) != nil {
		return &Error{Code: codec.ErrInvalidParams.Code, Message: fmt.Sprintf(
			"invalid params: inputResponses[%.64q] is not the answer that was asked for", key)}
	}
	return nil
}

// State decodes what InputRequired.State was when the handler asked, and tells whether there was
// one.
func (r *Request) State(into any) (bool, error) {
	if r.InputState == nil {
		return false, nil
	}
	if err := json.Unmarshal(r.InputState, into); err != nil {
		return true, fmt.Errorf("cannot decode the state of the request: %w", err)
	}
	return true, nil
}
