package mcp

import "encoding/json"

// Implementation names a client or a server (schema: Implementation).
type Implementation struct {
	Name        string `json:"name"`
	Title       string `json:"title,omitempty"`
	Version     string `json:"version"`
	Description string `json:"description,omitempty"`
	WebsiteURL  string `json:"websiteUrl,omitempty"`
	Icons       []Icon `json:"icons,omitempty"`
}

// Meta is the _meta object of a definition or of a result. Keys whose prefix has
// modelcontextprotocol or mcp as second label are reserved for the specification.
type Meta map[string]any

// ToolAnnotations are hints about a tool's behaviour (schema: ToolAnnotations; from 2025-03-26
// on). Clients must not trust them from a server they do not trust.
type ToolAnnotations struct {
	Title           string `json:"title,omitempty"`
	ReadOnlyHint    bool   `json:"readOnlyHint,omitempty"`
	DestructiveHint *bool  `json:"destructiveHint,omitempty"`
	IdempotentHint  bool   `json:"idempotentHint,omitempty"`
	OpenWorldHint   *bool  `json:"openWorldHint,omitempty"`
}

// Icon is a picture for a user interface (schema: Icon; from 2025-11-25 on).
type Icon struct {
	Src      string   `json:"src"`
	MIMEType string   `json:"mimeType,omitempty"`
	Sizes    []string `json:"sizes,omitempty"`
	Theme    string   `json:"theme,omitempty"`
}

// Tool is the definition of a tool (schema: Tool). Name has 1 to 128 characters of
// [A-Za-z0-9_.-]. InputSchema and OutputSchema take any value that marshals to a JSON Schema
// object (2020-12); a nil InputSchema is derived from the handler's input type, or is
// {"type":"object"} for a raw handler.
type Tool struct {
	Name         string           `json:"name"`
	Title        string           `json:"title,omitempty"`
	Description  string           `json:"description,omitempty"`
	InputSchema  any              `json:"inputSchema"`
	OutputSchema any              `json:"outputSchema,omitempty"`
	Annotations  *ToolAnnotations `json:"annotations,omitempty"`
	Icons        []Icon           `json:"icons,omitempty"`
	Execution    *ToolExecution   `json:"execution,omitempty"`
	Meta         Meta             `json:"_meta,omitempty"`
}

// ToolExecution says how a tool may be run. TaskSupport is "forbidden" (the default), "optional" or
// "required": for clients that declare ExtensionTasks the latter two make a task of every call;
// "required" refuses modern clients that do not. Only lists of 2025-11-25 show it.
type ToolExecution struct {
	TaskSupport string `json:"taskSupport,omitempty"`
}

// CallToolParams are the parameters of tools/call (schema: CallToolRequestParams).
type CallToolParams struct {
	Name      string `json:"name"`
	Arguments any    `json:"arguments,omitempty"`
	Meta      Meta   `json:"_meta,omitempty"`
}

// CallToolResult is the answer of a tool (schema: CallToolResult). IsError tells a failure of
// the tool itself, which the model shall see; a failure of the protocol is an *Error instead.
// StructuredContent is any value that marshals to JSON; nil is none, json.RawMessage("null") null.
type CallToolResult struct {
	Content           []Content `json:"content"`
	StructuredContent any       `json:"structuredContent,omitempty"`
	IsError           bool      `json:"isError,omitempty"`
	Meta              Meta      `json:"_meta,omitempty"`
}

// ListToolsResult is one page of tools (schema: ListToolsResult), as a client reads it.
type ListToolsResult struct {
	Tools      []ListedTool `json:"tools"`
	NextCursor string       `json:"nextCursor,omitempty"`
	TTLMs      int64        `json:"ttlMs,omitempty"`
	CacheScope string       `json:"cacheScope,omitempty"`
}

// ListedTool is a Tool as a client reads it: the schemas stay raw.
type ListedTool struct {
	Name         string           `json:"name"`
	Title        string           `json:"title,omitempty"`
	Description  string           `json:"description,omitempty"`
	InputSchema  json.RawMessage  `json:"inputSchema"`
	OutputSchema json.RawMessage  `json:"outputSchema,omitempty"`
	Annotations  *ToolAnnotations `json:"annotations,omitempty"`
	Icons        []Icon           `json:"icons,omitempty"`
	Execution    *ToolExecution   `json:"execution,omitempty"`
	Meta         Meta             `json:"_meta,omitempty"`
}

// ProgressNotificationParams reports how far a call has come (schema:
// ProgressNotificationParams). Progress must grow from one to the next; Total 0 is unknown;
// Message is dropped for 2024-11-05, which does not have it.
type ProgressNotificationParams struct {
	Progress float64
	Total    float64
	Message  string
}

// LoggingLevel is the severity of a log message (schema: LoggingLevel, RFC 5424).
type LoggingLevel string

var levels = [...]LoggingLevel{
	"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency",
}

// Severity returns 1 (debug) to 8 (emergency), or 0 for a level the schema does not have.
func (l LoggingLevel) Severity() int {
	for i, name := range levels {
		if l == name {
			return i + 1
		}
	}
	return 0
}

// validLevel tells whether raw is the JSON string of a level.
func validLevel(raw []byte) bool {
	return len(raw) > 2 && LoggingLevel(raw[1:len(raw)-1]).Severity() > 0
}

// LevelNamed is the level of a severity of 1..8, "" of any other.
func LevelNamed(severity int) LoggingLevel {
	if severity < 1 || severity > len(levels) {
		return ""
	}
	return levels[severity-1]
}

// LevelOf returns the severity of a raw JSON string, 0 when it is not a level.
func LevelOf(raw []byte) int {
	if len(raw) < 2 {
		return 0
	}
	return LoggingLevel(raw[1 : len(raw)-1]).Severity()
}
