// Hot path: no allocation, no lock, no log, no time.Now.

package codec

// Response is one response head, read by the client and by the bench. It is made to be used
// again; its slices are views into the buffer given to Head and valid as long as that buffer.
type Response struct {
	Status        int
	Minor         int // HTTP/1.Minor: 0 or 1
	Reason        []byte
	Headers       []Header
	ContentLength int64 // -1 when absent; never above HTTPLimits.BodyBytes
	Chunked       bool
	KeepAlive     bool // the connection may be used again after the body
	ContentType   []byte
	SessionID     []byte // Mcp-Session-Id

	closing bool
	last    again
}

// ResponseParser finds response heads in what a connection received. One per connection; the
// zero value is ready to use.
type ResponseParser struct {
	Limits  *HTTPLimits // nil: the defaults; may be shared by all connections
	scanned int
}

// Head parses the response head at the start of buf; see RequestParser.Head. An error means
// that the connection is of no more use. A head with Interim is followed by another one.
func (p *ResponseParser) Head(buf []byte, r *Response) (n int, err *HTTPError) {
	limits := p.Limits
	if limits == nil {
		limits = &defaultHTTPLimits
	}
	if p.scanned == 0 && r.last.is(buf, limits) { // Fast path.
		return len(r.last.bytes), nil
	}
	if !worthParsing(buf, &p.scanned, limits.HeadBytes, limits.HeadBytes) {
		return 0, nil
	}
	n, err = r.parse(buf[:min(len(buf), limits.HeadBytes)], limits)
	switch {
	case err != nil:
		p.scanned = 0
	case n > 0:
		p.scanned = 0
		if r.Status == 200 {
			r.last.keep(buf[:n], limits)
		}
	case len(buf) >= limits.HeadBytes:
		return 0, refuseHeadBytes
	default:
		p.scanned = len(buf)
	}
	return n, err
}

func (r *Response) parse(buf []byte, limits *HTTPLimits) (int, *HTTPError) {
	*r = Response{Headers: r.Headers[:0], ContentLength: -1, last: r.last.none()}
	end, err := lineEnd(buf, 0)
	if end < 0 || err != nil {
		return 0, err
	}
	if err := r.setStatusLine(buf[:end]); err != nil {
		return 0, err
	}
	for i := end + 2; ; i = end + 2 {
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

// setStatusLine reads "HTTP/1.1 200 OK"; the reason, and the space before it, may be missing.
func (r *Response) setStatusLine(line []byte) *HTTPError {
	const version, code = len("HTTP/1.1 "), len("200")
	if len(line) < version+code || line[version-1] != ' ' {
		return refuseStatusLine
	}
	minor, err := minorVersion(line[:version-1])
	if err != nil {
		return refuseStatusLine
	}
	status, ok := decimal(line[version : version+code])
	if !ok || status < 100 || status > 599 {
		return refuseStatusLine
	}
	rest := line[version+code:]
	if len(rest) > 0 {
		if rest[0] != ' ' {
			return refuseStatusLine
		}
		r.Reason = rest[1:]
	}
	r.Status, r.Minor, r.KeepAlive = int(status), minor, minor == 1
	return nil
}

func (r *Response) addField(line []byte, limits *HTTPLimits) *HTTPError {
	if len(r.Headers) >= limits.Headers {
		return refuseHeaderCount
	}
	h := nextHeader(&r.Headers)
	id, err := splitField(line, h)
	if err != nil {
		return err
	}
	value := h.Value
	switch id {
	case knownContentLength:
		r.ContentLength, err = contentLength(r.ContentLength, value)
	case knownTransferEncoding:
		r.Chunked, err = transferCoding(r.Chunked, value)
	case knownConnection:
		for len(value) > 0 {
			var element []byte
			element, value = nextElement(value)
			r.closing = r.closing || sameFold(element, "close")
			r.KeepAlive = r.KeepAlive || sameFold(element, "keep-alive")
		}
	case knownContentType:
		r.ContentType = value
	case knownSessionID:
		r.SessionID = value
	case knownNone:
		if isTwin(h.Name) {
			return refuseTwin
		}
	}
	return err
}

func (r *Response) finish(limits *HTTPLimits) *HTTPError {
	r.KeepAlive = r.KeepAlive && !r.closing
	switch {
	case r.Chunked && r.ContentLength >= 0:
		return refuseBoth
	case r.Chunked && r.Minor == 0:
		return refuseOldCoding
	case r.ContentLength > limits.BodyBytes:
		return refuseBody
	}
	return nil
}

// Interim reports whether the final head is still to come: every 1xx but 101.
func (r *Response) Interim() bool { return r.Status < 200 && r.Status != 101 }

// Header returns the first value of a header and how often it came. name is in lower case.
func (r *Response) Header(name string) (value []byte, count int) {
	return findHeader(r.Headers, name)
}

// StartResponse makes b ready for the body behind a final response head. toHEAD tells that
// the request was a HEAD, which never gets a body. A body that ends with the connection is
// bounded by limits.BodyBytes; an endless event stream needs limits of its own.
func (b *Body) StartResponse(r *Response, toHEAD bool, limits *HTTPLimits) {
	if toHEAD || r.Status < 200 || r.Status == 204 || r.Status == 304 {
		b.start(false, 0, limits)
		return
	}
	b.start(r.Chunked, r.ContentLength, limits)
	if r.Chunked || r.ContentLength >= 0 {
		return
	}
	if limits == nil {
		limits = &defaultHTTPLimits
	}
	b.kind, b.left = bodyUntilClose, limits.BodyBytes
	r.KeepAlive = false
}
