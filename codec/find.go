package codec

// Hot path: no allocation, no lock, no log, no time.Now.

// Find returns the raw value of the member named key of a raw JSON object, or nil. object must
// be part of a frame that a Scanner has passed: nothing is validated again. Of a member that
// comes twice the first is taken, as fastjson does. The view lives as long as object.
func Find(object []byte, key string) []byte {
	if len(object) == 0 || object[0] != '{' {
		return nil
	}
	i := space(object, 1)
	// Fast path: the first member is the one, written without escapes.
	if end := i + 1 + len(key); end < len(object) && object[i] == '"' && object[end] == '"' &&
		isPlainKey(object[i+1:end], key) {
		from := pastColon(object, end+1)
		if to := skipValid(object, from); to >= 0 {
			return object[from:to:to]
		}
		return nil
	}
	for i < len(object) && object[i] == '"' {
		end, escaped := skipString(object, i+1)
		if end < 0 {
			return nil
		}
		name := object[i+1 : end-1]
		found := string(name) == key
		if escaped { // Slow path.
			decoded, ok := StringContent(object[i:end])
			found = ok && string(decoded) == key
		}
		from := space(object, pastColon(object, end))
		to := skipValid(object, from)
		if to < 0 {
			return nil
		}
		if found {
			return object[from:to:to]
		}
		i = space(object, to)
		if i < len(object) && object[i] == ',' {
			i = space(object, i+1)
		}
	}
	return nil
}

// isPlainKey tells whether raw, as long as key, is key and needs no escape in JSON.
func isPlainKey(raw []byte, key string) bool {
	for i := range raw {
		if c := raw[i]; c != key[i] || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// skipValid passes a value that is known to be well-formed; -1 when the bytes end early.
func skipValid(b []byte, i int) int {
	// Fast path: a string.
	if uint(i) < uint(len(b)) && b[i] == '"' {
		i, _ = skipString(b, i+1)
		return i
	}
	return skipNested(b, i)
}

func skipNested(b []byte, i int) int {
	depth := 0
	for i >= 0 && i < len(b) {
		switch b[i] {
		case '"':
			i, _ = skipString(b, i+1)
			if i < 0 {
				return -1
			}
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth <= 0 {
				if depth < 0 {
					return i // a scalar ended with its container
				}
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return -1
}
