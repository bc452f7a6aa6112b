package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/mcploop/mcploop/loop"
)

// dial connects to the server of opt and agrees on nothing yet. It resolves names, so it must not
// run on a loop.
func dial(ctx context.Context, opt *Options, group *loop.Group) (*Mux, error) {
	m := newMux(opt, group)
	if len(opt.Command) > 0 {
		l := newLine(m)
		m.wire = l
		if err := startChild(ctx, m, l); err != nil {
			return nil, err
		}
		return m, nil
	}
	u, err := url.Parse(opt.URL)
	if err != nil {
		return nil, fmt.Errorf("cannot parse the server's URL: %w", err)
	}
	if err := m.useTLS(u); err != nil {
		return nil, err
	}
	switch plainScheme(u.Scheme) {
	case "http":
		return m, m.dialHTTP(ctx, u)
	case "tcp":
		addrs, err := m.lookUp(ctx, u, "")
		if err != nil {
			return nil, err
		}
		return m, m.dialEach(ctx, "tcp", addrs, dialedLine)
	case "unix":
		if u.Path == "" {
			return nil, fmt.Errorf("cannot dial %q: say unix:///path", opt.URL)
		}
		return m, m.dialEach(ctx, "unix", []string{u.Path}, dialedLine)
	}
	return m, m.dialStream(ctx, u)
}

func dialedLine(m *Mux) shared { return newLine(m) }

// dialStream dials what begins as an HTTP request and goes on for all calls.
func (m *Mux) dialStream(ctx context.Context, u *url.URL) error {
	addrs, err := m.lookUpHTTP(ctx, u)
	if err != nil {
		return err
	}
	return m.dialAuthorized(ctx, func() error {
		return m.dialEach(ctx, "tcp", addrs, func(m *Mux) shared {
			if plainScheme(u.Scheme) == "ws" {
				return newWebSocket(m, u)
			}
			return newSSE(m, u)
		})
	})
}

func (m *Mux) dialHTTP(ctx context.Context, u *url.URL) error {
	addrs, err := m.lookUpHTTP(ctx, u)
	if err != nil {
		return err
	}
	m.wire = newStreamable(m, u, addrs)
	return nil
}

// lookUpHTTP resolves the host of a URL whose default port is that of HTTP.
func (m *Mux) lookUpHTTP(ctx context.Context, u *url.URL) ([]string, error) {
	if u.User != nil {
		return nil, errors.New("cannot dial a URL with credentials; " +
			"put them into Options.Headers")
	}
	if m.tls != nil {
		return m.lookUp(ctx, u, "443")
	}
	return m.lookUp(ctx, u, "80")
}

// resolve turns the URL's host into numeric addresses with its port.
func resolve(ctx context.Context, u *url.URL, byDefault string) ([]string, error) {
	port := u.Port()
	if port == "" {
		port = byDefault
	}
	if u.Hostname() == "" || port == "" {
		return nil, fmt.Errorf("cannot dial %q: say %s://host:port", u.Redacted(), u.Scheme)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return nil, fmt.Errorf("%w: cannot find the address of %q: %w", ErrUnreachable,
			u.Hostname(), err)
	}
	addrs := make([]string, 0, len(ips))
	for _, ip := range ips {
		addrs = append(addrs, net.JoinHostPort(ip.Unmap().String(), port))
	}
	return addrs, nil
}
