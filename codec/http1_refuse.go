package codec

import "strconv"

// HTTPError is a refusal that HTTP alone decides, before any message was looked at. The
// answer is one response of this status, and the connection closes after it: no byte behind
// the refused head is ever interpreted. The values below are the only ones in the package,
// so refusing costs no allocation and callers may compare by identity.
//
// The reader of a response gets the same values; there Reason counts and Status says nothing.
type HTTPError struct {
	Status int    // 400, 413, 414, 417, 431, 501 or 505
	Reason string // the rule that was broken; safe to show to the peer and in a log
}

// Error makes a refusal usable as a Go error.
func (e *HTTPError) Error() string {
	return "codec: HTTP " + strconv.Itoa(e.Status) + ": " + e.Reason
}

// Wire returns the wire error of the same status for a JSON-RPC body in the answer.
func (e *HTTPError) Wire() *Error {
	switch e.Status {
	case 413:
		return ErrTooLarge
	case 414:
		return ErrURITooLong
	case 417:
		return ErrExpectationFailed
	case 431:
		return ErrHeadersTooLarge
	case 501:
		return ErrNotImplemented
	case 505:
		return ErrHTTPVersion
	}
	return ErrBadRequest
}

// Faults of lines and fields.
var (
	refuseBareCR      = &HTTPError{400, "CR without LF"}
	refuseBareLF      = &HTTPError{400, "LF without CR"}
	refuseControl     = &HTTPError{400, "control character in a line"}
	refuseLeading     = &HTTPError{400, "too many empty lines before the request line"}
	refuseFold        = &HTTPError{400, "folded header line"}
	refuseFieldName   = &HTTPError{400, "header name is not a token followed by a colon"}
	refuseTwin        = &HTTPError{400, "header name with _ in place of -"}
	refuseHeaderCount = &HTTPError{431, "too many header lines"}
	refuseHeadBytes   = &HTTPError{431, "head too large"}
)

// Faults of the first line and of what it names.
var (
	refuseRequestLine = &HTTPError{400, "request line is not: method SP target SP version"}
	refuseMethod      = &HTTPError{400, "method is not a token"}
	refuseMethodLong  = &HTTPError{501, "method not implemented"}
	refuseConnect     = &HTTPError{501, "CONNECT is not implemented"}
	refuseVersion     = &HTTPError{505, "HTTP version is not 1.0 or 1.1"}
	refuseTargetLong  = &HTTPError{414, "request target too long"}
	refuseTarget      = &HTTPError{400, "bad character in the request target"}
	refuseTargetForm  = &HTTPError{400, "request target is neither a path nor an http URL"}
	refuseNoHost      = &HTTPError{400, "no Host"}
	refuseTwoHosts    = &HTTPError{400, "two Host headers"}
	refuseHost        = &HTTPError{400, "bad Host"}
	refuseAuthority   = &HTTPError{400, "Host does not match the request target"}
	refuseStatusLine  = &HTTPError{400, "status line is not: version SP status SP reason"}
)

// Faults of the framing: where the body ends must never be in doubt.
var (
	refuseLength     = &HTTPError{400, "Content-Length is not a decimal number"}
	refuseTwoLengths = &HTTPError{400, "two Content-Length headers"}
	refuseCoding     = &HTTPError{400, "Transfer-Encoding is not exactly chunked"}
	refuseTwoCodings = &HTTPError{400, "two Transfer-Encoding headers"}
	refuseBoth       = &HTTPError{400, "both Content-Length and Transfer-Encoding"}
	refuseOldCoding  = &HTTPError{400, "Transfer-Encoding in HTTP/1.0"}
	refuseExpect     = &HTTPError{417, "Expect is not 100-continue"}
	refuseBody       = &HTTPError{413, "body too large"}
	refuseChunkSize  = &HTTPError{400, "bad chunk size"}
	refuseChunkExt   = &HTTPError{400, "bad chunk extension"}
	refuseChunkExts  = &HTTPError{413, "chunk extensions too large"}
	refuseChunkEnd   = &HTTPError{400, "no CRLF after the chunk's data"}
	refuseTrailer    = &HTTPError{400, "field not allowed in a trailer"}
)
