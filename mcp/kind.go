package mcp

// Kind is a kind of thing that servers offer in lists.
type Kind uint8

// The kinds of things that servers offer.
const (
	KindTool     Kind = iota
	KindResource      // looked up by its URI
	KindTemplate      // a family of resources, looked up by its URI template
	KindPrompt

	KindCount
)

// kindRow is what the protocol calls a kind (schema: the results of the list methods).
type kindRow struct {
	name       string
	list, use  Method
	member     string // of the list's result
	key        string // member of a definition that names it
	capability string // of the server
}

var kindTable = [KindCount]kindRow{
	KindTool: {"tool", MethodToolsList, MethodToolsCall, "tools", "name", "tools"},
	KindResource: {
		"resource", MethodResourcesList, MethodResourcesRead, "resources", "uri", "resources",
	},
	KindTemplate: {
		"resource template", MethodTemplatesList, MethodResourcesRead, "resourceTemplates",
		"uriTemplate", "resources",
	},
	KindPrompt: {"prompt", MethodPromptsList, MethodPromptsGet, "prompts", "name", "prompts"},
}

// String is the kind's name in logs and errors.
func (k Kind) String() string { return kindTable[k].name }

// List is the method that lists things of the kind.
func (k Kind) List() Method { return kindTable[k].list }

// Use is the method that makes use of one: tools/call, resources/read or prompts/get.
func (k Kind) Use() Method { return kindTable[k].use }

// Member is the member of the list's result that holds the definitions.
func (k Kind) Member() string { return kindTable[k].member }

// Key is the member of a definition by which it is looked up.
func (k Kind) Key() string { return kindTable[k].key }

// Capability is what a server declares that offers such things.
func (k Kind) Capability() string { return kindTable[k].capability }
