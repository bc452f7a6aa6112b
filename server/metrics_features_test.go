package server_test

// featureRows: resources, prompts and input.
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
