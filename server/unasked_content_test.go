package server_test

import (
	"context"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// everyRevision is how a request is sent in each revision over a line door: the answer of a legacy
// one comes after its own handshake.
func (r *running) everyRevision(
	method, params string, check func(v mcp.Version, answer string),
) {
	r.t.Helper()
	for _, name := range mcp.SupportedVersions() {
		v, c := mcp.ParseVersion([]byte(name)), r.dialTCP()
		if v.Modern() {
			check(v, c.ask(modernRequest("1", method, params)))
			continue
		}
		c.initialize(name)
		check(v, c.ask(legacyLine("1", method, params)))
	}
}

type sumOutput struct {
	Sum int `json:"sum"`
}

// A structured answer fits the schema of its tool's list, and is there as text too. Revisions
// without structured content get the text alone.
func TestStructuredAnswersAreTextToo(t *testing.T) {
	r := start(t, nil, func(s *server.Server) {
		server.AddTool(s, mcp.Tool{Name: "sum"},
			func(context.Context, *mcp.Request, struct{}) (sumOutput, error) {
				return sumOutput{3}, nil
			})
	})
	r.everyRevision("tools/call", `"name":"sum"`, func(v mcp.Version, answer string) {
		wantIn(t, answer, `"content":[{"type":"text","text":"{\"sum\":3}"}]`)
		has := strings.Contains(answer, `"structuredContent":{"sum":3}`)
		if has != (v >= mcp.V20250618) {
			t.Errorf("%s: %s", v, answer)
		}
	})
	r.everyRevision("tools/list", "", func(v mcp.Version, answer string) {
		has := strings.Contains(answer, `"outputSchema":{"type":"object","properties":{"sum":`)
		if has != (v >= mcp.V20250618) {
			t.Errorf("%s: %s", v, answer)
		}
	})
}

// Every kind of content reaches every revision, in answers of tools and in prompts, in a form that
// the revision knows.
func TestContentReachesEveryRevision(t *testing.T) {
	blocks := []mcp.Content{
		&mcp.TextContent{Text: "t"},
		&mcp.TextContent{Text: "old", Annotations: &mcp.Annotations{
			Priority: 0.5, LastModified: "2026-01-01T00:00:00Z",
		}},
		&mcp.ImageContent{Data: []byte{1}, MIMEType: "image/png"},
		&mcp.AudioContent{Data: []byte{2}, MIMEType: "audio/wav"},
		&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "test://b", Blob: []byte{3}}},
		&mcp.ResourceLink{
			URI: "test://a", Name: "a", Icons: []mcp.Icon{{Src: "https://example.com/a"}},
		},
	}
	r := start(t, nil, func(s *server.Server) {
		server.AddTool(s, mcp.Tool{Name: "all"},
			func(context.Context, *mcp.Request, struct{}) ([]mcp.Content, error) {
				return blocks, nil
			})
		err := s.AddPrompt(mcp.Prompt{Name: "all"}, func(
			context.Context, *mcp.GetPromptRequest,
		) (*mcp.GetPromptResult, error) {
			result := &mcp.GetPromptResult{}
			for _, block := range blocks {
				message := &mcp.PromptMessage{Role: "user", Content: block}
				result.Messages = append(result.Messages, message)
			}
			return result, nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	check := func(v mcp.Version, answer string) {
		t.Helper()
		want := []string{
			`{"type":"text","text":"t"}`, `{"type":"image","data":"AQ==","mimeType":"image/png"}`,
			`{"type":"resource","resource":{"uri":"test://b","blob":"Aw=="}}`,
		}
		audio, resourceLink := `{"type":"audio","data":"Ag==","mimeType":"audio/wav"}`,
			`{"type":"resource_link","uri":"test://a","name":"a"}`
		date := `{"priority":0.5,"lastModified":"2026-01-01T00:00:00Z"}`
		if v >= mcp.V20251125 {
			resourceLink = `"name":"a","icons":[{"src":"https://example.com/a"}]}`
		}
		if v < mcp.V20250326 {
			audio = `"mimeType":"audio/wav","blob":"Ag=="}}`
		}
		if v < mcp.V20250618 {
			resourceLink = `{"type":"text","text":"a: test://a"}`
			date = `"annotations":{"priority":0.5}}`
		}
		wantIn(t, answer, append(want, audio, resourceLink, date)...)
		if v < mcp.V20250326 && strings.Contains(answer, `"type":"audio"`) {
			t.Errorf("%s knows no audio: %s", v, answer)
		}
	}
	r.everyRevision("tools/call", `"name":"all"`, check)
	r.everyRevision("prompts/get", `"name":"all"`, check)
}
