package codec

import "net/netip"

var rootPath = []byte("/")

// setTarget checks the request target and cuts it: origin-form, absolute-form of http and
// https, and * for OPTIONS. Escapes are checked, not decoded, and a fragment is refused: what
// a rule for a path compares is exactly what the peer wrote.
func (r *Request) setTarget(target []byte) *HTTPError {
	r.Target = target
	switch {
	case len(target) == 0:
		return refuseRequestLine
	case target[0] == '/':
		return r.setPath(target)
	case len(target) == 1 && target[0] == '*' && string(r.Method) == "OPTIONS":
		r.Path = target
		return nil
	}
	rest := target
	switch {
	case len(rest) > 7 && sameFold(rest[:7], "http://"):
		rest = rest[7:]
	case len(rest) > 8 && sameFold(rest[:8], "https://"):
		rest = rest[8:]
	default:
		return refuseTargetForm
	}
	end := 0
	for end < len(rest) && rest[end] != '/' && rest[end] != '?' {
		end++
	}
	r.authority = rest[:end]
	if !validHost(r.authority) {
		return refuseTargetForm
	}
	return r.setPath(rest[end:])
}

func (r *Request) setPath(path []byte) *HTTPError {
	query := -1
	for i := 0; i < len(path); i++ {
		if octets[path[i]]&classTarget != 0 {
			continue
		}
		switch path[i] {
		case '?':
			if query < 0 {
				query = i
			}
		case '%':
			if i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2]) {
				return refuseTarget
			}
		default:
			return refuseTarget
		}
	}
	r.Path = path
	if query >= 0 {
		r.Path, r.Query = path[:query], path[query+1:]
	}
	if len(r.Path) == 0 {
		r.Path = rootPath
	}
	return nil
}

func isHex(c byte) bool { return octets[c]&classHex != 0 }

// validHost accepts a name, an IPv4 address or an IPv6 address in brackets, each with or
// without a port. User information, zones, escapes and empty parts are refused.
func validHost(host []byte) bool {
	if len(host) == 0 || len(host) > 255+6 {
		return false
	}
	end := 0
	if host[0] == '[' {
		end = 1
		for end < len(host) && host[end] != ']' {
			end++
		}
		if end == len(host) || !validIPv6(host[1:end]) {
			return false
		}
		end++
	} else {
		for end < len(host) && octets[host[end]]&classHost != 0 {
			end++
		}
		if end == 0 {
			return false
		}
	}
	if end == len(host) {
		return true
	}
	port, ok := decimal(host[end+1:])
	return host[end] == ':' && ok && port <= 65535 && len(host)-end <= 6
}

func validIPv6(b []byte) bool {
	// Fast path: the loopback, which is what local agents use.
	if string(b) == "::1" {
		return true
	}
	for _, c := range b {
		if !isHex(c) && c != ':' && c != '.' {
			return false
		}
	}
	// Slow path: allocates, at most 45 bytes of text are worth asking about.
	if len(b) > 45 {
		return false
	}
	addr, err := netip.ParseAddr(string(b))
	return err == nil && addr.Is6()
}

func sameHost(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := a[i], b[i]
		if x != y && (x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z') {
			return false
		}
	}
	return true
}
