package mcp

import (
	"encoding/json"
	"fmt"

	"github.com/mcploop/mcploop/codec"
)

// The encoders of results that handlers return as Go values. Each appends the JSON object as
// revision v knows it. A _meta of the result comes first in it: that is where the server looks
// for one when it adds its own members (see RawHandler of package server).

// AppendCallToolResult appends r; nil is an answer without content.
func AppendCallToolResult(dst []byte, r *CallToolResult, v Version) ([]byte, error) {
	if r == nil {
		return append(dst, `{"content":[]}`...), nil
	}
	wire := struct {
		Meta              Meta      `json:"_meta,omitempty"`
		Content           []Content `json:"content"`
		StructuredContent any       `json:"structuredContent,omitempty"`
		IsError           bool      `json:"isError,omitempty"`
	}{r.Meta, contentAt(r.Content, v), nil, r.IsError}
	if wire.Content == nil {
		wire.Content = []Content{}
	}
	if r.StructuredContent != nil && v >= V20250618 {
		structured, err := structuredAt(r.StructuredContent, v)
		if err != nil {
			return dst, err
		}
		wire.StructuredContent = structured
	}
	return appendJSON(dst, &wire)
}

// structuredAt is a structured result as revision v knows it: before 2026-07-28 an object.
func structuredAt(value any, v Version) (any, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the structured content: %w", err)
	}
	if v.Modern() || raw[0] == '{' {
		return json.RawMessage(raw), nil
	}
	return map[string]json.RawMessage{StructuredMember: raw}, nil
}

// AppendStructuredResult appends an answer whose structured content is raw, any JSON value, and
// whose text block repeats it for clients that know text alone.
func AppendStructuredResult(dst, raw []byte, v Version) []byte {
	dst = AppendTextResult(dst, raw)
	if v < V20250618 {
		return dst
	}
	dst = append(dst[:len(dst)-1], `,"structuredContent":`...)
	if v.Modern() || raw[0] == '{' {
		return append(append(dst, raw...), '}')
	}
	dst = append(dst, `{"`+StructuredMember+`":`...)
	return append(append(dst, raw...), `}}`...)
}

// AppendReadResourceResult appends r with the caching members that modern clients must get.
func AppendReadResourceResult(dst []byte, r *ReadResourceResult, v Version) ([]byte, error) {
	if r == nil || len(r.Contents) == 0 {
		return dst, codec.ErrInternal.With("the resource has no contents")
	}
	wire := struct {
		Meta       Meta                `json:"_meta,omitempty"`
		Contents   []*ResourceContents `json:"contents"`
		TTLMs      *int64              `json:"ttlMs,omitempty"`
		CacheScope string              `json:"cacheScope,omitempty"`
	}{Meta: r.Meta, Contents: r.Contents}
	if v.Modern() {
		wire.TTLMs, wire.CacheScope = &r.TTLMs, r.CacheScope
		if wire.CacheScope == "" {
			wire.CacheScope = "private"
		}
	}
	return appendJSON(dst, &wire)
}

// AppendGetPromptResult appends r.
func AppendGetPromptResult(dst []byte, r *GetPromptResult, v Version) ([]byte, error) {
	if r == nil {
		r = &GetPromptResult{}
	}
	wire := struct {
		Meta        Meta             `json:"_meta,omitempty"`
		Description string           `json:"description,omitempty"`
		Messages    []*PromptMessage `json:"messages"`
	}{r.Meta, r.Description, make([]*PromptMessage, 0, len(r.Messages))}
	for _, m := range r.Messages {
		down := contentAt([]Content{m.Content}, v)
		wire.Messages = append(wire.Messages, &PromptMessage{Role: m.Role, Content: down[0]})
	}
	return appendJSON(dst, &wire)
}

// AppendCompleteResult appends r, cut to CompletionValuesMax values.
func AppendCompleteResult(dst []byte, r *CompleteResult) ([]byte, error) {
	if r == nil {
		r = &CompleteResult{}
	}
	wire := struct {
		Meta       Meta                    `json:"_meta,omitempty"`
		Completion CompletionResultDetails `json:"completion"`
	}{r.Meta, r.Completion}
	values := wire.Completion.Values
	if len(values) > CompletionValuesMax {
		wire.Completion.HasMore = true
		wire.Completion.Total = max(wire.Completion.Total, len(values))
		values = values[:CompletionValuesMax]
	}
	if values == nil {
		values = []string{}
	}
	wire.Completion.Values = values
	return appendJSON(dst, &wire)
}

func appendJSON(dst []byte, wire any) ([]byte, error) {
	raw, err := json.Marshal(wire)
	if err != nil {
		return dst, fmt.Errorf("cannot encode the answer: %w", err)
	}
	return append(dst, raw...), nil
}

// contentAt is blocks as revision v knows them: audio came with 2025-03-26, resource links and
// lastModified with 2025-06-18, icons with 2025-11-25. What an older client could not read is sent
// in a form that it can.
func contentAt(blocks []Content, v Version) []Content {
	if v >= V20251125 {
		return blocks
	}
	down := make([]Content, len(blocks))
	for i, block := range blocks {
		down[i] = blockAt(block, v)
	}
	return down
}

// RawContentAt is a raw content block as revision v knows it. One that v knows comes back as it is,
// and so does one that cannot be read.
func RawContentAt(raw []byte, v Version) []byte {
	kind, _ := codec.StringContent(codec.Find(raw, "type"))
	switch {
	case string(kind) == "audio" && v < V20250326:
	case string(kind) == "resource_link" && v < V20250618:
	default:
		return raw
	}
	block, err := unmarshalContent(raw)
	if err != nil {
		return raw
	}
	down, err := json.Marshal(blockAt(block, v))
	if err != nil {
		return raw
	}
	return down
}

func blockAt(block Content, v Version) Content {
	switch c := block.(type) {
	case *TextContent:
		down := *c
		down.Annotations = c.Annotations.at(v)
		return &down
	case *ImageContent:
		down := *c
		down.Annotations = c.Annotations.at(v)
		return &down
	case *EmbeddedResource:
		down := *c
		down.Annotations = c.Annotations.at(v)
		return &down
	case *AudioContent:
		down := *c
		down.Annotations = c.Annotations.at(v)
		if v < V20250326 {
			return &EmbeddedResource{Annotations: down.Annotations, Resource: &ResourceContents{
				URI: "audio:content", MIMEType: c.MIMEType, Blob: orEmpty(c.Data),
			}}
		}
		return &down
	case *ResourceLink:
		if v < V20250618 {
			return &TextContent{Text: c.Name + ": " + c.URI, Annotations: c.Annotations.at(v)}
		}
		down := *c
		down.Icons = nil
		return &down
	}
	return block
}

// orEmpty keeps an empty blob a blob.
func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
