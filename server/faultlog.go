package server

import (
	"context"
	"errors"
	"log/slog"

	"github.com/mcploop/mcploop/loop"
)

// logFault says at level debug which peer was refused or is cut, and why: where that ends a
// connection, or the answer does not reach the peer's programmer. Not above debug, so that nobody
// can fill a disk. Called on c's loop.
func (s *Server) logFault(c *loop.Conn, reason string) {
	if s.opt.Log.Enabled(context.Background(), slog.LevelDebug) {
		s.opt.Log.Debug("peer refused", "peer", c.Peer(), "reason", reason)
	}
}

// logEnd is logFault for a connection that the loop has ended, err saying why. Deadlines are not:
// who let one pass is told, or was only idle.
func (s *Server) logEnd(c *loop.Conn, err error) {
	switch {
	case err == nil, errors.Is(err, loop.ErrDeadline), errors.Is(err, loop.ErrDraining),
		errors.Is(err, loop.ErrPanic): // which has a line of its own
		return
	}
	s.logFault(c, err.Error())
}
