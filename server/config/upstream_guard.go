package config

import "time"

// Breaker says when an upstream, or one of its tools, is left alone for a while.
type Breaker struct {
	Failures int           `yaml:"failures"`
	OpenFor  time.Duration `yaml:"open_for"`
	Probes   int           `yaml:"probes"`
}

// upstreamGuardFields: what keeps the trouble of an upstream at home.
func upstreamGuardFields() []field {
	ms, hour, at := int64(time.Millisecond), int64(time.Hour), ofUpstream
	const none = "off: timeout alone bounds it"
	return []field{
		{
			path: at("first_byte_timeout"), unit: durationUnit, min: 10 * ms, max: 24 * hour,
			zero: none,
			doc: "From a call to the first byte of its answer over HTTP, or to its first " +
				"progress elsewhere.",
		},
		{
			path: at("between_bytes_timeout"), unit: durationUnit, min: 10 * ms, max: 24 * hour,
			zero: none,
			doc: "Between two bytes of an answer over HTTP, or two notifications of progress " +
				"elsewhere.",
		},
		{
			path: at("retry_percent"), unit: "percent of calls", min: 1, max: 100,
			zero: "no call is sent again",
			doc: "So many calls are sent once more, if nothing of them was sent, or their " +
				"connection was lost and their tool is readOnlyHint or idempotentHint.",
		},
		{
			path: at("retry_reserve"), unit: "calls", max: 1000, zero: "none",
			doc: "So many are sent once more beyond retry_percent, and one more for each " +
				"second that has passed since, up to this: for the first calls, and rare ones.",
		},
		{
			path: at("list_max"), unit: "items", min: 1, max: 100_000,
			doc: "Tools, and as many resources, templates and prompts, that it may offer; the " +
				"rest is left out.",
		},
		{
			path: at("breaker.failures"), unit: "failures", min: 1, max: 1_000_000,
			zero: "the breaker never opens",
			doc: "So many calls in a row that time out, lose their connection or get no usable " +
				"answer open the breaker: of a tool when they are its own, else of the upstream.",
		},
		{
			path: at("breaker.open_for"), unit: durationUnit, min: 10 * ms, max: 24 * hour,
			doc: "So long an open breaker refuses every call; also the longest Retry-After that " +
				"is obeyed.",
		},
		{
			path: at("breaker.probes"), unit: "calls", min: 1, max: 1000,
			doc: "So many calls pass then at the same time; when all succeed it closes.",
		},
	}
}
