package mcp

import (
	"encoding/json"
	"fmt"
)

// Content is one block of a tool's answer (schema: ContentBlock): *TextContent, *ImageContent,
// *AudioContent, *ResourceLink or *EmbeddedResource; in sampling also *ToolUseContent and
// *ToolResultContent.
type Content interface {
	contentType() string
}

// Annotations tell a client how to use a block (schema: Annotations).
type Annotations struct {
	Audience     []string `json:"audience,omitempty"`
	Priority     float64  `json:"priority,omitempty"`
	LastModified string   `json:"lastModified,omitempty"`
}

// TextContent is text (schema: TextContent).
type TextContent struct {
	Text        string       `json:"text"`
	Annotations *Annotations `json:"annotations,omitempty"`
	Meta        Meta         `json:"_meta,omitempty"`
}

// ImageContent is a picture (schema: ImageContent). Data is raw bytes; the wire has base64.
type ImageContent struct {
	Data        []byte       `json:"data"`
	MIMEType    string       `json:"mimeType"`
	Annotations *Annotations `json:"annotations,omitempty"`
	Meta        Meta         `json:"_meta,omitempty"`
}

// AudioContent is sound (schema: AudioContent; from 2025-03-26 on). Data is raw bytes.
type AudioContent struct {
	Data        []byte       `json:"data"`
	MIMEType    string       `json:"mimeType"`
	Annotations *Annotations `json:"annotations,omitempty"`
	Meta        Meta         `json:"_meta,omitempty"`
}

// ResourceLink names a resource that the client may read (schema: ResourceLink; from
// 2025-06-18 on).
type ResourceLink struct {
	URI         string       `json:"uri"`
	Name        string       `json:"name"`
	Title       string       `json:"title,omitempty"`
	Description string       `json:"description,omitempty"`
	MIMEType    string       `json:"mimeType,omitempty"`
	Size        *int64       `json:"size,omitempty"`
	Icons       []Icon       `json:"icons,omitempty"` // from 2025-11-25 on
	Annotations *Annotations `json:"annotations,omitempty"`
	Meta        Meta         `json:"_meta,omitempty"`
}

// ResourceContents is what a resource holds (schema: TextResourceContents,
// BlobResourceContents): Blob when it is not nil, else Text.
type ResourceContents struct {
	URI      string `json:"uri"`
	MIMEType string `json:"mimeType,omitempty"`
	Text     string `json:"text"`
	Blob     []byte `json:"blob,omitempty"`
	Meta     Meta   `json:"_meta,omitempty"`
}

// EmbeddedResource carries a resource's contents in an answer (schema: EmbeddedResource).
type EmbeddedResource struct {
	Resource    *ResourceContents `json:"resource"`
	Annotations *Annotations      `json:"annotations,omitempty"`
	Meta        Meta              `json:"_meta,omitempty"`
}

func (*TextContent) contentType() string      { return "text" }
func (*ImageContent) contentType() string     { return "image" }
func (*AudioContent) contentType() string     { return "audio" }
func (*ResourceLink) contentType() string     { return "resource_link" }
func (*EmbeddedResource) contentType() string { return "resource" }

// MarshalJSON adds the block's "type".
func (c *TextContent) MarshalJSON() ([]byte, error) {
	type plain TextContent
	return json.Marshal(struct {
		Type string `json:"type"`
		*plain
	}{c.contentType(), (*plain)(c)})
}

// MarshalJSON adds the block's "type".
func (c *ImageContent) MarshalJSON() ([]byte, error) {
	type plain ImageContent
	return json.Marshal(struct {
		Type string `json:"type"`
		*plain
	}{c.contentType(), (*plain)(c)})
}

// MarshalJSON adds the block's "type".
func (c *AudioContent) MarshalJSON() ([]byte, error) {
	type plain AudioContent
	return json.Marshal(struct {
		Type string `json:"type"`
		*plain
	}{c.contentType(), (*plain)(c)})
}

// MarshalJSON adds the block's "type".
func (c *ResourceLink) MarshalJSON() ([]byte, error) {
	type plain ResourceLink
	return json.Marshal(struct {
		Type string `json:"type"`
		*plain
	}{c.contentType(), (*plain)(c)})
}

// MarshalJSON adds the block's "type".
func (c *EmbeddedResource) MarshalJSON() ([]byte, error) {
	type plain EmbeddedResource
	return json.Marshal(struct {
		Type string `json:"type"`
		*plain
	}{c.contentType(), (*plain)(c)})
}

// MarshalJSON writes a blob as base64 and leaves text out of it.
func (r *ResourceContents) MarshalJSON() ([]byte, error) {
	if r.Blob == nil {
		type plain ResourceContents
		return json.Marshal((*plain)(r))
	}
	return json.Marshal(struct {
		URI      string `json:"uri"`
		MIMEType string `json:"mimeType,omitempty"`
		Blob     []byte `json:"blob"`
		Meta     Meta   `json:"_meta,omitempty"`
	}{r.URI, r.MIMEType, r.Blob, r.Meta})
}

// UnmarshalJSON reads the blocks of an answer by their "type"; it is what a client uses. An
// unknown type is an error that names it.
func (r *CallToolResult) UnmarshalJSON(data []byte) error {
	var wire struct {
		Content           []json.RawMessage `json:"content"`
		StructuredContent any               `json:"structuredContent"`
		IsError           bool              `json:"isError"`
		Meta              Meta              `json:"_meta"`
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	r.StructuredContent, r.IsError, r.Meta = wire.StructuredContent, wire.IsError, wire.Meta
	r.Content = make([]Content, 0, len(wire.Content))
	for i, raw := range wire.Content {
		block, err := unmarshalContent(raw)
		if err != nil {
			return fmt.Errorf("cannot read content[%d]: %w", i, err)
		}
		r.Content = append(r.Content, block)
	}
	return nil
}

func unmarshalContent(raw []byte) (Content, error) {
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return nil, err
	}
	var block Content
	switch kind.Type {
	case "text":
		block = &TextContent{}
	case "image":
		block = &ImageContent{}
	case "audio":
		block = &AudioContent{}
	case "resource_link":
		block = &ResourceLink{}
	case "resource":
		block = &EmbeddedResource{}
	default:
		return nil, fmt.Errorf("unknown content type %q", kind.Type)
	}
	return block, json.Unmarshal(raw, block)
}
