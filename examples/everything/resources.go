package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// addResources offers a text, a picture, a resource that changes, and a family of resources.
func addResources(s *server.Server) error {
	text := mcp.Resource{
		URI: "test://static-text", Name: "static-text", Title: "Static text",
		Description: "A text that never changes.", MIMEType: "text/plain",
		Annotations: &mcp.Annotations{Audience: []string{"user"}, Priority: 0.5},
	}
	// What is in memory already may be read on the loop of the connection that asks.
	err := s.AddResource(text, func(
		_ context.Context, req *mcp.ReadResourceRequest,
	) (*mcp.ReadResourceResult, error) {
		return contents(&mcp.ResourceContents{
			URI: req.Params.URI, MIMEType: "text/plain",
			Text: "This is the content of the static text resource.",
		}), nil
	}, server.Inline)
	if err != nil {
		return err
	}
	picture := mcp.Resource{
		URI: "test://static-binary", Name: "static-binary", MIMEType: "image/png",
		Description: "A picture of one red pixel.",
	}
	err = s.AddResource(picture, func(
		_ context.Context, req *mcp.ReadResourceRequest,
	) (*mcp.ReadResourceResult, error) {
		return contents(&mcp.ResourceContents{
			URI: req.Params.URI, MIMEType: "image/png", Blob: pixelPNG,
		}), nil
	})
	if err != nil {
		return err
	}
	if err := s.AddResource(mcp.Resource{
		URI: watchedURI, Name: "watched-resource", MIMEType: "text/plain",
		Description: "Changes every three seconds; subscribe to be told.",
	}, readWatched); err != nil {
		return err
	}
	return s.AddResourceTemplate(mcp.ResourceTemplate{
		URITemplate: "test://template/{id}/data", Name: "template", MIMEType: "application/json",
		Description: "Data of any id.",
	}, readTemplate)
}

func contents(all ...*mcp.ResourceContents) *mcp.ReadResourceResult {
	return &mcp.ReadResourceResult{Contents: all, TTLMs: 60_000, CacheScope: "public"}
}

// readTemplate reads one of the family: the variables of its URI are there by name.
func readTemplate(
	_ context.Context, req *mcp.ReadResourceRequest,
) (*mcp.ReadResourceResult, error) {
	id := req.Params.Variables["id"]
	return contents(&mcp.ResourceContents{
		URI: req.Params.URI, MIMEType: "application/json",
		Text: fmt.Sprintf(`{"id":%q,"templateTest":true,"data":"Data for ID: %s"}`, id, id),
	}), nil
}

const watchedURI = "test://watched-resource"

func readWatched(
	_ context.Context, req *mcp.ReadResourceRequest,
) (*mcp.ReadResourceResult, error) {
	result := contents(&mcp.ResourceContents{
		URI: req.Params.URI, MIMEType: "text/plain",
		Text: "It was read at " + time.Now().UTC().Format(time.RFC3339) + ".",
	})
	result.TTLMs = 0 // never to be reused
	return result, nil
}

// changeWatched tells whoever subscribed, until ctx ends.
func changeWatched(ctx context.Context, s *server.Server) {
	ticker := time.NewTicker(3 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.ResourceUpdated(watchedURI)
		}
	}
}
