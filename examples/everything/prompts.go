package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// addPrompts offers one prompt for each kind of message.
func addPrompts(s *server.Server) error {
	prompts := []struct {
		prompt  mcp.Prompt
		handler server.PromptHandler
	}{
		{mcp.Prompt{
			Name: "test_simple_prompt", Title: "Simple", Description: "One message of text.",
		}, simplePrompt},
		{mcp.Prompt{
			Name: "test_prompt_with_arguments", Description: "Says its arguments again.",
			Arguments: []mcp.PromptArgument{
				{Name: "arg1", Description: "the first", Required: true},
				{Name: "arg2", Description: "the second", Required: true},
			},
		}, promptWithArguments},
		{mcp.Prompt{
			Name: "test_prompt_with_embedded_resource", Description: "Brings a resource along.",
			Arguments: []mcp.PromptArgument{
				{Name: "resourceUri", Description: "which resource", Required: true},
			},
		}, promptWithResource},
		{mcp.Prompt{
			Name: "test_prompt_with_image", Description: "Brings a picture along.",
		}, promptWithImage},
	}
	for _, p := range prompts {
		if err := s.AddPrompt(p.prompt, p.handler); err != nil {
			return err
		}
	}
	return nil
}

// say is an answer of messages that the user says.
func say(blocks ...mcp.Content) (*mcp.GetPromptResult, error) {
	result := &mcp.GetPromptResult{}
	for _, block := range blocks {
		result.Messages = append(result.Messages, &mcp.PromptMessage{Role: "user", Content: block})
	}
	return result, nil
}

func simplePrompt(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	return say(&mcp.TextContent{Text: "This is a simple prompt for testing."})
}

// promptWithArguments: required arguments are there, the server has seen to it.
func promptWithArguments(
	_ context.Context, req *mcp.GetPromptRequest,
) (*mcp.GetPromptResult, error) {
	args := req.Params.Arguments
	return say(&mcp.TextContent{Text: fmt.Sprintf(
		"Prompt with arguments: arg1='%s', arg2='%s'", args["arg1"], args["arg2"])})
}

func promptWithResource(
	_ context.Context, req *mcp.GetPromptRequest,
) (*mcp.GetPromptResult, error) {
	return say(&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{
		URI: req.Params.Arguments["resourceUri"], MIMEType: "text/plain",
		Text: "Embedded resource content for testing.",
	}}, &mcp.TextContent{Text: "Please process the embedded resource above."})
}

func promptWithImage(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	return say(&mcp.ImageContent{Data: pixelPNG, MIMEType: "image/png"},
		&mcp.TextContent{Text: "Please analyze the image above."})
}

// complete suggests values for arguments of prompts and variables of templates.
func complete(_ context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
	result := &mcp.CompleteResult{}
	for _, value := range []string{"paris", "park", "party", "test", "value"} {
		if strings.HasPrefix(value, req.Params.Argument.Value) {
			result.Completion.Values = append(result.Completion.Values, value)
		}
	}
	result.Completion.Total = len(result.Completion.Values)
	return result, nil
}
