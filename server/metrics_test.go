package server_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

// metricRow is what somebody does over a socket, and the metrics that must move by it.
type metricRow struct {
	metrics []string
	change  func(*server.Options)
	act     func(r *running)
}

func messageMetric(method string) string {
	return fmt.Sprintf("mcploop_messages_total{method=%q}", method)
}

func errorMetric(code string) string { return fmt.Sprintf("mcploop_errors_total{code=%q}", code) }

// asks sends lines over TCP inside a legacy session; those with an id are waited for.
func asks(lines ...string) func(*running) {
	return func(r *running) {
		c := r.dialTCP()
		c.initialize("2025-11-25")
		for _, line := range lines {
			if c.line(line); strings.Contains(line, `"id"`) {
				c.read()
			}
		}
	}
}

func legacyLine(id, method, params string) string {
	if id != "" {
		id = `"id":` + id + `,`
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0",%s"method":%q,"params":{%s}}`, id, method, params)
}

func messageRows() []metricRow {
	row := func(method string, lines ...string) metricRow {
		return metricRow{metrics: []string{messageMetric(method)}, act: asks(lines...)}
	}
	return []metricRow{
		row("initialize"),
		row("notifications/initialized"),
		row("ping", legacyPing),
		row("tools/list", legacyLine("1", "tools/list", "")),
		row("tools/call", legacyCall("1", "echo", `{"message":"m"}`)),
		row("logging/setLevel", legacyLine("1", "logging/setLevel", `"level":"error"`)),
		row("server/discover", legacyLine("1", "server/discover", modernMeta)),
		row("subscriptions/listen", listenCall("1", wantTools)),
		row("notifications/cancelled", legacyLine("", "notifications/cancelled", `"requestId":9`)),
		row("notifications/progress", legacyLine("", "notifications/progress",
			`"progressToken":9,"progress":1`)),
		row("notifications/roots/list_changed",
			legacyLine("", "notifications/roots/list_changed", "")),
		row("resources/list", legacyLine("1", "resources/list", "")),
		row("resources/templates/list", legacyLine("1", "resources/templates/list", "")),
		row("resources/read", legacyLine("1", "resources/read", `"uri":"test://nowhere"`)),
		row("prompts/list", legacyLine("1", "prompts/list", "")),
		row("prompts/get", legacyLine("1", "prompts/get", `"name":"nobody"`)),
		row("completion/complete", legacyLine("1", "completion/complete", "")),
		row("resources/subscribe", legacyLine("1", "resources/subscribe", `"uri":"a:b"`)),
		row("resources/unsubscribe", legacyLine("1", "resources/unsubscribe", `"uri":"a:b"`)),
		row("tasks/get", taskRequest("1", "tasks/get", "x", "")),
		row("tasks/update", taskRequest("1", "tasks/update", "x", "")),
		row("tasks/cancel", taskRequest("1", "tasks/cancel", "x", "")),
		row("tasks/result", legacyLine("1", "tasks/result", `"taskId":"x"`)),
		row("tasks/list", legacyLine("1", "tasks/list", "")),
		row("unknown", legacyLine("1", "no/such/method", "")),
	}
}

func errorRows() []metricRow {
	row := func(code string, act func(*running)) metricRow {
		return metricRow{metrics: []string{errorMetric(code)}, act: act}
	}
	failing := func(err error) func(*running) {
		return func(r *running) {
			server.AddTool(r.Server, mcp.Tool{Name: "failing"},
				func(context.Context, *mcp.Request, struct{}) (string, error) { return "", err })
			r.post(modernCall("1", "failing", "{}"))
		}
	}
	unsupported := strings.Replace(modernCall("1", "echo", "{}"), "2026-07-28", "v999.0.0", 1)
	timeout := row("-31001", asks(legacyCall("1", "slow", `{"ms":60000}`)))
	timeout.change = func(o *server.Options) { o.CallTimeout = 50 * time.Millisecond }
	return []metricRow{
		row("-32700", asks(`{"id"`)),
		row("-32600", asks(`{"id":1}`)),
		row("-32601", asks(legacyLine("1", "no/such/method", ""))),
		row("-32602", asks(legacyCall("1", "nowhere", "{}"))),
		row("-32603", asks(legacyCall("1", "crash", "{}"))),
		row("-32020", func(r *running) {
			r.post(modernCall("1", "echo", "{}"), "Mcp-Name:slow")
		}),
		row("-32021", failing(mcp.MissingCapability("sampling"))),
		row("-32022", asks(unsupported)),
		row("-32001", func(r *running) { r.post(legacyPing, "Mcp-Session-Id:nobody") }),
		row("-32000", func(r *running) { r.post(legacyPing) }),
		row("-31000", func(r *running) {
			r.BeginDraining()
			r.post(modernCall("1", "slow", `{"ms":0}`))
		}),
		timeout,
		row("other", failing(&mcp.Error{Code: 7, Message: "my own"})),
	}
}

func callRows() []metricRow {
	hold := func(r *running) {
		g := r.addGate("held")
		c := r.dialTCP()
		for i := range 3 {
			c.line(modernCall(fmt.Sprint(i), "held", "{}"))
		}
		g.waitEntered()
		r.t.Cleanup(func() { close(g.release) })
	}
	one := func(o *server.Options) { o.Queue.Workers = 1 }
	echoed := legacyCall("1", "echo", `{"message":""}`)
	return []metricRow{
		{[]string{"mcploop_calls_inline_total"}, nil, asks(echoed)},
		{
			[]string{
				"mcploop_calls_accepted_total", "mcploop_calls_completed_total",
				"mcploop_call_duration_seconds", "mcploop_tool_duration_seconds",
			}, nil, asks(legacyCall("1", "slow", `{"ms":0}`)),
		},
		{
			[]string{"mcploop_calls_in_flight", "mcploop_queue_depth", "mcploop_workers_busy"},
			one, hold,
		},
		{[]string{"mcploop_in_flight_bytes"}, nil, func(r *running) {
			g := r.addGate("held")
			r.dialTCP().line(heavyCall("1", "held", 20<<10))
			g.waitEntered()
			r.t.Cleanup(func() { close(g.release) })
		}},
		{[]string{"mcploop_calls_cancelled_total"}, nil, func(r *running) {
			g := r.addGate("held")
			c := r.dialTCP()
			c.line(modernCall("1", "held", "{}"))
			g.waitEntered()
			c.reset()
		}},
		{[]string{"mcploop_calls_late_total"}, nil, func(r *running) {
			err := r.AddAsyncTool(mcp.Tool{Name: "twice"}, func(c *server.Call) {
				c.ReplyRaw([]byte(`{"content":[]}`))
				c.ReplyRaw([]byte(`{"content":[]}`))
			})
			if err != nil {
				r.t.Fatal(err)
			}
			r.post(modernCall("1", "twice", "{}"))
		}},
		{[]string{"mcploop_notifications_total"}, nil, func(r *running) {
			r.post(progressCall("1", "1"))
		}},
		{[]string{"mcploop_stray_replies_total"}, nil, func(r *running) {
			r.dialTCP().line(`{"jsonrpc":"2.0","id":1,"result":{}}`)
		}},
		{[]string{"mcploop_streams_opened_total", "mcploop_streams"}, nil, func(r *running) {
			r.dialTCP().ask(listenCall("1", wantTools))
		}},
		{[]string{"mcploop_panics_total"}, nil, asks(legacyCall("1", "crash", "{}"))},
		{[]string{"mcploop_tools"}, nil, func(r *running) { r.changeTools("more") }},
		{
			[]string{"mcploop_log_lines", "mcploop_log_lines_dropped_total"},
			withStuckLog,
			asks(slices.Repeat([]string{legacyCall("1", "crash", "{}")}, 5)...),
		},
		{[]string{"mcploop_sessions"}, nil, func(r *running) { r.session("2025-11-25") }},
	}
}

func loopRows() []metricRow {
	exhausted := func(r *running) {
		defer limitFds(r.t)()
		eventually(r.t, "the log tells of it", func() bool {
			if c, err := net.Dial("tcp", r.tcp); err == nil {
				r.t.Cleanup(func() { c.Close() })
			}
			return strings.Contains(r.log.String(), "cannot accept")
		})
	}
	return []metricRow{
		{
			[]string{
				"mcploop_connections", "mcploop_loop_accepted_total", "mcploop_loop_wakeups_total",
				"mcploop_loop_received_bytes_total", "mcploop_loop_sent_bytes_total",
				"mcploop_loop_writes_total",
			}, nil, asks(legacyPing),
		},
		{[]string{"mcploop_loop_closed_total"}, nil, func(r *running) { r.dialTCP().Close() }},
		{
			[]string{"mcploop_loop_refused_total"},
			func(o *server.Options) { o.Limits.Connections = 4 },
			func(r *running) {
				for range 10 {
					if c, err := net.Dial("tcp", r.tcp); err == nil { // else it was refused already
						r.t.Cleanup(func() { c.Close() })
					}
				}
			},
		},
		{[]string{"mcploop_loop_posts_total"}, nil, func(r *running) { r.changeTools("more") }},
		{
			[]string{"mcploop_loop_expired_total"},
			func(o *server.Options) { o.Limits.FirstTimeout = 100 * time.Millisecond },
			func(r *running) { r.dialTCP() },
		},
		{
			[]string{"mcploop_loop_slow_consumers_total"},
			smallOutbox,
			func(r *running) {
				addFlood(r)
				r.dialHTTP().send(wirePost(floodCall()))
			},
		},
		{[]string{"mcploop_loop_accept_failures_total"}, nil, exhausted},
	}
}

// limitFds lets nobody open more than one further file, until the returned function is called.
func limitFds(t *testing.T) (restore func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	free, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	lowest := uint64(free.Fd())
	free.Close()
	few := unix.Rlimit{Cur: lowest + 1, Max: old.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Error(err)
		}
	}
}

