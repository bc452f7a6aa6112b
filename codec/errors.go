package codec

import "fmt"

// Error is one wire error: what a peer reads in the "error" member, and the HTTP status
// that goes with it. The values below are the only ones in the project; callers compare
// them by identity when a scan returned them, and with errors.Is after With.
type Error struct {
	Code    int    // JSON-RPC code
	Message string // one short line, safe to show to a peer
	Status  int    // HTTP status of the modern era when the whole answer is this error
}

// Error makes a wire error usable as a Go error.
func (e *Error) Error() string {
	return fmt.Sprintf("codec: %s (code %d)", e.Message, e.Code)
}

// With returns an error of the same code and status whose text also names the case at hand.
// It allocates: for the refusal path only. Never hand it bytes of unknown length from a peer.
func (e *Error) With(format string, args ...any) *Error {
	detail := fmt.Sprintf(format, args...)
	return &Error{Code: e.Code, Message: e.Message + ": " + detail, Status: e.Status}
}

// Is lets errors.Is find the table's value behind a text that With made.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Status == e.Status
}

// JSON-RPC 2.0's own codes. ErrInvalidParams has status 400 for faults of the message itself
// (its _meta, for instance); a fault that a handler found travels in-band with status 200.
var (
	ErrParse          = &Error{-32700, "parse error", 400}
	ErrInvalidRequest = &Error{-32600, "invalid request", 400}
	ErrMethodNotFound = &Error{-32601, "method not found", 404}
	ErrInvalidParams  = &Error{-32602, "invalid params", 400}
	ErrInternal       = &Error{-32603, "internal error", 200}
)

// MCP's codes.
var (
	ErrHeaderMismatch     = &Error{-32020, "header does not match the body", 400}
	ErrMissingCapability  = &Error{-32021, "missing required client capability", 400}
	ErrUnsupportedVersion = &Error{-32022, "unsupported protocol version", 400}
	// The three below are answers to legacy peers only.
	ErrSessionNotFound  = &Error{-32001, "session not found", 404}
	ErrBadRequest       = &Error{-32000, "bad request", 400}
	ErrResourceNotFound = &Error{-32002, "resource not found", 200}
	ErrURLElicitation   = &Error{-32042, "URL elicitation required", 200} // 2025-11-25 alone
)

// Our own codes. They stay outside -32768..-32000, which JSON-RPC and MCP keep for themselves.
var (
	ErrOverloaded = &Error{-31000, "server is overloaded, try again later", 503}
	ErrTimeout    = &Error{-31001, "request timed out", 504}
	// ErrUpstream: the server behind this one that should have answered is not there.
	ErrUpstream = &Error{-31002, "upstream is not available", 200}
	// ErrTooLarge answers a message above the configured limit.
	ErrTooLarge = &Error{-32600, "message too large", 413}
)

// Refusals of the HTTP door: no message was looked at, so the code says only "bad request".
var (
	ErrForbiddenOrigin      = &Error{-32000, "origin or host is not allowed", 403}
	ErrNotFound             = &Error{-32000, "no such path", 404}
	ErrMethodNotAllowed     = &Error{-32000, "HTTP method is not allowed here", 405}
	ErrNotAcceptable        = &Error{-32000, "no acceptable content type", 406}
	ErrRequestTimeout       = &Error{-32000, "request was not complete in time", 408}
	ErrURITooLong           = &Error{-32000, "request target too long", 414}
	ErrUnsupportedMediaType = &Error{-32000, "content type must be application/json", 415}
	ErrUpgradeRequired      = &Error{-32000, "WebSocket version must be 13", 426}
	ErrExpectationFailed    = &Error{-32000, "expectation not supported", 417}
	ErrHeadersTooLarge      = &Error{-32000, "request head too large", 431}
	ErrNotImplemented       = &Error{-32000, "transfer coding not implemented", 501}
	ErrHTTPVersion          = &Error{-32000, "HTTP version not supported", 505}
)
