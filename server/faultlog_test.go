package server_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/mcploop/mcploop/server"
)

// TestFaultsAreLogged: at level debug there is one line, with the peer and the reason, for each
// peer that is refused or cut; at the usual level there is none, so that nobody fills a disk.
func TestFaultsAreLogged(t *testing.T) {
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelDebug} {
		t.Run(level.String(), func(t *testing.T) {
			log := &syncBuffer{}
			r := start(t, func(o *server.Options) {
				slowLimits(o)
				o.Limits.FrameTimeout, o.Limits.HeadTimeout = time.Second, time.Second
				o.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: level}))
			})
			for reason, peer := range r.offend() {
				if level == slog.LevelDebug {
					eventually(t, "a line of "+reason, func() bool {
						return len(reasonsOf(log.String(), peer)) > 0
					})
				}
				got := reasonsOf(log.String(), peer)
				switch {
				case level != slog.LevelDebug && len(got) == 0:
				case level != slog.LevelDebug, len(got) != 1, !strings.Contains(got[0], reason):
					t.Errorf("%s: logged %q", reason, got)
				}
			}
		})
	}
}

// offend makes a fault of each kind, and returns the address of its peer by the reason.
func (r *running) offend() map[string]string {
	r.t.Helper()
	peers := map[string]string{}
	f := func(reason string, c *peerConn, send string) {
		r.t.Helper()
		peers[reason] = c.LocalAddr().String()
		c.send(send)
		c.waitEnd()
	}
	const post = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
	f("Content-Length", r.dialHTTP(), post+"Content-Length: 1\r\nContent-Length: 2\r\n\r\n")
	f("Origin", r.dialHTTP(), post+"Origin: https://evil.example\r\nContent-Length: 0\r\n\r\n")
	f("half a request", r.dialHTTP(), "POST /mcp HT")
	f("half a line", r.dialTCP(), `{"jsonrpc":`)
	unmasked := string(ws.MustCompileFrame(ws.NewTextFrame([]byte("{}"))))
	f("closed with 1002", r.dialWS().peerConn, unmasked)
	deaf := r.dialDeaf(r.tcp)
	peers["slow consumer"] = deaf.LocalAddr().String()
	r.floodUntilCut(deaf, strings.Repeat(`{"jsonrpc":"2.0","id":"`+strings.Repeat("p", 500)+
		`","method":"ping"}`+"\n", 100))
	return peers
}

// reasonsOf are the reasons in the log lines of a peer.
func reasonsOf(log, peer string) (reasons []string) {
	for line := range strings.Lines(log) {
		var entry struct{ Peer, Reason string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Peer == peer {
			reasons = append(reasons, entry.Reason)
		}
	}
	return reasons
}
