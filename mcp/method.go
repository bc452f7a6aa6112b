package mcp

// Hot path: no allocation, no lock, no log, no time.Now.

// Method is one JSON-RPC method of MCP.
type Method uint8

// The methods a server receives.
const (
	MethodUnknown Method = iota
	MethodInitialize
	MethodPing
	MethodDiscover
	MethodToolsList
	MethodToolsCall
	MethodListen
	MethodSetLevel
	MethodPromptsList
	MethodPromptsGet
	MethodResourcesList
	MethodTemplatesList
	MethodResourcesRead
	MethodComplete
	MethodSubscribe
	MethodUnsubscribe
	MethodTasksGet
	MethodTasksUpdate
	MethodTasksCancel
	MethodTasksResult
	MethodTasksList
	MethodInitialized
	MethodCancelled
	MethodProgress
	MethodRootsChanged

	MethodCount
)

// columns says in which revisions a method exists: bit v is set when Version v has it.
type columns uint8

const (
	legacyColumns = columns(1<<V20241105 | 1<<V20250326 | 1<<V20250618 | 1<<V20251125)
	modernColumns = columns(1 << V20260728)
	taskColumns   = columns(1 << V20251125) // the experimental tasks
	allColumns    = legacyColumns | modernColumns
)

// row is one line of the method table.
type row struct {
	name         string
	columns      columns
	notification bool
	nameParam    string // what Mcp-Name repeats
}

// table is the method table, data not code: a method that a revision does not have is answered
// -32601 there (2026-07-28 changelog; schema.ts of each revision).
var table = [MethodCount]row{
	MethodUnknown:    {name: "unknown"},
	MethodInitialize: {name: "initialize", columns: legacyColumns},
	MethodPing:       {name: "ping", columns: legacyColumns},
	MethodDiscover:   {name: "server/discover", columns: modernColumns},
	MethodToolsList:  {name: "tools/list", columns: allColumns},
	MethodToolsCall:  {name: "tools/call", columns: allColumns, nameParam: "name"},
	MethodListen:     {name: "subscriptions/listen", columns: modernColumns},
	MethodSetLevel:   {name: "logging/setLevel", columns: legacyColumns},

	MethodPromptsList:   {name: "prompts/list", columns: allColumns},
	MethodPromptsGet:    {name: "prompts/get", columns: allColumns, nameParam: "name"},
	MethodResourcesList: {name: "resources/list", columns: allColumns},
	MethodTemplatesList: {name: "resources/templates/list", columns: allColumns},
	MethodResourcesRead: {name: "resources/read", columns: allColumns, nameParam: "uri"},
	MethodComplete:      {name: "completion/complete", columns: allColumns},
	MethodSubscribe:     {name: "resources/subscribe", columns: legacyColumns},
	MethodUnsubscribe:   {name: "resources/unsubscribe", columns: legacyColumns},

	MethodTasksGet: {
		name: "tasks/get", columns: taskColumns | modernColumns, nameParam: "taskId",
	},
	MethodTasksUpdate: {name: "tasks/update", columns: modernColumns, nameParam: "taskId"},
	MethodTasksCancel: {
		name: "tasks/cancel", columns: taskColumns | modernColumns, nameParam: "taskId",
	},
	MethodTasksResult: {name: "tasks/result", columns: taskColumns},
	MethodTasksList:   {name: "tasks/list", columns: taskColumns},

	MethodInitialized: {
		name: "notifications/initialized", columns: legacyColumns, notification: true,
	},
	MethodCancelled: {
		name: "notifications/cancelled", columns: allColumns, notification: true,
	},
	MethodProgress: {
		name: "notifications/progress", columns: legacyColumns, notification: true,
	},
	MethodRootsChanged: {
		name: "notifications/roots/list_changed", columns: legacyColumns, notification: true,
	},
}

// LookupMethod returns the method named name, or MethodUnknown. The compiler turns the switch
// into a comparison by length first: no hashing, no allocation.
func LookupMethod(name []byte) Method {
	switch string(name) {
	case "tools/call":
		return MethodToolsCall
	case "tools/list":
		return MethodToolsList
	case "ping":
		return MethodPing
	case "initialize":
		return MethodInitialize
	case "server/discover":
		return MethodDiscover
	case "subscriptions/listen":
		return MethodListen
	case "logging/setLevel":
		return MethodSetLevel
	case "prompts/list":
		return MethodPromptsList
	case "prompts/get":
		return MethodPromptsGet
	case "resources/list":
		return MethodResourcesList
	case "resources/templates/list":
		return MethodTemplatesList
	case "resources/read":
		return MethodResourcesRead
	case "completion/complete":
		return MethodComplete
	case "resources/subscribe":
		return MethodSubscribe
	case "resources/unsubscribe":
		return MethodUnsubscribe
	case "tasks/get":
		return MethodTasksGet
	case "tasks/update":
		return MethodTasksUpdate
	case "tasks/cancel":
		return MethodTasksCancel
	case "tasks/result":
		return MethodTasksResult
	case "tasks/list":
		return MethodTasksList
	case "notifications/initialized":
		return MethodInitialized
	case "notifications/cancelled":
		return MethodCancelled
	case "notifications/progress":
		return MethodProgress
	case "notifications/roots/list_changed":
		return MethodRootsChanged
	}
	return MethodUnknown
}

// In tells whether revision v has method m.
func (m Method) In(v Version) bool { return table[m].columns&(1<<v) != 0 }

// Notification tells whether m is a notification: it has no id and is never answered.
func (m Method) Notification() bool { return table[m].notification }

// String returns the method's name on the wire, or "unknown".
func (m Method) String() string { return table[m].name }

// NameParam is the member of params that the header Mcp-Name repeats, or "" for a method
// without one (2026-07-28, basic/transports, "Standard request headers").
func (m Method) NameParam() string { return table[m].nameParam }

// Names of the notifications that a server sends.
const (
	NotifyProgress     = "notifications/progress"
	NotifyMessage      = "notifications/message"
	NotifyAcknowledged = "notifications/subscriptions/acknowledged"

	NotifyToolsListChanged     = "notifications/tools/list_changed"
	NotifyPromptsListChanged   = "notifications/prompts/list_changed"
	NotifyResourcesListChanged = "notifications/resources/list_changed"
	NotifyResourcesUpdated     = "notifications/resources/updated"
	NotifyTasks                = "notifications/tasks" // SEP-2663
	// NotifyElicitationComplete is of 2025-11-25 alone (client/elicitation).
	NotifyElicitationComplete = "notifications/elicitation/complete"
	NotifyTaskStatus          = "notifications/tasks/status" // 2025-11-25 alone
)
