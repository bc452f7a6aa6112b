package mcp

// CompleteReference names what is completed (schema: PromptReference, ResourceTemplateReference):
// Type is "ref/prompt" with a Name, or "ref/resource" with a URI or URI template.
type CompleteReference struct {
	Type string `json:"type"`
	Name string `json:"name,omitempty"`
	URI  string `json:"uri,omitempty"`
}

// CompleteArgument is the argument at hand and what was typed of it so far.
type CompleteArgument struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// CompleteContext has the arguments that are known already (from 2025-06-18 on).
type CompleteContext struct {
	Arguments map[string]string `json:"arguments,omitempty"`
}

// CompleteParams are the parameters of completion/complete (schema: CompleteRequestParams).
type CompleteParams struct {
	Ref      CompleteReference `json:"ref"`
	Argument CompleteArgument  `json:"argument"`
	Context  CompleteContext   `json:"context"`
}

// CompleteRequest is one completion/complete as its handler sees it. What it refers to exists.
type CompleteRequest struct {
	*Request
	Params CompleteParams
}

// CompletionValuesMax is how many values one answer has at most (all revisions,
// server/utilities/completion: "Maximum 100 items").
const CompletionValuesMax = 100

// CompletionResultDetails are the suggestions (schema: CompleteResult.completion), best first.
// Total 0 is unknown. Values beyond CompletionValuesMax are cut, and HasMore says so.
type CompletionResultDetails struct {
	Values  []string `json:"values"`
	Total   int      `json:"total,omitempty"`
	HasMore bool     `json:"hasMore,omitempty"`
}

// CompleteResult is the answer of completion/complete (schema: CompleteResult).
type CompleteResult struct {
	Completion CompletionResultDetails `json:"completion"`
	Meta       Meta                    `json:"_meta,omitempty"`
}
