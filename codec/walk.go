package codec

// Hot path: no allocation, no lock, no log, no time.Now.
//
// Steps over JSON that a Scanner has passed, for code that walks a value by itself. None of them
// validates; on other bytes they return nonsense, never beyond len(b).

// SkipSpace returns the index of the first byte from b[i] on that is no white space, or len(b).
func SkipSpace(b []byte, i int) int { return space(b, i) }

// SkipString returns the index behind the string whose first byte behind the quote is b[i], and
// whether there was an escape in it.
func SkipString(b []byte, i int) (end int, escaped bool) { return skipString(b, i) }

// SkipValue returns the index behind the value that begins at b[i]; len(b) when there is no end.
func SkipValue(b []byte, i int) int {
	if end := skipValid(b, i); end >= 0 {
		return end
	}
	return len(b)
}
