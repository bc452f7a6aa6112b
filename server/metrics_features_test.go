package server_test

import (
	"github.com/gobwas/ws"

	"github.com/mcploop/mcploop/server"
)

// featureRows: resources, prompts, input, WebSocket.
func featureRows() []metricRow {
	return []metricRow{
		{
			[]string{
				"mcploop_resources", "mcploop_resource_templates", "mcploop_prompts",
				"mcploop_resource_duration_seconds", "mcploop_prompt_duration_seconds",
				"mcploop_completion_duration_seconds",
			},
			withCompletion,
			func(r *running) {
				addFeatures(r.Server)
				asks(
					legacyLine("1", "resources/read", `"uri":"test://blob"`),
					legacyLine("2", "prompts/get", `"name":"greet","arguments":{"who":"A"}`),
					legacyLine("3", "completion/complete", `"ref":{"type":"ref/prompt",`+
						`"name":"greet"},"argument":{"name":"who","value":""}`),
				)(r)
			},
		},
		{
			[]string{
				"mcploop_input_asked_total", "mcploop_input_answered_total",
				"mcploop_input_states_refused_total",
			},
			nil,
			func(r *running) {
				addAskers(r.Server)
				c := r.dialTCP()
				c.initializeWith("2025-11-25", `{"elicitation":{}}`)
				c.reply(c.ask(legacyCall("1", "ask_name", "{}")), `{"action":"decline"}`)
				c.ask(modernRequest("2", "tools/call", `"name":"ask_name","requestState":"x"`))
			},
		},
		{[]string{"mcploop_websockets_opened_total"}, nil, func(r *running) { r.dialWS() }},
		{[]string{"mcploop_websocket_faults_total"}, nil, func(r *running) {
			c := r.dialWS()
			c.peerConn.send(masked(ws.OpBinary, true, ""))
			c.closes(1003)
		}},
		{
			[]string{"mcploop_websockets_silent_total"},
			func(o *server.Options) {
				o.WebSocket.PingInterval, o.WebSocket.PongTimeout = 1, 1
			},
			func(r *running) { r.dialWS() },
		},
	}
}

func taskRows() []metricRow {
	return []metricRow{
		{
			[]string{
				"mcploop_tasks", "mcploop_tasks_created_total", "mcploop_task_bytes",
				"mcploop_task_method_duration_seconds",
			},
			nil,
			func(r *running) {
				close(addTaskTools(r.Server))
				c := r.dialTCP()
				c.becomes(taskOf(r.t, c.ask(taskCall("1", "job"))), `"completed"`)
			},
		},
		{[]string{"mcploop_tasks_running"}, nil, func(r *running) {
			release := addTaskTools(r.Server)
			r.t.Cleanup(func() { close(release) })
			r.dialTCP().ask(taskCall("1", "job"))
		}},
		{
			[]string{"mcploop_task_writes_failed_total"},
			withTaskFaults(&taskFaults{on: true}),
			func(r *running) {
				close(addTaskTools(r.Server))
				r.dialTCP().ask(taskCall("1", "job"))
			},
		},
	}
}
