package main

import (
	"context"
	"fmt"
	"time"

	"github.com/cloudwego/netpoll"
)

// serveNetpollEcho is netpoll as its users get it, except that the request runs on the poller
// (Runner), which is its cheapest form: stock connections, LinkBuffer, one Flush a wake-up.
func serveNetpollEcho(s settings) error {
	inline := func(_ context.Context, f func()) { f() }
	if err := netpoll.Configure(netpoll.Config{PollerNum: 1, Runner: inline}); err != nil {
		return fmt.Errorf("cannot configure netpoll: %w", err)
	}
	ln, err := netpoll.CreateListener("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %q: %w", s.addr, err)
	}
	loop, err := netpoll.NewEventLoop(echoRequest, netpoll.WithWriteTimeout(time.Second))
	if err != nil {
		return fmt.Errorf("cannot make an event loop: %w", err)
	}
	return loop.Serve(ln)
}

func echoRequest(_ context.Context, c netpoll.Connection) error {
	r, w := c.Reader(), c.Writer()
	b, err := r.Next(r.Len())
	if err != nil {
		return err
	}
	// WriteBinary keeps slices above 4 KiB without a copy; the Flush is over before Release.
	if _, err := w.WriteBinary(b); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return c.Close()
	}
	return r.Release()
}
