package server_test

import (
	"time"

	"github.com/mcploop/mcploop/server"
)

// replayRows: what is kept of event streams.
func replayRows() []metricRow {
	cutGet := func(r *running) {
		session := "Mcp-Session-Id:" + r.session("2025-11-25")
		r.getStream(session).Body.Close()
	}
	return []metricRow{
		{
			[]string{
				"mcploop_events_total", "mcploop_events_replayed_total",
				"mcploop_events_dropped_total", "mcploop_replay_bytes",
			},
			func(o *server.Options) { o.Sessions.ReplayEvents = 1 },
			func(r *running) {
				session := "Mcp-Session-Id:" + r.session("2025-11-25")
				_ = r.text(r.post(legacyProgressCall("1", "steps"), session))
				_ = r.text(r.getStream(session, "Last-Event-ID:1-3"))
			},
		},
		{
			[]string{"mcploop_events_expired_total"},
			func(o *server.Options) {
				o.Sessions.ReplayTime, o.Sessions.Sweep = time.Millisecond, time.Millisecond
			},
			func(r *running) {
				session := "Mcp-Session-Id:" + r.session("2025-11-25")
				_ = r.text(r.post(legacyProgressCall("1", "steps"), session))
			},
		},
		{[]string{"mcploop_streams_away"}, nil, cutGet},
		{[]string{"mcploop_progress_replaced_total"}, nil, func(r *running) {
			values := r.addCounter("count")
			for i := range 20 {
				values <- i
			}
			close(values)
			r.post(legacyProgressCall("1", "count"), "Mcp-Session-Id:"+r.session("2025-11-25"))
		}},
	}
}
