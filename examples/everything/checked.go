package main

import (
	"context"
	"encoding/json"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// addCheckedTools offers one raw handler twice: with a schema, so that only arguments that fit
// reach it, and without, so that it looks for itself. `mcploop bench compare -plan schema` tells
// what the check costs.
func addCheckedTools(s *server.Server) error {
	err := s.AddRawTool(mcp.Tool{
		Name: "repeat_checked", Description: "Returns message; its arguments are checked.",
		InputSchema: json.RawMessage(`{"type":"object","properties":{` +
			`"message":{"type":"string","maxLength":200},` +
			`"limit":{"type":"integer","minimum":1,"maximum":100},` +
			`"verbose":{"type":"boolean"}},` +
			`"required":["message"],"additionalProperties":false}`),
	}, repeat, server.Inline)
	if err != nil {
		return err
	}
	return s.AddRawTool(mcp.Tool{
		Name: "repeat_unchecked", Description: "Returns message; its arguments are not checked.",
	}, repeat, server.Inline)
}

func repeat(_ context.Context, req *mcp.Request, dst []byte) ([]byte, error) {
	message := req.Arg("message") // raw JSON, the quotes included
	if len(message) == 0 || message[0] != '"' {
		return mcp.AppendErrorResult(dst, []byte("message must be a string")), nil
	}
	return mcp.AppendRawTextResult(dst, message), nil
}
