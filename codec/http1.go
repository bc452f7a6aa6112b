// Hot path: no allocation, no lock, no log, no time.Now.

package codec

// HTTPLimits bounds what one HTTP message may cost. Every field must be above 0; a nil
// pointer where one is taken means the defaults.
type HTTPLimits struct {
	HeadBytes     int   // first line and headers, or all trailers; default 16 KiB
	Headers       int   // header lines, and trailer lines; default 100
	TargetBytes   int   // request target; default 8 KiB
	BodyBytes     int64 // decoded body; default 4 MiB
	ChunkExtBytes int   // chunk extensions of one body in total; default 4 KiB
}

// DefaultHTTPLimits returns the limits for which a nil pointer stands.
func DefaultHTTPLimits() HTTPLimits { return defaultHTTPLimits }

var defaultHTTPLimits = HTTPLimits{
	HeadBytes:     16 << 10,
	Headers:       100,
	TargetBytes:   8 << 10,
	BodyBytes:     4 << 20,
	ChunkExtBytes: 4 << 10,
}

const (
	methodBytesMax  = 32
	leadingLinesMax = 4 // RFC 9112 2.2: old clients send a CRLF behind a body
)

// Request is one request head. It is made to be used again: one per loop is enough. Its
// slices are views into the buffer given to Head and valid as long as that buffer.
type Request struct {
	Method        []byte
	Target        []byte // as written
	Path          []byte // of the target, escapes as written; "*" for OPTIONS *
	Query         []byte // behind the ?, nil when there is none
	Minor         int    // HTTP/1.Minor: 0 or 1
	Headers       []Header
	ContentLength int64 // -1 when absent; never above HTTPLimits.BodyBytes
	Chunked       bool
	KeepAlive     bool // the peer expects the connection to stay open
	Upgrade       bool // Connection names upgrade
	Expect        bool // the peer waits for 100 Continue before it sends the body

	// The headers that MCP looks at, found in the same pass; nil when absent, the first one
	// when there are several. Dup tells that one of them came more than once, except Accept,
	// whose lines make up one list: ask Accepts.
	Host, Origin, ContentType, Accept, ContentEncoding, Authorization []byte
	SessionID                                                         []byte // Mcp-Session-Id
	ProtocolVersion                                                   []byte // MCP-Protocol-Version
	McpMethod                                                         []byte // Mcp-Method
	McpName                                                           []byte // Mcp-Name
	LastEventID                                                       []byte // Last-Event-ID
	Dup                                                               bool

	// Judged is the caller's: what it says of a head is forgotten when another one comes.
	Judged bool

	authority []byte // of an absolute-form target
	closing   bool   // Connection names close
	last      again
}

// RequestParser finds request heads in what a connection received. One per connection; the
// zero value is ready to use.
type RequestParser struct {
	Limits  *HTTPLimits // nil: the defaults; may be shared by all connections
	scanned int         // bytes of the unfinished head in which nothing more is to be found
}

// Head parses the request head at the start of buf. n is its length with the final CRLF.
// n == 0 without an error means that more bytes are needed: the next call gets the same bytes
// and more. The lines are looked at again only when one of them was completed, so a peer that
// sends single bytes costs no more than limits.Headers passes over the head.
//
// A refusal is final: answer once, close, and drop what is left in buf.
func (p *RequestParser) Head(buf []byte, r *Request) (n int, err *HTTPError) {
	limits := p.Limits
	if limits == nil {
		limits = &defaultHTTPLimits
	}
	if p.scanned == 0 && r.last.is(buf, limits) { // Fast path.
		return len(r.last.bytes), nil
	}
	if !worthParsing(buf, &p.scanned, limits.firstLineMax(), limits.HeadBytes) {
		return 0, nil
	}
	n, err = r.parse(buf[:min(len(buf), limits.HeadBytes)], limits)
	switch {
	case err != nil:
		p.scanned = 0
	case n > 0:
		p.scanned = 0
		r.last.keep(buf[:n], limits)
	case len(buf) >= limits.HeadBytes:
		return 0, refuseHeadBytes
	default:
		p.scanned = len(buf)
	}
	return n, err
}

// firstLineMax bounds the bytes up to the end of the longest request line with the longest
// method. What lies behind is not looked at before the line ended, so that the pieces in which
// a head comes never decide how it is refused.
func (l *HTTPLimits) firstLineMax() int {
	const rest = 2*leadingLinesMax + methodBytesMax + len("  HTTP/1.1\r\n")
	return l.TargetBytes + rest
}

// worthParsing reports whether the bytes behind scanned can complete a line, break a rule or
// pass one of the two limits.
func worthParsing(buf []byte, scanned *int, lineMax, headMax int) bool {
	from := *scanned
	switch {
	case from == 0 || from > len(buf):
		return true
	case len(buf) >= headMax || from <= lineMax && len(buf) > lineMax:
		return true
	case buf[from-1] == '\r':
		return len(buf) > from
	case nextControl(buf, from) < len(buf):
		return true
	}
	*scanned = len(buf)
	return false
}

