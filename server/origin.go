package server

import (
	"bytes"
	"net"
	"net/netip"
	"strings"

	"github.com/mcploop/mcploop/codec"
)

// originGuard keeps foreign web pages away (all revisions, basic/transports, "Security warning":
// servers MUST validate Origin; DNS rebinding shows in Host).
type originGuard struct {
	off     bool
	any     bool // every Origin
	hosts   map[string]bool
	origins map[string]bool
}

func newOriginGuard(o Security) originGuard {
	g := originGuard{off: o.Off, hosts: map[string]bool{}, origins: map[string]bool{}}
	for _, host := range o.AllowedHosts {
		g.hosts[strings.ToLower(host)] = true
	}
	for _, origin := range o.AllowedOrigins {
		g.any = g.any || origin == "*"
		g.origins[strings.ToLower(origin)] = true
	}
	return g
}

// check returns the refusal of a request, or its Origin when it has an allowed one.
func (g *originGuard) check(r *codec.Request) (*codec.Error, string) {
	if g.off {
		return nil, string(r.Origin)
	}
	if !g.allowedHost(r.Host) {
		return codec.ErrForbiddenOrigin.With("Host %.128q; add it to security.allowed_hosts",
			r.Host), ""
	}
	if r.Origin == nil {
		return nil, ""
	}
	if _, times := r.Header("origin"); times > 1 || !g.allowedOrigin(r.Origin, r.Host) {
		return codec.ErrForbiddenOrigin.With("Origin %.128q; add it to security.allowed_origins",
			r.Origin), ""
	}
	return nil, string(r.Origin)
}

// allowedHost: a loopback name, any IP address (a rebound name is none), or a configured one.
func (g *originGuard) allowedHost(host []byte) bool {
	name := hostname(host)
	if bytes.EqualFold(name, []byte("localhost")) || isAddress(name) || len(host) == 0 {
		return true
	}
	return g.hosts[strings.ToLower(string(host))] || g.hosts[strings.ToLower(string(name))]
}

func (g *originGuard) allowedOrigin(origin, host []byte) bool {
	if g.any || g.origins[strings.ToLower(string(origin))] {
		return true
	}
	_, authority, ok := bytes.Cut(origin, []byte("://"))
	if !ok {
		return false // "null", and what is no origin at all
	}
	if len(host) > 0 && bytes.EqualFold(authority, host) {
		return true
	}
	name := hostname(authority)
	if bytes.EqualFold(name, []byte("localhost")) {
		return true
	}
	ip, err := netip.ParseAddr(string(name))
	return err == nil && ip.IsLoopback()
}

// hostname is host without port and brackets.
func hostname(host []byte) []byte {
	if len(host) > 0 && host[0] == '[' {
		if end := bytes.IndexByte(host, ']'); end > 0 {
			return host[1:end]
		}
		return nil
	}
	if i := bytes.IndexByte(host, ':'); i >= 0 {
		return host[:i]
	}
	return host
}

// isAddress tells an IP address from a name without allocating for the usual ones.
func isAddress(name []byte) bool {
	if len(name) == 0 || len(name) > 45 {
		return false
	}
	if last := name[len(name)-1]; last >= '0' && last <= '9' && bytes.IndexByte(name, ':') < 0 {
		return validIPv4(name)
	}
	return net.ParseIP(string(name)) != nil
}

// validIPv4: four decimal numbers up to 255.
func validIPv4(name []byte) bool {
	parts, value, digits := 0, 0, 0
	for _, c := range name {
		switch {
		case c >= '0' && c <= '9' && digits < 3:
			value, digits = value*10+int(c-'0'), digits+1
		case c == '.' && digits > 0 && value <= 255:
			parts, value, digits = parts+1, 0, 0
		default:
			return false
		}
	}
	return parts == 3 && digits > 0 && value <= 255
}
