// Hot path: no allocation, no lock, no log, no time.Now.

package codec

import "bytes"

// A peer writes nearly the same head each time, often the very same. What was parsed last is kept,
// so that such a head costs one comparison: it says what that one said. Its views are right again
// when it lies at the same place as that one did, as it does in a read buffer that is used again.

// againBytesMax: a longer head is parsed each time.
const againBytesMax = 1 << 10

// again is a head that was accepted, and where it was. The zero value is none.
type again struct {
	bytes  []byte
	at     *byte
	limits *HTTPLimits // by which it was accepted
	others uint32      // heads in a row that were others
}

// After so many heads in a row that were all different only each such one is kept: they come from
// many peers, or from one that never says the same.
const (
	othersMany  = 8
	othersEvery = 16
)

// is tells whether buf begins with that head, at its place.
func (a *again) is(buf []byte, limits *HTTPLimits) bool {
	n := len(a.bytes)
	if n == 0 || len(buf) < n || &buf[0] != a.at || a.limits != limits ||
		!bytes.Equal(buf[:n], a.bytes) {
		return false
	}
	a.others = 0
	return true
}

// none is a without a head. It keeps the memory.
func (a *again) none() again { return again{bytes: a.bytes[:0], others: a.others + 1} }

// keep remembers a head that was accepted.
func (a *again) keep(head []byte, limits *HTTPLimits) {
	many := a.others > othersMany && a.others%othersEvery != 0
	if len(head) <= againBytesMax && !many {
		a.bytes, a.at, a.limits = append(a.bytes[:0], head...), &head[0], limits
	}
}
