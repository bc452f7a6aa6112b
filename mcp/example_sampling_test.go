package mcp_test

import (
	"encoding/json"
	"fmt"

	"github.com/mcploop/mcploop/mcp"
)

// A model that got CreateMessageParams.Tools may want one called. The handler does so, and asks
// again with what the model said and what came of it.
func ExampleToolUseContent() {
	var said mcp.CreateMessageResult
	err := json.Unmarshal([]byte(`{"role":"assistant","model":"m","stopReason":"toolUse",`+
		`"content":[{"type":"tool_use","id":"u1","name":"weather","input":{"in":"Rome"}}]}`), &said)
	if err != nil {
		fmt.Println(err)
		return
	}
	results := &mcp.SamplingMessage{Role: "user"}
	for _, block := range said.Content {
		if use, ok := block.(*mcp.ToolUseContent); ok {
			results.Contents = append(results.Contents, &mcp.ToolResultContent{
				ToolUseID: use.ID,
				Content:   []mcp.Content{&mcp.TextContent{Text: "It rains."}},
			})
		}
	}
	next := []*mcp.SamplingMessage{{Role: said.Role, Contents: said.Content}, results}
	raw, err := json.MarshalIndent(next[1], "", "  ")
	fmt.Println(string(raw), err)
	// Output:
	// {
	//   "role": "user",
	//   "content": [
	//     {
	//       "type": "tool_result",
	//       "toolUseId": "u1",
	//       "content": [
	//         {
	//           "type": "text",
	//           "text": "It rains."
	//         }
	//       ]
	//     }
	//   ]
	// } <nil>
}