// constantMetrics are limits: they show what the options say.
var constantMetrics = map[string]float64{
	"mcploop_connections_max": 4321, "mcploop_sessions_max": 321, "mcploop_streams_max": 21,
	"mcploop_tasks_max": 54, "mcploop_replay_bytes_max": 6543, "mcploop_task_bytes_max": 7654,
	"mcploop_queue_max": 64, "mcploop_in_flight_bytes_max": 8765, "mcploop_log_lines_max": 77,
}

func allMetricRows() []metricRow {
	rows := append(messageRows(), errorRows()...)
	rows = append(append(rows, callRows()...), append(featureRows(), schemaRows()...)...)
	rows = append(append(rows, taskRows()...), replayRows()...)
	rows = append(rows, wsRows()...)
	return append(rows, loopRows()...)
}

func TestEachMetricMoves(t *testing.T) {
	for _, row := range allMetricRows() {
		t.Run(row.metrics[0], func(t *testing.T) {
			r := start(t, func(o *server.Options) {
				o.Loops.Count = 1
				if row.change != nil {
					row.change(o)
				}
			})
			before := r.scrape()
			row.act(r)
			for _, name := range row.metrics {
				eventually(t, name+" moves", func() bool {
					return r.scrape().total(name) != before.total(name)
				})
			}
		})
	}
}

