package codec

// setConnection takes the options of one Connection line. close wins over keep-alive.
func (r *Request) setConnection(value []byte) {
	for len(value) > 0 {
		var element []byte
		element, value = nextElement(value)
		switch {
		case sameFold(element, "close"):
			r.closing = true
		case sameFold(element, "keep-alive"):
			r.KeepAlive = true
		case sameFold(element, "upgrade"):
			r.Upgrade = true
		}
	}
}

// checkTrailerList refuses a Trailer header that announces what a trailer must not hold.
func checkTrailerList(value []byte) *HTTPError {
	for len(value) > 0 {
		var element []byte
		element, value = nextElement(value)
		for _, c := range element {
			if octets[c]&classToken == 0 {
				return refuseTrailer
			}
		}
		if isGuarded(element) || isTwin(element) {
			return refuseTrailer
		}
	}
	return nil
}

// finish checks what only the whole head can tell.
func (r *Request) finish(limits *HTTPLimits) *HTTPError {
	r.KeepAlive = r.KeepAlive && !r.closing
	switch {
	case r.Host == nil && r.Minor == 1:
		return refuseNoHost
	case r.Host != nil && !validHost(r.Host):
		return refuseHost
	case r.authority != nil && r.Host != nil && !sameHost(r.authority, r.Host):
		return refuseAuthority
	case r.Chunked && r.ContentLength >= 0:
		return refuseBoth
	case r.Chunked && r.Minor == 0:
		return refuseOldCoding
	case r.ContentLength > limits.BodyBytes:
		return refuseBody
	}
	// RFC 9110 10.1.1: ignored in HTTP/1.0 and when there is no body to wait for.
	r.Expect = r.Expect && r.Minor == 1 && r.HasBody()
	return nil
}

// HasBody reports whether body bytes follow the head.
func (r *Request) HasBody() bool { return r.Chunked || r.ContentLength > 0 }

// Header returns the first value of a header and how often it came. name is in lower case.
func (r *Request) Header(name string) (value []byte, count int) {
	return findHeader(r.Headers, name)
}

func findHeader(headers []Header, lower string) (value []byte, count int) {
	for i := range headers {
		if !sameFold(headers[i].Name, lower) {
			continue
		}
		if count == 0 {
			value = headers[i].Value
		}
		count++
	}
	return value, count
}

// Accepts reports whether the Accept lines allow a media type such as "application/json",
// given in lower case: by name, by its range (application/*) or by */*, and not with q=0.
// Without an Accept line every type is allowed. The most specific element decides.
func (r *Request) Accepts(mediaType string) bool {
	if r.Accept == nil {
		return true
	}
	best, allowed := 0, false
	for i := range r.Headers {
		if knownName(r.Headers[i].Name) != knownAccept {
			continue
		}
		for list := r.Headers[i].Value; len(list) > 0; {
			var element []byte
			element, list = nextElement(list)
			rank := rangeRank(element, mediaType)
			if rank > best {
				best, allowed = rank, !zeroQuality(element)
			}
		}
	}
	return allowed
}

// rangeRank tells how closely an Accept element names a type: 0 not at all, 3 by name.
func rangeRank(element []byte, mediaType string) int {
	name := mediaName(element)
	if string(name) == "*/*" {
		return 1
	}
	if sameFold(name, mediaType) {
		return 3
	}
	if n := len(name); n > 2 && name[n-1] == '*' && name[n-2] == '/' &&
		len(mediaType) > n-1 && sameFold(name[:n-1], mediaType[:n-1]) {
		return 2
	}
	return 0
}

// mediaName cuts the parameters off a media type.
func mediaName(value []byte) []byte {
	for i, c := range value {
		if c == ';' {
			return trimSpace(value[:i])
		}
	}
	return value
}

// IsMediaType reports whether a Content-Type value names a type, given in lower case; its
// parameters are not looked at.
func IsMediaType(value []byte, mediaType string) bool {
	return sameFold(mediaName(value), mediaType)
}

// zeroQuality reports whether an Accept element has a weight of zero.
func zeroQuality(element []byte) bool {
	for i := 0; i+1 < len(element); i++ {
		if element[i] != ';' {
			continue
		}
		q := trimSpace(element[i+1:])
		if len(q) < 3 || q[0]|0x20 != 'q' || q[1] != '=' {
			continue
		}
		for _, c := range q[2:] {
			if c != '0' && c != '.' {
				return false
			}
		}
		return true
	}
	return false
}
