package oauth

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// guard keeps a server from having us connect to what it cannot reach itself: what it names may
// be as near to us as it is, and no nearer (2026-07-28, tutorials/security/
// security_best_practices, Server-Side Request Forgery). It looks at addresses, not at names, at
// the moment of the connect.
type guard struct {
	resource string        // the host that names others
	trusted  string        // a host that our own configuration names; "" for none
	timeout  time.Duration // one connect
	lookup   func(ctx context.Context, network, host string) ([]netip.Addr, error)
}

func newGuard(resource string, timeout time.Duration) *guard {
	g := &guard{resource: resource, timeout: timeout}
	g.lookup = net.DefaultResolver.LookupNetIP
	return g
}

// nearness of an address: what fewer can reach is nearer.
type nearness int

const (
	everywhere nearness = iota
	inPrivate           // RFC 1918, RFC 4193, RFC 6598
	onLink              // also where clouds keep their instances' credentials
	onHost
)

var (
	sharedSpace = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598
	translated  = netip.MustParsePrefix("64:ff9b::/96")  // RFC 6052: the last four bytes are IPv4
)

func near(ip netip.Addr) nearness {
	ip = ip.Unmap()
	if translated.Contains(ip) {
		all := ip.As16()
		ip = netip.AddrFrom4([4]byte(all[12:]))
	}
	switch {
	case ip.IsLoopback(), ip.IsUnspecified():
		return onHost
	case ip.IsLinkLocalUnicast(), ip.IsMulticast():
		return onLink
	case ip.IsPrivate(), sharedSpace.Contains(ip):
		return inPrivate
	}
	return everywhere
}

// dial connects to address, "host:port".
func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: g.timeout}
	if host != g.trusted {
		limit, err := g.limit(ctx)
		if err != nil {
			return nil, err
		}
		d.Control = func(_, to string, _ syscall.RawConn) error { return limit.check(host, to) }
	}
	return d.DialContext(ctx, network, address)
}

// limit is the nearness of the resource: of its farthest address, which a name with several may
// as well mean.
func (g *guard) limit(ctx context.Context) (nearness, error) {
	if ip, err := netip.ParseAddr(g.resource); err == nil {
		return near(ip), nil
	}
	found, err := g.lookup(ctx, "ip", g.resource)
	if err != nil {
		return everywhere, err
	}
	limit := onHost
	for _, ip := range found {
		limit = min(limit, near(ip))
	}
	return limit, nil
}

func (limit nearness) check(host, to string) error {
	at, err := netip.ParseAddrPort(to)
	if err != nil {
		return err
	}
	if near(at.Addr()) > limit {
		return fmt.Errorf("%s is at %s, an address that the server which names it is not near "+
			"enough to; set Options.Issuer when it is meant", host, at.Addr())
	}
	return nil
}
