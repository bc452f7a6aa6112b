package config

import "time"

// field is what is known about one key beside its Go type: the source of every text that is
// shown about it.
type field struct {
	path string
	doc  string   // one sentence or two, without the unit, the default and the limits
	unit string   // "bytes" and "duration" decide how a value is written; others are shown
	min  int64    // in the unit; nanoseconds for durations
	max  int64    // both 0 where there is nothing to compare
	zero string   // what 0 means, if it is outside the limits or special
	enum []string // the only values, for strings
	word []string // what a string may say in place of the number that it else holds
	hide bool     // it may hold a secret: a Diff shows a hash
	hot  bool     // a server could take the new value while it runs; otherwise restart
}

const (
	bytesUnit    = "bytes"
	durationUnit = "duration"
)

// fieldTable lists every leaf of Config in the order of the structs; a test holds the two
// together.
func fieldTable() []field {
	var t []field
	for _, part := range [][]field{
		doorFields(), limitFields(), timeoutFields(), loadFields(), memoryFields(),
		sessionFields(), inputFields(), webSocketFields(), restFields(), reloadFields(),
		upstreamFields(), viewFields(),
	} {
		t = append(t, part...)
	}
	return t
}

func doorFields() []field {
	return []field{
		{path: "name", doc: "The server's name, as clients see it."},
		{path: "version", doc: "The server's version, as clients see it; empty is the build's."},
		{
			path: "listen.http", unit: "host:port",
			doc: "HTTP doors: /mcp of both eras, /health, /metrics. No host is every address.",
		},
		{
			path: "listen.tcp", unit: "host:port",
			doc: "TCP doors: one JSON-RPC message a line.",
		},
		{
			path: "listen.unix", unit: "path",
			doc: "Unix socket doors: one JSON-RPC message a line.",
		},
		{
			path: "listen.stdio",
			doc:  "Serve standard input and output; the server ends when the input ends.",
		},
	}
}

func limitFields() []field {
	return []field{
		{
			path: "limits.connections", unit: "connections", min: 1, max: 1_000_000,
			doc: "Open connections over all doors; one more is refused.",
		},
		{
			path: "limits.message_bytes", unit: bytesUnit, min: kib, max: gib,
			doc: "One message. A longer one gets one error (HTTP 413) and is skipped unread.",
		},
		{
			path: "limits.json_depth", unit: "levels", min: 64, max: 1000,
			doc: "Nesting of arrays and objects in one message.",
		},
		{
			path: "limits.batch", unit: "messages", min: 1, max: 100_000,
			doc: "Messages in one JSON-RPC batch (protocol version 2025-03-26).",
		},
		{
			path: "limits.in_flight_per_conn", unit: "calls", min: 1, max: 1_000_000,
			doc: "Calls of one connection that are not answered yet.",
		},
		{
			path: "limits.in_flight_bytes", unit: bytesUnit, min: kib, max: 1024 * gib,
			doc: "Requests in flight above 16KiB, of one connection a quarter; then refusals.",
		},
		{
			path: "limits.header_bytes", unit: bytesUnit, min: kib, max: mib,
			doc: "Request line and headers of one HTTP request; beyond it 431.",
		},
		{
			path: "limits.headers", unit: "headers", min: 8, max: 1000,
			doc: "Header lines of one HTTP request; beyond it 431.",
		},
		{
			path: "limits.uri_bytes", unit: bytesUnit, min: 64, max: mib,
			doc: "Target of one HTTP request; beyond it 414. At most header_bytes.",
		},
		{
			path: "limits.outbox_high", unit: bytesUnit, min: kib, max: gib,
			doc: "Unsent bytes of a connection above which nothing more is read from it.",
		},
		{
			path: "limits.outbox_low", unit: bytesUnit, min: 1, max: gib,
			doc: "Unsent bytes of a connection at which reading goes on. Less than outbox_high.",
		},
		{
			path: "limits.outbox_max", unit: bytesUnit, min: kib, max: gib,
			doc: "Unsent bytes at which a slow consumer is closed. At least outbox_high.",
		},
		{
			path: "limits.streams", unit: "streams", min: 1, max: 1_000_000,
			doc: "Open subscriptions/listen, GET, SSE and resumed streams; tasks/result that wait.",
		},
		{
			path: "limits.subscriptions", unit: "resources", min: 1, max: 100_000,
			doc: "Resources that one legacy session or one subscriptions/listen listens for.",
		},
	}
}

