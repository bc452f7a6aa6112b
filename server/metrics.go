package server

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/mcploop/mcploop/loop"
	"github.com/mcploop/mcploop/mcp"
)

// registerMetrics names what /metrics shows. Everything is read when it is scraped; nothing is
// written on the way of a message but the loop's own counters.
func (s *Server) registerMetrics() {
	count := func(name string, of func(*counters) *atomic.Uint64) {
		s.counterFunc(name, func() uint64 { return s.sum(of) })
	}
	for m := range mcp.MethodCount {
		count(fmt.Sprintf("mcploop_messages_total{method=%q}", m),
			func(c *counters) *atomic.Uint64 { return &c.methods[m] })
	}
	for i, code := range faultCodes {
		label := fmt.Sprint(code)
		if code == 0 {
			label = "other"
		}
		count(fmt.Sprintf("mcploop_errors_total{code=%q}", label),
			func(c *counters) *atomic.Uint64 { return &c.faults[i] })
	}
	count("mcploop_calls_inline_total", func(c *counters) *atomic.Uint64 { return &c.inline })
	count("mcploop_calls_accepted_total", func(c *counters) *atomic.Uint64 { return &c.accepted })
	count("mcploop_calls_completed_total", func(c *counters) *atomic.Uint64 { return &c.completed })
	count("mcploop_calls_cancelled_total", func(c *counters) *atomic.Uint64 { return &c.cancelled })
	count("mcploop_calls_late_total", func(c *counters) *atomic.Uint64 { return &c.late })
	count("mcploop_notifications_total",
		func(c *counters) *atomic.Uint64 { return &c.notifications })
	count("mcploop_stray_replies_total",
		func(c *counters) *atomic.Uint64 { return &c.strayReplies })
	count("mcploop_streams_opened_total", func(c *counters) *atomic.Uint64 { return &c.streams })
	count("mcploop_events_total", func(c *counters) *atomic.Uint64 { return &c.events })
	count("mcploop_events_replayed_total",
		func(c *counters) *atomic.Uint64 { return &c.replayed })
	count("mcploop_events_dropped_total", func(c *counters) *atomic.Uint64 { return &c.dropped })
	count("mcploop_events_expired_total",
		func(c *counters) *atomic.Uint64 { return &c.expired })
	count("mcploop_progress_replaced_total",
		func(c *counters) *atomic.Uint64 { return &c.thinned })
	count("mcploop_input_asked_total", func(c *counters) *atomic.Uint64 { return &c.inputAsked })
	count("mcploop_input_answered_total",
		func(c *counters) *atomic.Uint64 { return &c.inputAnswered })
	count("mcploop_input_states_refused_total",
		func(c *counters) *atomic.Uint64 { return &c.statesRefused })
	count("mcploop_websockets_opened_total",
		func(c *counters) *atomic.Uint64 { return &c.webSockets })
	count("mcploop_websocket_faults_total",
		func(c *counters) *atomic.Uint64 { return &c.wsFaults })
	count("mcploop_websockets_silent_total",
		func(c *counters) *atomic.Uint64 { return &c.wsSilent })
	count("mcploop_tasks_created_total",
		func(c *counters) *atomic.Uint64 { return &c.tasksCreated })
	count("mcploop_task_writes_failed_total",
		func(c *counters) *atomic.Uint64 { return &c.taskWritesFailed })
	count("mcploop_arguments_refused_total",
		func(c *counters) *atomic.Uint64 { return &c.refusedArgs })
	s.counterFunc("mcploop_results_refused_total", s.resultsRefused.Load)
	s.registerCompression()
	s.registerGauges()
	s.registerLoopMetrics()
	s.set.RegisterMetricsWriter(s.writeDurations)
}

// registerCompression: how many messages of WebSockets were compressed, and their bytes with and
// without it.
func (s *Server) registerCompression() {
	for direction, of := range map[string]func(*counters) *compressed{
		"in":  func(c *counters) *compressed { return &c.inflated },
		"out": func(c *counters) *compressed { return &c.deflated },
	} {
		for name, part := range map[string]func(*compressed) *atomic.Uint64{
			"messages":    func(c *compressed) *atomic.Uint64 { return &c.messages },
			"bytes":       func(c *compressed) *atomic.Uint64 { return &c.wire },
			"plain_bytes": func(c *compressed) *atomic.Uint64 { return &c.plain },
		} {
			s.counterFunc(
				fmt.Sprintf("mcploop_websocket_compressed_%s_total{direction=%q}", name, direction),
				func() uint64 {
					return s.sum(func(c *counters) *atomic.Uint64 { return part(of(c)) })
				})
		}
	}
}

func (s *Server) counterFunc(name string, read func() uint64) {
	s.set.NewGauge(name, func() float64 { return float64(read()) })
}

func (s *Server) gauge(name string, read func() int) {
	s.set.NewGauge(name, func() float64 { return float64(read()) })
}