func (r *Request) parse(buf []byte, limits *HTTPLimits) (int, *HTTPError) {
	*r = Request{Headers: r.Headers[:0], ContentLength: -1, last: r.last.none()}
	i, err := skipEmptyLines(buf)
	if i < 0 || err != nil {
		return 0, err
	}
	first := buf[:min(len(buf), limits.firstLineMax())]
	end, err := lineEnd(first, i)
	if end < 0 && len(buf) > len(first) {
		return 0, refuseTargetLong
	}
	if end < 0 || err != nil {
		return 0, err
	}
	if err := r.setRequestLine(buf[i:end], limits); err != nil {
		return 0, err
	}
	for i = end + 2; ; i = end + 2 {
		end, err = lineEnd(buf, i)
		if end < 0 || err != nil {
			return 0, err
		}
		if end == i {
			return end + 2, r.finish(limits)
		}
		if err := r.addField(buf[i:end], limits); err != nil {
			return 0, err
		}
	}
}

// skipEmptyLines returns where the request line starts, -1 when that is not known yet.
func skipEmptyLines(buf []byte) (int, *HTTPError) {
	i := 0
	for i < len(buf) && buf[i] == '\r' {
		if i+1 == len(buf) {
			return -1, nil
		}
		if buf[i+1] != '\n' {
			return 0, refuseBareCR
		}
		i += 2
		if i > 2*leadingLinesMax {
			return 0, refuseLeading
		}
	}
	return i, nil
}

func (r *Request) setRequestLine(line []byte, limits *HTTPLimits) *HTTPError {
	i := 0
	for i < len(line) && octets[line[i]]&classToken != 0 {
		i++
	}
	const version = len(" HTTP/1.1")
	switch {
	case i == 0 || i == len(line) || line[i] != ' ':
		return refuseMethod
	case i > methodBytesMax:
		return refuseMethodLong
	case len(line)-i-version > 1+limits.TargetBytes:
		return refuseTargetLong
	case len(line) < i+1+version:
		return refuseRequestLine
	}
	r.Method = line[:i]
	minor, err := minorVersion(line[len(line)-version+1:])
	if line[len(line)-version] != ' ' || err == refuseRequestLine {
		return refuseRequestLine
	}
	if err != nil {
		return err
	}
	r.Minor, r.KeepAlive = minor, minor == 1
	if string(r.Method) == "CONNECT" {
		return refuseConnect
	}
	return r.setTarget(line[i+1 : len(line)-version])
}

// minorVersion reads exactly "HTTP/1.0" or "HTTP/1.1". RFC 9110 lets a server take a higher
// minor version for its own highest; nobody speaks one, and guessing is how parsers diverge.
func minorVersion(b []byte) (int, *HTTPError) {
	switch string(b) {
	case "HTTP/1.1":
		return 1, nil
	case "HTTP/1.0":
		return 0, nil
	}
	digit := func(c byte) bool { return '0' <= c && c <= '9' }
	if string(b[:5]) == "HTTP/" && digit(b[5]) && b[6] == '.' && digit(b[7]) {
		return 0, refuseVersion
	}
	return 0, refuseRequestLine
}

func (r *Request) addField(line []byte, limits *HTTPLimits) *HTTPError {
	if len(r.Headers) >= limits.Headers {
		return refuseHeaderCount
	}
	h := nextHeader(&r.Headers)
	id, err := splitField(line, h)
	if err != nil {
		return err
	}
	if id == knownNone {
		if isTwin(h.Name) {
			return refuseTwin
		}
		return nil
	}
	return r.setKnown(id, h.Value)
}

func (r *Request) setKnown(id known, value []byte) (err *HTTPError) {
	switch id {
	case knownHost:
		if r.Host != nil {
			return refuseTwoHosts
		}
		r.Host = value
	case knownContentLength:
		r.ContentLength, err = contentLength(r.ContentLength, value)
	case knownTransferEncoding:
		r.Chunked, err = transferCoding(r.Chunked, value)
	case knownConnection:
		r.setConnection(value)
	case knownExpect:
		if !sameFold(value, "100-continue") {
			return refuseExpect
		}
		r.Expect = true
	case knownTrailer:
		return checkTrailerList(value)
	case knownAccept:
		if r.Accept == nil {
			r.Accept = value
		}
	case knownOrigin:
		r.once(&r.Origin, value)
	case knownContentType:
		r.once(&r.ContentType, value)
	case knownContentEncoding:
		r.once(&r.ContentEncoding, value)
	case knownAuthorization:
		r.once(&r.Authorization, value)
	case knownSessionID:
		r.once(&r.SessionID, value)
	case knownProtocolVersion:
		r.once(&r.ProtocolVersion, value)
	case knownMcpMethod:
		r.once(&r.McpMethod, value)
	case knownMcpName:
		r.once(&r.McpName, value)
	case knownLastEventID:
		r.once(&r.LastEventID, value)
	}
	return err
}

func (r *Request) once(field *[]byte, value []byte) {
	if *field != nil {
		r.Dup = true
		return
	}
	*field = value
}

// contentLength reads a Content-Length; old is the value so far, -1 for none.
func contentLength(old int64, value []byte) (int64, *HTTPError) {
	if old >= 0 {
		return old, refuseTwoLengths
	}
	length, ok := decimal(value)
	if !ok {
		return -1, refuseLength
	}
	return length, nil
}

// transferCoding reads a Transfer-Encoding; old tells whether there was one.
func transferCoding(old bool, value []byte) (bool, *HTTPError) {
	if old {
		return true, refuseTwoCodings
	}
	if !sameFold(value, "chunked") {
		return false, refuseCoding
	}
	return true, nil
}