func timeoutFields() []field {
	ms, hour := int64(time.Millisecond), int64(time.Hour)
	return []field{
		{
			path: "limits.first_timeout", unit: durationUnit, min: 100 * ms, max: hour,
			doc: "From accept to the first byte.",
		},
		{
			path: "limits.frame_timeout", unit: durationUnit, min: 100 * ms, max: hour,
			doc: "From the first byte of a line to its end; further bytes do not extend it.",
		},
		{
			path: "limits.head_timeout", unit: durationUnit, min: 100 * ms, max: hour,
			doc: "From the first byte of an HTTP request to the end of its headers.",
		},
		{
			path: "limits.body_timeout", unit: durationUnit, min: 100 * ms, max: hour,
			doc: "From the end of the headers of an HTTP request to the end of its body.",
		},
		{
			path: "limits.idle_timeout", unit: durationUnit, min: 100 * ms, max: 720 * hour,
			doc: "How long a connection with no call in flight may be silent.",
		},
		{
			path: "limits.write_timeout", unit: durationUnit, min: 100 * ms, max: hour,
			doc: "How long a peer may leave answers unread before it is closed.",
		},
		{
			path: "limits.progress_interval", unit: durationUnit, min: ms, max: hour,
			zero: "no limit",
			doc: "Between two progress notifications of a call, once 10 went out at once; the " +
				"latest that came earlier waits for its time or for the answer.",
		},
	}
}

func loadFields() []field {
	return []field{
		{
			path: "queue.max", unit: "calls", min: 64, max: 1 << 20,
			doc: "Calls that wait for a worker.",
		},
		{
			path: "queue.warn_percent", unit: "percent of queue.max", min: 1, max: 99,
			doc: "Filling at which the queue reports pressure.",
		},
		{
			path: "queue.reject_percent", unit: "percent of queue.max", min: 2, max: 100,
			doc: "Filling at which new calls are refused. More than warn_percent.",
		},
		{
			path: "workers.count", unit: "goroutines", min: 1, max: 100_000, zero: "64 per core",
			doc: "Goroutines that run the tools that may block.",
		},
		{
			path: "loops.count", unit: "loops", min: 1, max: 1024, zero: "one per core",
			doc: "Event loops.",
		},
		{
			path: "loops.pin",
			doc:  "Lock each loop to a thread and a core. Costs some idle latency; measure first.",
		},
		{
			path: "loops.read_buffer", unit: bytesUnit, min: 4 * kib, max: 16 * mib,
			doc: "Read buffer of each loop; what one wake-up can take from one connection.",
		},
		{
			path: "loops.backlog", unit: "connections", min: 1, max: 65_535,
			doc: "listen(2) backlog of each door; the kernel caps it at net.core.somaxconn.",
		},
		{
			path: "registry.shards", unit: "shards", min: 1, max: 4096,
			doc: "Parts into which each shared table is split. A power of two.",
		},
	}
}

func memoryFields() []field {
	return []field{
		{
			path: "memory.limit", unit: bytesUnit, min: 16 * mib, max: 16 * 1024 * gib,
			word: []string{Auto, Off},
			doc: "Soft limit of Go's runtime, which collects harder near it. auto is 90 % of the " +
				"least limit of the cgroups or of the host's memory, and less where the sockets " +
				"of limits.connections take more than the rest (5KiB each), but not under half. " +
				"GOMEMLIMIT in the environment wins.",
		},
		{
			path: "memory.gogc", unit: "percent of the live heap", min: 10, max: 10_000,
			word: []string{Auto, Off},
			doc: "Garbage that may gather before it is collected. auto is 100, as in Go, and 200 " +
				"or 400 where a limit that somebody set has room for 6 or 10 times what " +
				"limits.connections take; off leaves it to the limit. GOGC in the environment " +
				"wins.",
		},
	}
}

func sessionFields() []field {
	sec, hour := int64(time.Second), int64(time.Hour)
	return []field{
		{
			path: "sessions.max", unit: "sessions", min: 1, max: 10_000_000, hot: true,
			doc: "Legacy HTTP sessions; one more evicts the session that is idle longest.",
		},
		{
			path: "sessions.max_per_principal", unit: "sessions", min: 1, max: 10_000_000,
			zero: "as sessions.max", hot: true,
			doc: "The same for one principal; without authentication all clients are one.",
		},
		{
			path: "sessions.idle_ttl", unit: durationUnit, min: sec, max: 720 * hour, hot: true,
			doc: "After so long without a request or an open stream a session is forgotten.",
		},
		{
			path: "sessions.sweep", unit: durationUnit, min: sec / 10, max: hour,
			doc: "How often forgotten sessions are looked for.",
		},
		{
			path: "sessions.replay_events", unit: "events", min: 1, max: 1_000_000,
			doc: "Events of the answers to POSTs that are kept in each session for a client that " +
				"resumes; as many again of its GET stream.",
		},
		{
			path: "sessions.replay_bytes", unit: bytesUnit, min: kib, max: gib,
			doc: "Bytes of these events, 48 more for each; the oldest go first.",
		},
		{
			path: "sessions.replay_total", unit: bytesUnit, min: kib, max: 1 << 40,
			doc: "Bytes of these events of all sessions; the session at hand lets its oldest go.",
		},
		{
			path: "sessions.replay_time", unit: durationUnit, min: sec / 10, max: 24 * hour,
			doc: "How long such an event is kept, and how long a GET stream is told of what " +
				"happens after its connection broke.",
		},
		{
			path: "lists.page_size", unit: "entries", min: 1, max: 100_000,
			doc: "Entries of one page of tools/list and the other lists.",
		},
		{
			path: "lists.ttl", unit: durationUnit, min: int64(time.Millisecond), max: 720 * hour,
			hot: true,
			doc: "How long clients may cache a list (ttlMs of the modern era).",
		},
		{
			path: "lists.cache_scope", enum: []string{"public", "private"}, hot: true,
			doc: "Who may cache a list (cacheScope of the modern era).",
		},
	}
}

