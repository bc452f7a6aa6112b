package mcp

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mcploop/mcploop/codec"
)

// Error is a JSON-RPC error that a handler may return: the call fails as a protocol error,
// not as a tool's answer with isError. Data is any value that marshals to JSON, or nil.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

// Error returns the message with its code.
func (e *Error) Error() string { return fmt.Sprintf("%s (code %d)", e.Message, e.Code) }

// MissingCapability is the error of a handler that needs a capability which the client did not
// declare with this request, e.g. "sampling" (2026-07-28: MissingRequiredClientCapability).
func MissingCapability(names ...string) *Error {
	required := make(map[string]any, len(names))
	for _, name := range names {
		required[name] = struct{}{}
	}
	return &Error{
		Code:    codec.ErrMissingCapability.Code,
		Message: codec.ErrMissingCapability.Message,
		Data:    map[string]any{"requiredCapabilities": required},
	}
}

// ResourceNotFound is the error of a resource that does not exist: -32602 with the URI in its data
// for modern clients, -32002 for legacy ones (SEP-2164).
func ResourceNotFound(uri string) *Error {
	return &Error{
		Code: codec.ErrResourceNotFound.Code, Message: codec.ErrResourceNotFound.Message,
		Data: map[string]any{"uri": uri},
	}
}

// WireError turns a handler's error into the error and the raw data of its answer. An error
// that is no *Error, or that would use a code which the specification keeps for itself and has
// not defined, becomes -32603 (2026-07-28, basic/index, "Error codes"). v is the revision of the
// answer.
func WireError(err error, v Version) (*codec.Error, []byte) {
	var known *codec.Error
	if errors.As(err, &known) {
		return known, nil
	}
	var own *Error
	if !errors.As(err, &own) {
		return codec.ErrInternal.With("%s", err), nil
	}
	var data []byte
	if own.Data != nil {
		if raw, mErr := json.Marshal(own.Data); mErr == nil {
			data = raw
		}
	}
	code := own.Code
	if code == codec.ErrResourceNotFound.Code && v.Modern() {
		code = codec.ErrInvalidParams.Code // 2026-07-28: MUST NOT emit -32002
	}
	if code != codec.ErrURLElicitation.Code || v != V20251125 { // which alone knows it
		code = allowedCode(code)
	}
	return &codec.Error{
		Code: code, Message: own.Message, Status: statusOf(code),
	}, data
}

// allowedCode keeps the defined codes and those outside JSON-RPC's range.
func allowedCode(code int) int {
	if code < -32768 || code > -32000 || defined(code) {
		return code
	}
	return codec.ErrInternal.Code
}

// statusOf is the HTTP status of a modern answer that fails with code inside a handler: the
// capability errors keep theirs, everything else is in-band.
func statusOf(code int) int {
	if code == codec.ErrMissingCapability.Code {
		return codec.ErrMissingCapability.Status
	}
	return 200
}

// defined tells whether JSON-RPC or MCP gives the code a meaning that a handler may use.
func defined(code int) bool {
	switch code {
	case codec.ErrInvalidRequest.Code, codec.ErrMethodNotFound.Code, codec.ErrInvalidParams.Code,
		codec.ErrInternal.Code, codec.ErrMissingCapability.Code, codec.ErrResourceNotFound.Code:
		return true
	}
	return false
}