func TestLimitMetricsShowTheOptions(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Limits.Connections, o.Sessions.Max, o.Limits.Streams, o.Queue.Max = 4321, 321, 21, 64
		o.Tasks.Max, o.Sessions.ReplayTotal, o.Tasks.ResultTotal = 54, 6543, 7654
		o.LogLines, o.Limits.InFlightBytes = 77, 8765
	})
	page := r.scrape()
	for name, want := range constantMetrics {
		if got := page.total(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// Every metric of ours has a row above: a metric that nobody has seen moving is not offered.
func TestEachMetricHasARow(t *testing.T) {
	known := map[string]bool{}
	for _, row := range allMetricRows() {
		for _, name := range row.metrics {
			known[name] = true
		}
	}
	r := start(t, func(o *server.Options) { oneLoop(o); withCompletion(o) }, addFeatures)
	r.post(modernCall("1", "slow", `{"ms":0}`)) // brings up the histograms
	page := r.scrape()
	ours := 0
	for _, s := range page {
		if !strings.HasPrefix(s.name, "mcploop_") {
			continue
		}
		ours++
		_, constant := constantMetrics[s.name]
		if !constant && !known[s.name+s.labels] && !known[s.family()] {
			t.Errorf("%s%s has no row", s.name, s.labels)
		}
	}
	for name := range known {
		if page.total(name) == 0 && !page.has(name) {
			t.Errorf("%s has a row, but is not there", name)
		}
	}
	if ours < 50 {
		t.Errorf("only %d samples are ours", ours)
	}
}
