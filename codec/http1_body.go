// Hot path: no allocation, no lock, no log, no time.Now.

package codec

// Chunked decodes a chunked body in whatever pieces it comes. Reset it before each body.
//
// The grammar is taken at its word: no space in a size line, at most 16 hex digits, CRLF and
// nothing else. What a peer can make us hold or read for nothing is bounded by HTTPLimits.
type Chunked struct {
	limits *HTTPLimits
	left   int64 // data bytes of this chunk still to come
	total  int64 // data bytes announced so far, this chunk included
	seen   int   // bytes of the unfinished line at src's start that need no second look
	extra  int   // bytes of chunk extensions, later of trailer lines
	lines  int   // trailer lines
	phase  chunkPhase
}

type chunkPhase uint8

const (
	chunkSize chunkPhase = iota
	chunkData
	chunkDataEnd
	chunkTrailer
	chunkDone
)

const chunkDigitsMax = 16

// Reset makes c ready for a new body; nil limits mean the defaults.
func (c *Chunked) Reset(limits *HTTPLimits) {
	if limits == nil {
		limits = &defaultHTTPLimits
	}
	*c = Chunked{limits: limits}
}

// Decode appends the data found in src to dst and returns how many bytes of src it used. The
// caller presents the unused ones again, with more behind them; they are never more than one
// line. done means that the body and its trailers ended at src[n]. Trailers are checked and
// dropped. dst grows by data that is there, never by a size that was only announced.
func (c *Chunked) Decode(dst, src []byte) (dst2 []byte, n int, done bool, err *HTTPError) {
	for c.phase != chunkDone {
		switch c.phase {
		case chunkData:
			take := len(src) - n
			if int64(take) > c.left {
				take = int(c.left)
			}
			dst = append(dst, src[n:n+take]...)
			n += take
			c.left -= int64(take)
			if c.left > 0 {
				return dst, n, false, nil
			}
			c.phase = chunkDataEnd
		case chunkDataEnd:
			rest := src[n:]
			if len(rest) > 0 && rest[0] != '\r' || len(rest) > 1 && rest[1] != '\n' {
				return dst, n, false, refuseChunkEnd
			}
			if len(rest) < 2 {
				return dst, n, false, nil
			}
			n += 2
			c.phase = chunkSize
		default:
			used, err := c.line(src[n:])
			if used == 0 || err != nil {
				return dst, n, false, err
			}
			n += used
		}
	}
	return dst, n, true, nil
}

// line takes one size or trailer line; 0 means that it is not complete.
func (c *Chunked) line(src []byte) (int, *HTTPError) {
	most, over := c.lineMax()
	end, err := lineEnd(src[:min(len(src), most)], c.seen)
	switch {
	case err != nil:
		return 0, err
	case end < 0 && len(src) >= most:
		return 0, over
	case end < 0:
		c.seen = len(src)
		if c.seen > 0 && src[c.seen-1] == '\r' {
			c.seen--
		}
		return 0, nil
	}
	c.seen = 0
	if c.phase == chunkTrailer {
		return end + 2, c.trailer(src[:end])
	}
	return end + 2, c.size(src[:end])
}

// lineMax returns how long the next line may be with its CRLF, and the refusal beyond that.
func (c *Chunked) lineMax() (int, *HTTPError) {
	if c.phase == chunkTrailer {
		return c.limits.HeadBytes - c.extra, refuseHeadBytes
	}
	return chunkDigitsMax + c.limits.ChunkExtBytes - c.extra + 2, refuseChunkExts
}

// size takes a size line.
func (c *Chunked) size(line []byte) *HTTPError {
	var size uint64
	i := 0
	for i < len(line) && isHex(line[i]) {
		digit := line[i]
		if digit > '9' {
			digit = digit | 0x20 - 'a' + 10
		} else {
			digit -= '0'
		}
		size = size<<4 | uint64(digit)
		i++
	}
	if i == 0 || i > chunkDigitsMax {
		return refuseChunkSize
	}
	if i < len(line) {
		c.extra += len(line) - i
		switch {
		case line[i] != ';':
			return refuseChunkSize
		case c.extra > c.limits.ChunkExtBytes:
			return refuseChunkExts
		case !validExtensions(line[i:]):
			return refuseChunkExt
		}
	}
	if size == 0 {
		c.phase, c.extra = chunkTrailer, 0
		return nil
	}
	if size > uint64(c.limits.BodyBytes-c.total) {
		return refuseBody
	}
	c.left, c.phase = int64(size), chunkData
	c.total += c.left
	return nil
}

// validExtensions checks *( ";" token [ "=" ( token / quoted-string ) ] ), without spaces.
func validExtensions(b []byte) bool {
	for len(b) > 0 {
		if b[0] != ';' {
			return false
		}
		n := tokenLength(b[1:])
		if n == 0 {
			return false
		}
		b = b[1+n:]
		if len(b) == 0 || b[0] != '=' {
			continue
		}
		b = b[1:]
		if n = tokenLength(b); n == 0 {
			n = quotedLength(b)
		}
		if n == 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

// quotedLength returns the length of the quoted-string at b's start, 0 when there is none.
func quotedLength(b []byte) int {
	if len(b) == 0 || b[0] != '"' {
		return 0
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// trailer takes a trailer line; the empty one ends the body.
func (c *Chunked) trailer(line []byte) *HTTPError {
	if len(line) == 0 {
		c.phase = chunkDone
		return nil
	}
	c.extra += len(line) + 2
	c.lines++
	if c.lines > c.limits.Headers {
		return refuseHeaderCount
	}
	var h Header
	if _, err := splitField(line, &h); err != nil {
		return err
	}
	if isGuarded(h.Name) || isTwin(h.Name) {
		return refuseTrailer
	}
	return nil
}

// Body decodes the body of one message, whatever its framing. The zero value is an empty
// body. A caller that has all of a Content-Length body in its buffer needs no Body at all:
// the body is buf[n:n+ContentLength].
type Body struct {
	chunked Chunked
	left    int64
	kind    bodyKind
}

type bodyKind uint8

const (
	bodyEmpty bodyKind = iota
	bodyLength
	bodyChunked
	bodyUntilClose
)

// StartRequest makes b ready for the body behind a request head.
func (b *Body) StartRequest(r *Request, limits *HTTPLimits) {
	b.start(r.Chunked, r.ContentLength, limits)
}

func (b *Body) start(chunked bool, length int64, limits *HTTPLimits) {
	b.kind, b.left = bodyEmpty, 0
	switch {
	case chunked:
		b.kind = bodyChunked
		b.chunked.Reset(limits)
	case length > 0:
		b.kind, b.left = bodyLength, length
	}
}

// Decode appends the body bytes in src to dst; see Chunked.Decode. A body without a length
// is never done: it ends with the connection, ask UntilClose.
func (b *Body) Decode(dst, src []byte) (dst2 []byte, n int, done bool, err *HTTPError) {
	switch b.kind {
	case bodyChunked:
		return b.chunked.Decode(dst, src)
	case bodyLength:
		n = len(src)
		if int64(n) > b.left {
			n = int(b.left)
		}
		b.left -= int64(n)
		return append(dst, src[:n]...), n, b.left == 0, nil
	case bodyUntilClose:
		if int64(len(src)) > b.left {
			return dst, 0, false, refuseBody
		}
		b.left -= int64(len(src))
		return append(dst, src...), len(src), false, nil
	}
	return dst, 0, true, nil
}

// UntilClose reports whether the end of the connection is the end of this body.
func (b *Body) UntilClose() bool { return b.kind == bodyUntilClose }
