package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// A red pixel and an empty sound, the smallest that decoders accept.
var (
	pixelPNG = decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8Dw" +
		"HwAFBQIAX8jx0gAAAABJRU5ErkJggg==")
	emptyWAV = decode("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=")
)

// icon is a picture that needs no fetching.
var icon = mcp.Icon{
	Src:      "data:image/png;base64," + base64.StdEncoding.EncodeToString(pixelPNG),
	MIMEType: "image/png", Sizes: []string{"1x1"},
}

func decode(s string) []byte {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return raw
}

type none struct{}

type handler = func(context.Context, *mcp.Request, none) (string, error)

// addFixtures offers the tools that the conformance suite calls by name.
func addFixtures(s *server.Server) {
	content := func(name, description string, blocks ...mcp.Content) {
		server.AddTool(s, mcp.Tool{Name: name, Description: description},
			func(context.Context, *mcp.Request, none) ([]mcp.Content, error) { return blocks, nil })
	}
	image := &mcp.ImageContent{Data: pixelPNG, MIMEType: "image/png"}
	content("test_simple_text", "Returns text.",
		&mcp.TextContent{Text: "This is a simple text response for testing."})
	content("test_image_content", "Returns a picture.", image)
	content("test_audio_content", "Returns a sound.",
		&mcp.AudioContent{Data: emptyWAV, MIMEType: "audio/wav"})
	content("test_embedded_resource", "Returns a resource.",
		&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{
			URI: "test://embedded-resource", MIMEType: "text/plain",
			Text: "This is an embedded resource content.",
		}})
	content("test_multiple_content_types", "Returns text, a picture and a resource.",
		&mcp.TextContent{Text: "Multiple content types test:"}, image,
		&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{
			URI: "test://mixed-content-resource", MIMEType: "application/json",
			Text: `{"test":"data","value":123}`,
		}})
	tool := func(name, description string, h handler) {
		server.AddTool(s, mcp.Tool{Name: name, Description: description}, h)
	}
	tool("test_error_handling", "Always fails.", failAlways)
	tool("test_tool_with_progress", "Reports 0, 50 and 100 of 100.", reportProgress)
	tool("test_reconnection", "Closes its event stream, then answers.", closeAndAnswer)
	tool("test_tool_with_logging", "Logs three messages.", logThrice)
	tool("test_logging_tool", "Logs one message.", logOnce)
	tool("test_streaming_elicitation", "Reports progress, then answers.", reportProgress)
	tool("test_missing_capability", "Needs a client that can sample.", needSampling)
	addSchemaFixtures(s)
	addChangeFixtures(s)
}

func failAlways(context.Context, *mcp.Request, none) (string, error) {
	//nolint:staticcheck // the suite wants this text
	return "", errors.New("This tool intentionally returns an error for testing")
}

func reportProgress(ctx context.Context, req *mcp.Request, _ none) (string, error) {
	for i := range 3 {
		progress := mcp.ProgressNotificationParams{
			Progress: float64(50 * i), Total: 100,
			Message: fmt.Sprintf("Completed step %d of %d", 50*i, 100),
		}
		if err := req.NotifyProgress(ctx, progress); err != nil {
			return "", err
		}
		if !wait(ctx, 50*time.Millisecond) {
			return "", context.Cause(ctx)
		}
	}
	return fmt.Sprint(req.Params.GetProgressToken()), nil
}

func logThrice(ctx context.Context, req *mcp.Request, _ none) (string, error) {
	for _, text := range []string{
		"Tool execution started", "Tool processing data", "Tool execution completed",
	} {
		if err := req.Log(ctx, "info", "everything", text); err != nil {
			return "", err
		}
		if !wait(ctx, 50*time.Millisecond) {
			return "", context.Cause(ctx)
		}
	}
	return "Tool with logging executed successfully", nil
}

func logOnce(ctx context.Context, req *mcp.Request, _ none) (string, error) {
	return "logged", req.Log(ctx, "info", "everything", "This is a log message")
}

// closeAndAnswer lets its client come back for the answer (SEP-1699).
func closeAndAnswer(ctx context.Context, req *mcp.Request, _ none) (string, error) {
	req.CloseStream(500 * time.Millisecond)
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-time.After(100 * time.Millisecond):
		return "reconnected", nil
	}
}

func needSampling(_ context.Context, req *mcp.Request, _ none) (string, error) {
	if !req.HasCapability("sampling") {
		return "", mcp.MissingCapability("sampling")
	}
	return "the client can sample", nil
}

type regionInput struct {
	Region string `json:"region,omitempty"`
	Level  int    `json:"level,omitempty"`
}

// addSchemaFixtures offers tools whose schema is given, not derived.
func addSchemaFixtures(s *server.Server) {
	server.AddTool(s, mcp.Tool{
		Name: "test_x_mcp_header", Description: "Has an argument that a header repeats.",
		InputSchema: json.RawMessage(`{"type":"object","properties":{"region":{"type":"string",` +
			`"x-mcp-header":"Region"},"level":{"type":"integer"}}}`),
	}, func(_ context.Context, _ *mcp.Request, in regionInput) (string, error) {
		return "region=" + in.Region, nil
	})
	server.AddTool(s, mcp.Tool{
		Name: "json_schema_2020_12_tool", Description: "Has a schema with most of 2020-12 in it.",
		InputSchema: json.RawMessage(schema202012),
	}, func(context.Context, *mcp.Request, map[string]any) (string, error) {
		return "the arguments fit the schema", nil
	})
}

const schema202012 = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",` +
	`"$defs":{"address":{"$anchor":"addressDef","type":"object","properties":{"street":` +
	`{"type":"string"},"city":{"type":"string"}}}},"properties":{"name":{"type":"string"},` +
	`"address":{"$ref":"#/$defs/address"},"contactMethod":{"type":"string","enum":["phone",` +
	`"email"]},"phone":{"type":"string"},"email":{"type":"string"}},"allOf":[{"anyOf":[` +
	`{"required":["phone"]},{"required":["email"]}]}],"if":{"properties":{"contactMethod":` +
	`{"const":"phone"}},"required":["contactMethod"]},"then":{"required":["phone"]},` +
	`"else":{"required":["email"]},"additionalProperties":false}`

// addChangeFixtures offers a tool that changes the list of tools.
func addChangeFixtures(s *server.Server) {
	server.AddTool(s, mcp.Tool{
		Name: "test_trigger_tool_change", Description: "Adds a tool and removes it again.",
	}, func(context.Context, *mcp.Request, none) (string, error) {
		server.AddTool(s, mcp.Tool{Name: "test_temporary", Description: "Comes and goes."},
			func(context.Context, *mcp.Request, none) (string, error) { return "here", nil })
		s.RemoveTool("test_temporary")
		return "the list of tools has changed", nil
	})
	server.AddTool(s, mcp.Tool{
		Name: "test_trigger_prompt_change", Description: "Adds a prompt and removes it again.",
	}, func(context.Context, *mcp.Request, none) (string, error) {
		err := s.AddPrompt(mcp.Prompt{Name: "test_temporary"}, simplePrompt)
		s.RemovePrompt("test_temporary")
		return "the list of prompts has changed", err
	})
}
