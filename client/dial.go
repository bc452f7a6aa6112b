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
	switch u.Scheme {
	case "http":
		return m, m.dialHTTP(ctx, u)
	case "tcp":
		addrs, err := resolve(ctx, u, "")
		if err != nil {
			return nil, err
		}
		return m, m.dialLine(ctx, "tcp", addrs)
	case "unix":
		if u.Path == "" {
			return nil, fmt.Errorf("cannot dial %q: say unix:///path", opt.URL)
		}
		return m, m.dialLine(ctx, "unix", []string{u.Path})
	case "https":
		return nil, errors.New("cannot dial https: this client does not speak TLS; " +
			"let a proxy on this host end it and dial that by http")
	}
	return nil, fmt.Errorf("cannot dial scheme %q; say http, tcp or unix", u.Scheme)
}

func (m *Mux) dialHTTP(ctx context.Context, u *url.URL) error {
	if u.User != nil {
		return errors.New("cannot dial a URL with credentials; put them into Options.Headers")
	}
	addrs, err := resolve(ctx, u, "80")
	if err != nil {
		return err
	}
	m.wire = newHTTPPool(m, u, addrs)
	return nil
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
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	addrs := make([]string, 0, len(ips))
	for _, ip := range ips {
		addrs = append(addrs, net.JoinHostPort(ip.Unmap().String(), port))
	}
	return addrs, nil
}

// dialLine tries one address after the other and makes the first that answers m's wire.
func (m *Mux) dialLine(ctx context.Context, network string, addrs []string) error {
	var faults []error
	for _, addr := range addrs {
		l := newLine(m)
		err := l.dial(ctx, network, addr)
		if err == nil {
			m.wire = l
			return nil
		}
		faults = append(faults, fmt.Errorf("%w: %s %s: %w", ErrUnreachable, network, addr, err))
		if ctx.Err() != nil {
			break
		}
		m.table.reopen()
	}
	return errors.Join(faults...)
}

// dial waits until the connect is answered.
func (l *line) dial(ctx context.Context, network, addr string) error {
	conn, err := l.m.group.Dial(network, addr, l.m.opt.DialTimeout, l, nil)
	if err != nil {
		return err
	}
	l.conn = conn
	select {
	case <-l.opened:
		return nil
	case <-l.gone:
		return l.end
	case <-ctx.Done():
		conn.Close(nil)
		<-l.gone
		return context.Cause(ctx)
	}
}
