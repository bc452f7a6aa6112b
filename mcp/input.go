package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

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
	// capability is the client capability that the request needs, as a ClientCapabilities object.
	capability() map[string]any
}

// InputRequests are requests by keys that the handler chooses; the answers come by the same keys.
type InputRequests map[string]InputRequest

// InputRequired is the error of a handler that needs input from the client before it can answer.
// At least one of Requests and State must be set. State is any value that marshals to JSON; it is
// sealed on its way through the client, and Request.State gives it back on the retry.
type InputRequired struct {
	Requests InputRequests
	State    any
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

func (p *ElicitParams) capability() map[string]any {
	if p.Mode == "url" {
		return map[string]any{"elicitation": map[string]any{"url": struct{}{}}}
	}
	return map[string]any{"elicitation": map[string]any{}}
}

// ElicitResult is the user's answer (schema: ElicitResult). Action is "accept", "decline" or
// "cancel"; Content is there when a form was accepted.
type ElicitResult struct {
	Action  string         `json:"action"`
	Content map[string]any `json:"content,omitempty"`
	Meta    Meta           `json:"_meta,omitempty"`
}

// SamplingMessage is one message of a conversation (schema: SamplingMessage).
type SamplingMessage struct {
	Role    Role    `json:"role"`
	Content Content `json:"content"`
	Meta    Meta    `json:"_meta,omitempty"`
}

// ModelHint names a model, or part of its name (schema: ModelHint).
type ModelHint struct {
	Name string `json:"name,omitempty"`
}

// ModelPreferences say what matters about the model, each from 0 to 1 (schema: ModelPreferences).
type ModelPreferences struct {
	Hints                []ModelHint `json:"hints,omitempty"`
	CostPriority         float64     `json:"costPriority,omitempty"`
	SpeedPriority        float64     `json:"speedPriority,omitempty"`
	IntelligencePriority float64     `json:"intelligencePriority,omitempty"`
}

// ToolChoice says how the model may use tools (schema: ToolChoice; from 2025-11-25 on): Mode is
// "auto", "required" or "none".
type ToolChoice struct {
	Mode string `json:"mode,omitempty"`
}

// CreateMessageParams ask the client's model (schema: CreateMessageRequestParams). Tools and
// ToolChoice need the client capability sampling.tools.
type CreateMessageParams struct {
	Messages         []*SamplingMessage `json:"messages"`
	ModelPreferences *ModelPreferences  `json:"modelPreferences,omitempty"`
	SystemPrompt     string             `json:"systemPrompt,omitempty"`
	IncludeContext   string             `json:"includeContext,omitempty"`
	Temperature      *float64           `json:"temperature,omitempty"`
	MaxTokens        int64              `json:"maxTokens"`
	StopSequences    []string           `json:"stopSequences,omitempty"`
	Metadata         any                `json:"metadata,omitempty"`
	Tools            []*Tool            `json:"tools,omitempty"`
	ToolChoice       *ToolChoice        `json:"toolChoice,omitempty"`
	Meta             Meta               `json:"_meta,omitempty"`
}

// InputMethod implements InputRequest.
func (*CreateMessageParams) InputMethod() string { return RequestCreateMessage }

func (p *CreateMessageParams) capability() map[string]any {
	if p.Tools != nil || p.ToolChoice != nil {
		return map[string]any{"sampling": map[string]any{"tools": struct{}{}}}
	}
	return map[string]any{"sampling": map[string]any{}}
}

// CreateMessageResult is what the client's model said (schema: CreateMessageResult). Content has
// one block or more.
type CreateMessageResult struct {
	Role       Role
	Content    []Content
	Model      string
	StopReason string
	Meta       Meta
}

// UnmarshalJSON reads one block or a list of them.
func (r *CreateMessageResult) UnmarshalJSON(data []byte) error {
	var wire struct {
		Role       Role            `json:"role"`
		Content    json.RawMessage `json:"content"`
		Model      string          `json:"model"`
		StopReason string          `json:"stopReason"`
		Meta       Meta            `json:"_meta"`
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	blocks := []json.RawMessage{wire.Content}
	if raw := bytes.TrimSpace(wire.Content); len(raw) > 0 && raw[0] == '[' {
		if err := json.Unmarshal(raw, &blocks); err != nil {
			return err
		}
	}
	*r = CreateMessageResult{
		Role: wire.Role, Model: wire.Model, StopReason: wire.StopReason, Meta: wire.Meta,
	}
	for i, raw := range blocks {
		block, err := unmarshalContent(raw)
		if err != nil {
			return fmt.Errorf("cannot read content[%d]: %w", i, err)
		}
		r.Content = append(r.Content, block)
	}
	return nil
}

// ListRootsParams ask for the client's roots (schema: ListRootsRequest).
type ListRootsParams struct {
	Meta Meta `json:"_meta,omitempty"`
}

// InputMethod implements InputRequest.
func (*ListRootsParams) InputMethod() string { return RequestListRoots }

func (*ListRootsParams) capability() map[string]any {
	return map[string]any{"roots": struct{}{}}
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
