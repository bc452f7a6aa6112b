package mcp

import (
	"encoding/json"
	"fmt"
)

// Prompt is a template of messages that a user can pick (schema: Prompt).
type Prompt struct {
	Name        string           `json:"name"`
	Title       string           `json:"title,omitempty"`
	Description string           `json:"description,omitempty"`
	Arguments   []PromptArgument `json:"arguments,omitempty"`
	Icons       []Icon           `json:"icons,omitempty"`
	Meta        Meta             `json:"_meta,omitempty"`
}

// PromptArgument is one argument of a prompt (schema: PromptArgument). Its value is a string.
type PromptArgument struct {
	Name        string `json:"name"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Required    bool   `json:"required,omitempty"`
}

// Role says who speaks (schema: Role): "user" or "assistant".
type Role string

// PromptMessage is one message of a prompt (schema: PromptMessage).
type PromptMessage struct {
	Role    Role    `json:"role"`
	Content Content `json:"content"`
}

// GetPromptParams are the parameters of prompts/get (schema: GetPromptRequestParams).
type GetPromptParams struct {
	Name      string
	Arguments map[string]string // never nil
}

// GetPromptRequest is one prompts/get as its handler sees it. Its required arguments are there.
type GetPromptRequest struct {
	*Request
	Params GetPromptParams
}

// GetPromptResult is the answer of prompts/get (schema: GetPromptResult).
type GetPromptResult struct {
	Description string           `json:"description,omitempty"`
	Messages    []*PromptMessage `json:"messages"`
	Meta        Meta             `json:"_meta,omitempty"`
}

// ListPromptsResult is one page of prompts (schema: ListPromptsResult), as a client reads it.
type ListPromptsResult struct {
	Prompts    []Prompt `json:"prompts"`
	NextCursor string   `json:"nextCursor,omitempty"`
	TTLMs      int64    `json:"ttlMs,omitempty"`
	CacheScope string   `json:"cacheScope,omitempty"`
}

// UnmarshalJSON reads the content block by its "type".
func (m *PromptMessage) UnmarshalJSON(data []byte) error {
	var wire struct {
		Role    Role            `json:"role"`
		Content json.RawMessage `json:"content"`
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	block, err := unmarshalContent(wire.Content)
	if err != nil {
		return fmt.Errorf("cannot read the content of a message: %w", err)
	}
	m.Role, m.Content = wire.Role, block
	return nil
}