// registerGauges: each limit has what is used and its maximum side by side.
func (s *Server) registerGauges() {
	o := &s.opt
	s.gauge("mcploop_connections", func() int { return s.group.Served() })
	s.gauge("mcploop_connections_max", func() int { return o.Limits.Connections })
	s.gauge("mcploop_calls_in_flight", func() int { return s.inFlight() })
	s.gauge("mcploop_in_flight_bytes", func() int { return int(s.heavy.Load()) })
	s.gauge("mcploop_in_flight_bytes_max", func() int { return o.Limits.InFlightBytes })
	s.gauge("mcploop_queue_depth", s.workers.Len)
	s.gauge("mcploop_queue_max", s.workers.Cap)
	s.gauge("mcploop_workers_busy", s.workers.Busy)
	s.gauge("mcploop_sessions", s.sessions.Len)
	s.gauge("mcploop_sessions_max", s.sessions.Max)
	s.gauge("mcploop_streams", func() int { return int(s.streams.Load()) })
	s.gauge("mcploop_streams_max", func() int { return o.Limits.Streams })
	s.gauge("mcploop_streams_away", func() int { return int(s.away.Load()) })
	s.gauge("mcploop_replay_bytes", func() int { return int(s.replayBytes.Load()) })
	s.gauge("mcploop_replay_bytes_max", func() int { return o.Sessions.ReplayTotal })
	s.gauge("mcploop_tasks", func() int { n, _ := s.tasks.store.Size(); return n })
	s.gauge("mcploop_tasks_max", func() int { return o.Tasks.Max })
	s.gauge("mcploop_tasks_running", s.tasks.len)
	s.gauge("mcploop_task_bytes", func() int { _, n := s.tasks.store.Size(); return int(n) })
	s.gauge("mcploop_task_bytes_max", func() int { return o.Tasks.ResultTotal })
	s.gauge("mcploop_log_lines", func() int { return len(s.logs.lines) })
	s.gauge("mcploop_log_lines_max", func() int { return o.LogLines })
	s.counterFunc("mcploop_log_lines_dropped_total", s.logs.dropped.Load)
	s.gauge("mcploop_tools", s.tools.Len)
	s.gauge("mcploop_prompts", s.prompts.Len)
	s.gauge("mcploop_resources", s.resources.Len)
	s.gauge("mcploop_resource_templates", s.templates.Len)
	s.counterFunc("mcploop_panics_total", func() uint64 {
		return s.panics.Load() + s.group.Stats().Panics
	})
}

// registerLoopMetrics: what the loops count of bytes and connections.
func (s *Server) registerLoopMetrics() {
	series := []struct {
		name string
		read func(*loop.Stats) uint64
	}{
		{"accepted_total", func(s *loop.Stats) uint64 { return s.Accepted }},
		{"closed_total", func(s *loop.Stats) uint64 { return s.Closed }},
		{"refused_total", func(s *loop.Stats) uint64 { return s.Refused }},
		{"received_bytes_total", func(s *loop.Stats) uint64 { return s.BytesIn }},
		{"sent_bytes_total", func(s *loop.Stats) uint64 { return s.BytesOut }},
		{"wakeups_total", func(s *loop.Stats) uint64 { return s.Wakeups }},
		{"writes_total", func(s *loop.Stats) uint64 { return s.Writes }},
		{"posts_total", func(s *loop.Stats) uint64 { return s.Posts }},
		{"expired_total", func(s *loop.Stats) uint64 { return s.Expired }},
		{"slow_consumers_total", func(s *loop.Stats) uint64 { return s.SlowConsumers }},
		{"accept_failures_total", func(s *loop.Stats) uint64 { return s.Emfile }},
	}
	for i, l := range s.group.Loops() {
		for _, v := range series {
			s.counterFunc(fmt.Sprintf("mcploop_loop_%s{loop=\"%d\"}", v.name, i), func() uint64 {
				stats := l.Stats()
				return v.read(&stats)
			})
		}
	}
}

// toolHistogram times a tool off the loop.
func (s *Server) toolHistogram(name string) *metrics.PrometheusHistogram {
	return s.set.GetOrCreatePrometheusHistogramExt(toolHistogramName(name), durationBounds)
}

func toolHistogramName(tool string) string {
	return fmt.Sprintf("mcploop_tool_duration_seconds{tool=%q}", tool)
}

var durationBounds = func() []float64 {
	list := make([]float64, len(bounds))
	for i, b := range bounds {
		list[i] = b.Seconds()
	}
	return list
}()

// writeDurations merges the loops' histograms. One inline call in 64 is timed, every other call
// always.
func (s *Server) writeDurations(w io.Writer) {
	for m := range mcp.MethodCount {
		var counts [len(bounds) + 1]uint64
		var nanos, total uint64
		for _, ls := range s.states {
			h := &ls.count.durations[m]
			for i := range counts {
				n := h.buckets[i].Load()
				counts[i] += n
				total += n
			}
			nanos += h.nanos.Load()
		}
		if total > 0 {
			writeHistogram(w, m.String(), counts[:], nanos)
		}
	}
}

func writeHistogram(w io.Writer, method string, counts []uint64, nanos uint64) {
	const name = "mcploop_call_duration_seconds"
	var sum uint64
	for i, n := range counts {
		sum += n
		le := "+Inf"
		if i < len(bounds) {
			le = fmt.Sprint(bounds[i].Seconds())
		}
		fmt.Fprintf(w, "%s_bucket{method=%q,le=%q} %d\n", name, method, le, sum)
	}
	fmt.Fprintf(w, "%s_sum{method=%q} %v\n", name, method, time.Duration(nanos).Seconds())
	fmt.Fprintf(w, "%s_count{method=%q} %d\n", name, method, sum)
}

// WriteMetrics writes all metrics in Prometheus text format: the server's own, those of the process
// and the Go runtime, then those of Options.Metrics. It takes up to a millisecond and must not run
// on a loop.
func (s *Server) WriteMetrics(w io.Writer) {
	s.lookAtUpstreams()
	s.set.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
	if s.opt.Metrics != nil {
		s.writeFurther(w)
	}
}

// writeFurther adds what Options.Metrics writes: all of it or, when it panics, nothing.
func (s *Server) writeFurther(w io.Writer) {
	var lines bytes.Buffer
	defer func() {
		if cause := recover(); cause != nil {
			s.panics.Add(1)
			s.opt.Log.Error("Options.Metrics panicked", "panic", cause)
			return
		}
		_, _ = lines.WriteTo(w) // whoever reads the page sees that it ends
	}()
	s.opt.Metrics(&lines)
}
