package mcp

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// SamplingMessage is one message of a conversation (schema: SamplingMessage): Contents, when there
// are any, else Content. The blocks are text, images, sound (from 2025-03-26 on), and with tools
// *ToolUseContent and *ToolResultContent.
type SamplingMessage struct {
	Role     Role
	Content  Content
	Contents []Content
	Meta     Meta
}

// MarshalJSON writes one block as itself, several as a list.
func (m *SamplingMessage) MarshalJSON() ([]byte, error) {
	wire := struct {
		Role    Role `json:"role"`
		Content any  `json:"content"`
		Meta    Meta `json:"_meta,omitempty"`
	}{m.Role, m.Content, m.Meta}
	if len(m.Contents) > 0 {
		wire.Content = m.Contents
	}
	return json.Marshal(&wire)
}

// UnmarshalJSON reads one block into Content and Contents, several into Contents.
func (m *SamplingMessage) UnmarshalJSON(data []byte) error {
	var r CreateMessageResult // has the same members, and more
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	*m = SamplingMessage{Role: r.Role, Contents: r.Content, Meta: r.Meta}
	if len(r.Content) == 1 {
		m.Content = r.Content[0]
	}
	return nil
}

// blocks are the message's content, whichever way it was given.
func (m *SamplingMessage) blocks() []Content {
	if len(m.Contents) > 0 {
		return m.Contents
	}
	return []Content{m.Content}
}

// ToolUseContent is what a model says to have one of CreateMessageParams.Tools called (schema:
// ToolUseContent; from 2025-11-25 on, and in sampling alone). The handler calls it, and asks again
// with what the model said and a *ToolResultContent of the same id.
type ToolUseContent struct {
	ID    string          `json:"id"`
	Name  string          `json:"name"`
	Input json.RawMessage `json:"input"` // an object; nil is {}
	Meta  Meta            `json:"_meta,omitempty"`
}

// ToolResultContent is what came of a ToolUseContent (schema: ToolResultContent). A message of the
// user that has one has nothing else.
type ToolResultContent struct {
	ToolUseID         string    `json:"toolUseId"`
	Content           []Content `json:"content"`
	StructuredContent any       `json:"structuredContent,omitempty"`
	IsError           bool      `json:"isError,omitempty"`
	Meta              Meta      `json:"_meta,omitempty"`
}

func (*ToolUseContent) contentType() string    { return "tool_use" }
func (*ToolResultContent) contentType() string { return "tool_result" }

// MarshalJSON adds the block's "type".
func (c *ToolUseContent) MarshalJSON() ([]byte, error) {
	type plain ToolUseContent
	down := *c
	if down.Input == nil {
		down.Input = json.RawMessage(`{}`)
	}
	return json.Marshal(struct {
		Type string `json:"type"`
		*plain
	}{c.contentType(), (*plain)(&down)})
}

// MarshalJSON adds the block's "type".
func (c *ToolResultContent) MarshalJSON() ([]byte, error) {
	type plain ToolResultContent
	down := *c
	if down.Content == nil {
		down.Content = []Content{}
	}
	return json.Marshal(struct {
		Type string `json:"type"`
		*plain
	}{c.contentType(), (*plain)(&down)})
}

// UnmarshalJSON reads the blocks by their "type".
func (c *ToolResultContent) UnmarshalJSON(data []byte) error {
	var id struct {
		ToolUseID string `json:"toolUseId"`
	}
	if err := json.Unmarshal(data, &id); err != nil {
		return err
	}
	var r CallToolResult // has the same members
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	*c = ToolResultContent{id.ToolUseID, r.Content, r.StructuredContent, r.IsError, r.Meta}
	return nil
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

// unmarshalSampled reads a block of a message; a tool's result has none of its own kind in it.
func unmarshalSampled(raw []byte) (Content, error) {
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return nil, err
	}
	var block Content
	switch kind.Type {
	case "tool_use":
		block = &ToolUseContent{}
	case "tool_result":
		block = &ToolResultContent{}
	default:
		return unmarshalContent(raw)
	}
	return block, json.Unmarshal(raw, block)
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

func (p *CreateMessageParams) needs() (string, Version) {
	if p.Tools != nil || p.ToolChoice != nil {
		return "sampling.tools", V20251125
	}
	since := V20241105
	for _, m := range p.Messages {
		for _, block := range m.blocks() {
			switch block.(type) {
			case *ToolUseContent, *ToolResultContent:
				return "sampling.tools", V20251125
			case *AudioContent:
				since = V20250326
			}
		}
	}
	return "sampling", since
}

// at: before 2025-11-25 a message has one block, so several of them become as many messages.
func (p *CreateMessageParams) at(v Version) any {
	type plain CreateMessageParams
	down := *p
	if v < V20251125 {
		down.Messages = make([]*SamplingMessage, 0, len(p.Messages))
		for _, m := range p.Messages {
			for _, block := range m.blocks() {
				one := &SamplingMessage{Role: m.Role, Content: block, Meta: m.Meta}
				down.Messages = append(down.Messages, one)
			}
		}
	}
	tools := make([]toolAt, len(p.Tools))
	for i, t := range p.Tools {
		tools[i] = toolAt{t, v}
	}
	return struct {
		*plain
		Tools []toolAt `json:"tools,omitempty"`
	}{(*plain)(&down), tools}
}

// toolAt is a tool's definition as revision v knows it.
type toolAt struct {
	tool *Tool
	v    Version
}

// MarshalJSON implements json.Marshaler.
func (t toolAt) MarshalJSON() ([]byte, error) { return t.tool.encode(t.v) }

// CreateMessageResult is what the client's model said (schema: CreateMessageResult). Content has
// one block or more.
type CreateMessageResult struct {
	Role       Role
	Content    []Content
	Model      string
	StopReason string
	Meta       Meta
}

// MarshalJSON writes one block as itself, which every revision knows, several as a list.
func (r *CreateMessageResult) MarshalJSON() ([]byte, error) {
	wire := struct {
		Role       Role   `json:"role"`
		Content    any    `json:"content"`
		Model      string `json:"model"`
		StopReason string `json:"stopReason,omitempty"`
		Meta       Meta   `json:"_meta,omitempty"`
	}{r.Role, r.Content, r.Model, r.StopReason, r.Meta}
	if len(r.Content) == 1 {
		wire.Content = r.Content[0]
	}
	return json.Marshal(&wire)
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
		block, err := unmarshalSampled(raw)
		if err != nil {
			return fmt.Errorf("cannot read content[%d]: %w", i, err)
		}
		r.Content = append(r.Content, block)
	}
	return nil
}
