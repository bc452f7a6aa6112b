package mcp

import (
	"github.com/mcploop/mcploop/codec"
)

// Members of params._meta and result._meta (2026-07-28, basic/index, "General fields: _meta").
const (
	MetaProgressToken      = "progressToken"
	MetaProtocolVersion    = "io.modelcontextprotocol/protocolVersion"
	MetaClientCapabilities = "io.modelcontextprotocol/clientCapabilities"
	MetaClientInfo         = "io.modelcontextprotocol/clientInfo"
	MetaLogLevel           = "io.modelcontextprotocol/logLevel"
	MetaSubscriptionID     = "io.modelcontextprotocol/subscriptionId"
	MetaServerInfo         = "io.modelcontextprotocol/serverInfo"
	// MetaRelatedTask ties a message to a task (2025-11-25, basic/utilities/tasks).
	MetaRelatedTask = "io.modelcontextprotocol/related-task"
)

// Envelope is what a modern request says of itself in params._meta. Its members are views into
// the frame and live as long as it does; ProgressToken is raw JSON and is read in every era.
type Envelope struct {
	Claim        []byte // raw protocolVersion; nil: the request makes no claim, it is legacy
	Version      Version
	VersionName  []byte
	Capabilities []byte
	ClientInfo   []byte
	LogLevel     []byte
	Token        []byte
	Foreign      bool // there are members that the protocol does not define

	empty bool // nothing above is set
}

// ReadEnvelope reads params._meta in one pass over its members. It checks nothing but the
// kind of value; Check does.
func ReadEnvelope(m *codec.Message, e *Envelope) {
	if len(m.MetaMembers) == 0 && e.empty {
		return // Fast path: e says nothing already.
	}
	*e = Envelope{empty: len(m.MetaMembers) == 0}
	for i := range m.MetaMembers {
		value := m.MetaMembers[i].Value
		switch string(m.MetaMembers[i].Key) {
		case MetaProtocolVersion:
			e.Claim = value
			if name, ok := codec.StringContent(value); ok {
				e.VersionName = name
				e.Version = ParseVersion(name)
			}
		case MetaClientCapabilities:
			e.Capabilities = value
		case MetaClientInfo:
			e.ClientInfo = value
		case MetaLogLevel:
			e.LogLevel = value
		case MetaProgressToken:
			e.Token = value
		case MetaRelatedTask:
		default:
			e.Foreign = true
		}
	}
}

// Check returns the fault of a modern envelope, or nil: protocolVersion must be a string and
// clientCapabilities an object, clientInfo an object when present, progressToken a string or
// an integer (-32602). Whether the version is one we speak is for Negotiable.
func (e *Envelope) Check() *codec.Error {
	switch {
	case e.Claim == nil:
		return codec.ErrInvalidParams.With("params._meta lacks %q", MetaProtocolVersion)
	case e.VersionName == nil:
		return codec.ErrInvalidParams.With("%q must be a string", MetaProtocolVersion)
	case e.Capabilities == nil:
		return codec.ErrInvalidParams.With("params._meta lacks %q", MetaClientCapabilities)
	case e.Capabilities[0] != '{':
		return codec.ErrInvalidParams.With("%q must be an object", MetaClientCapabilities)
	case e.ClientInfo != nil && e.ClientInfo[0] != '{':
		return codec.ErrInvalidParams.With("%q must be an object", MetaClientInfo)
	case e.LogLevel != nil && !validLevel(e.LogLevel):
		return codec.ErrInvalidParams.With("%q must be one of debug, info, notice, warning, "+
			"error, critical, alert, emergency", MetaLogLevel)
	}
	return e.CheckToken()
}

// CheckToken returns the fault of the progress token, or nil (all revisions: string or integer).
func (e *Envelope) CheckToken() *codec.Error {
	if e.Token == nil || e.Token[0] == '"' || e.Token[0] == '-' ||
		(e.Token[0] >= '0' && e.Token[0] <= '9') {
		return nil
	}
	return codec.ErrInvalidParams.With("progressToken must be a string or an integer")
}

// Negotiable returns nil when the claimed version is a modern one that we speak, else
// UnsupportedProtocolVersion (-32022).
func (e *Envelope) Negotiable() *codec.Error {
	if e.Version.Modern() {
		return nil
	}
	return codec.ErrUnsupportedVersion
}

// AppendUnsupported appends the data of UnsupportedProtocolVersion (2026-07-28 schema):
// the supported revisions and the requested one.
func AppendUnsupported(dst, requested []byte) []byte {
	dst = append(dst, `{"supported":`...)
	dst = append(dst, supportedJSON...)
	dst = append(dst, `,"requested":`...)
	dst = codec.AppendStringBytes(dst, requested)
	return append(dst, '}')
}

// AppendMeta appends the modern members that close every result object: resultType and
// _meta.serverInfo. serverInfo is raw JSON.
func AppendMeta(dst []byte, resultType string, serverInfo []byte) []byte {
	dst = append(dst, `"resultType":"`...)
	dst = append(dst, resultType...)
	dst = append(dst, `","_meta":{"`+MetaServerInfo+`":`...)
	dst = append(dst, serverInfo...)
	return append(dst, '}')
}
