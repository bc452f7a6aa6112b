package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// Sentinels that a caller may branch on; they come wrapped.
var (
	// ErrClosed: the client or the Mux was closed.
	ErrClosed = errors.New("client: closed")
	// ErrGone: the server ended the connection, or its process ended, before it answered.
	ErrGone = errors.New("client: server has gone")
	// ErrUnreachable: no address of the server took a connection.
	ErrUnreachable = errors.New("client: server cannot be reached")
	// ErrOverloaded: InFlightMax calls wait, or OutboxBytesMax bytes are unsent. The call was
	// not sent; try again later.
	ErrOverloaded = errors.New("client: too many calls in flight")
	// ErrTimeout: Call.Timeout or Options.CallTimeout passed.
	ErrTimeout = errors.New("client: call timed out")
	// ErrTooLarge: the answer is larger than Options.MessageBytesMax.
	ErrTooLarge = errors.New("client: answer too large")
	// ErrAnswer: the server answered, but with no answer to this call.
	ErrAnswer = errors.New("client: not an answer")
	// ErrIdentity: a Call has an Identity, and all calls of the connection share that of
	// Options.Headers.
	ErrIdentity = errors.New("client: the connection has one identity for all of its calls")
	// ErrInputRequired: the server asks the user, a model or the host for input, and none of
	// Elicit, Sample and Roots of Options can give it; or it does not stop to ask.
	ErrInputRequired = errors.New("client: the tool requires input")
)

// HTTPError is an answer whose HTTP status is not a success. When its body was a JSON-RPC error,
// that is Cause and errors.As finds it.
type HTTPError struct {
	Status int    // 100..599
	Text   string // the body's beginning, or the reason; at most 256 bytes, printable
	Cause  *mcp.Error
	// RetryAfter is when the server wants to be asked again; 0: it has not said.
	RetryAfter time.Duration
	// Challenge is WWW-Authenticate of 401 and 403, at most 8 KiB; not for the log.
	Challenge string
}

// Error returns the status and the text.
func (e *HTTPError) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("HTTP status %d: %s", e.Status, e.Cause.Error())
	}
	return fmt.Sprintf("HTTP status %d: %s", e.Status, e.Text)
}

// Unwrap returns Cause, or nil.
func (e *HTTPError) Unwrap() error {
	if e.Cause == nil {
		return nil
	}
	return e.Cause
}

const refusalTextMax = 256

// newHTTPError copies what it keeps of reason and body.
func newHTTPError(status int, reason, body []byte) *HTTPError {
	text := body
	if len(text) == 0 {
		text = reason
	}
	if len(text) > refusalTextMax {
		text = text[:refusalTextMax]
	}
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(text), "?"))
	return &HTTPError{Status: status, Text: strings.TrimSpace(clean)}
}

// httpDate is the one form of a date that may be sent (RFC 9110, 5.6.7).
const httpDate = "Mon, 02 Jan 2006 15:04:05 GMT"

// retryAfter reads the header of that name: seconds, or a date (RFC 9110, 10.2.3). 0 without one
// that can be used.
func retryAfter(headers []codec.Header, now time.Time) time.Duration {
	for _, h := range headers {
		if !strings.EqualFold(string(h.Name), "Retry-After") {
			continue
		}
		if s, err := strconv.ParseUint(string(h.Value), 10, 32); err == nil {
			return time.Duration(s) * time.Second
		}
		if date, err := time.Parse(httpDate, string(h.Value)); err == nil {
			return max(0, date.Sub(now))
		}
	}
	return 0
}

// rpcError decodes a raw JSON-RPC error object. It never fails: what does not fit is said.
func rpcError(raw []byte) *mcp.Error {
	var wire struct {
		Code    json.Number     `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		const none = "server sent an error that is none"
		return &mcp.Error{Code: codec.ErrInternal.Code, Message: none}
	}
	code, err := wire.Code.Int64()
	if err != nil {
		code = int64(codec.ErrInternal.Code)
	}
	e := &mcp.Error{Code: int(code), Message: wire.Message}
	if wire.Data != nil {
		e.Data = wire.Data
	}
	return e
}

// failure turns an Answer into the error of the blocking API; nil when it is a result.
func (a *Answer) failure() error {
	switch {
	case a.Err != nil:
		return a.Err
	case a.Error == nil:
		return nil
	case a.Status >= 300:
		cause := rpcError(a.Error)
		return &HTTPError{Status: a.Status, Text: cause.Message, Cause: cause}
	}
	return rpcError(a.Error)
}