func inputFields() []field {
	ms, hour := int64(time.Millisecond), int64(time.Hour)
	return []field{
		{
			path: "input.state_keys", unit: "base64", hide: true,
			doc: "Keys of 32 random bytes that seal what modern clients carry between the rounds " +
				"of a request: the first seals, all open. None is one that is gone with the " +
				"process; several nodes need the same. Write ${VAR}, not the key.",
		},
		{
			path: "input.state_ttl", unit: durationUnit, min: 100 * ms, max: 24 * hour, hot: true,
			doc: "How long a modern client may take to come back with its answers.",
		},
		{
			path: "input.state_bytes", unit: bytesUnit, min: kib, max: mib,
			doc: "State and earlier answers of one request, before they are sealed.",
		},
		{
			path: "input.timeout", unit: durationUnit, min: 100 * ms, max: 24 * hour, hot: true,
			doc: "How long a legacy client may think about what a tool asks it.",
		},
		{
			path: "input.open", unit: "requests", min: 1, max: 10_000,
			doc: "Requests of tools that one legacy session has not answered yet.",
		},
		{
			path: "tasks.max", unit: "tasks", min: 1, max: 10_000_000,
			doc: "Tasks that are kept, running or over; one more is refused.",
		},
		{
			path: "tasks.max_per_principal", unit: "tasks", min: 1, max: 10_000_000,
			zero: "as tasks.max", doc: "Tasks that are kept for one principal.",
		},
		{
			path: "tasks.result_bytes", unit: bytesUnit, min: kib, max: gib,
			doc: "The result of one task; one with a larger result fails.",
		},
		{
			path: "tasks.result_total", unit: bytesUnit, min: kib, max: 64 * gib,
			doc: "The results of all tasks that are kept. Without room no call becomes a task, " +
				"and one that ends fails.",
		},
		{
			path: "tasks.ttl", unit: durationUnit, min: 100 * ms, max: 720 * hour,
			doc: "How long a task may run and be asked for.",
		},
		{
			path: "tasks.poll_interval", unit: durationUnit, min: 10 * ms, max: hour,
			doc: "How often clients shall ask for a task.",
		},
	}
}

func webSocketFields() []field {
	ms, hour := int64(time.Millisecond), int64(time.Hour)
	return []field{
		{
			path: "websocket.ping_interval", unit: durationUnit, min: 100 * ms, max: hour,
			doc: "After so long without a frame a WebSocket's peer is asked whether it is there.",
		},
		{
			path: "websocket.pong_timeout", unit: durationUnit, min: 100 * ms, max: hour,
			doc: "How long the peer may take to answer that before it is cut.",
		},
		{
			path: "websocket.compression",
			doc: "Agree to permessage-deflate (RFC 7692, no context takeover) with clients that " +
				"offer it.",
		},
		{
			path: "websocket.compression_min", unit: bytesUnit, min: 1, max: gib,
			doc: "Messages of so many bytes or more are sent compressed, smaller ones as they are.",
		},
	}
}

func restFields() []field {
	ms, hour := int64(time.Millisecond), int64(time.Hour)
	return []field{
		{
			path: "security.check", hot: true,
			doc: "Check Origin and Host of HTTP requests, against DNS rebinding.",
		},
		{
			path: "security.allowed_origins", unit: "scheme://host[:port]", hot: true,
			doc: "Origins let in besides loopback ones and the server's own; * is every one.",
		},
		{
			path: "security.allowed_hosts", unit: "host[:port]", hot: true,
			doc: "Host headers let in besides loopback names and IP addresses.",
		},
		{
			path: "timeouts.call", unit: durationUnit, min: 10 * ms, max: 24 * hour,
			zero: "never", hot: true,
			doc: "After so long a tool call is cancelled and answered with an error.",
		},
		{
			path: "timeouts.keep_alive", unit: durationUnit, min: 100 * ms, max: hour,
			doc: "How often a comment keeps an open event stream alive; and how long its " +
				"client may leave them unacknowledged (1s at least, 1m at most).",
		},
		{
			path: "timeouts.drain", unit: durationUnit, min: 10 * ms, max: hour, hot: true,
			doc: "How long a drain waits for calls in flight before it cuts them.",
		},
		{
			path: "log.level", enum: []string{"debug", "info", "warn", "error"}, hot: true,
			doc: "The least level that is logged.",
		},
		{
			path: "log.format", enum: []string{"text", "json"},
			doc: "How a log line is written, to standard error.",
		},
		{
			path: "log.lines", unit: "lines", min: 1, max: 1_000_000,
			doc: "Lines that may wait to be written; one more is dropped and counted.",
		},
		{
			path: "tools.samples",
			doc:  "Serve the sample tools echo, echo_blocking, add, sleep and work.",
		},
	}
}
