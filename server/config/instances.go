package config

import "time"

// ChildLimits are what a command of an upstream may use, with all that it starts.
type ChildLimits struct {
	Memory int `yaml:"memory"`
	CPU    int `yaml:"cpu"`
	Pids   int `yaml:"pids"`
}

// shareAll is the default of upstreams.NAME.share.
const shareAll = "all"

// shareCall is for calls whose clients cannot be told apart.
const shareCall = "call"

// instanceFields: how many connections or processes an upstream is, and whose they are.
func instanceFields() []field {
	ms, hour, at := int64(time.Millisecond), int64(time.Hour), ofUpstream
	return []field{
		{
			path: at("instances"), unit: "instances", min: 1, max: 256,
			doc: "Processes of command, or connections (over Streamable HTTP: sessions, each " +
				"with its connections). A call goes to the one with the fewest in flight.",
		},
		{
			path: at("share"), enum: []string{shareAll, "principal", "session", shareCall},
			doc: "Who shares an instance: all clients; those with the same credentials; the " +
				"calls of one legacy session (other clients: those with the same credentials); " +
				"or nobody: a call has one to itself while it lasts. One more instance lists " +
				"the tools.",
		},
		{
			path: at("instances_max"), unit: "instances", min: 1, max: 65536,
			doc: "Instances of principals, sessions or calls. Calls of one more principal or " +
				"session are refused; with share: call they wait, in_flight of them.",
		},
		{
			path: at("instance_idle"), unit: durationUnit, min: 100 * ms, max: 720 * hour,
			doc: "So long without a call ends the instance of a principal, session or call.",
		},
	}
}

// childFields: what a process may use.
func childFields() []field {
	at := ofUpstream
	return []field{
		{
			path: at("limits.memory"), unit: bytesUnit, min: mib, max: 1024 * gib, zero: "none",
			doc: "Memory of command and all that it starts, by cgroup; where none can be made: " +
				"private memory of each of its processes.",
		},
		{
			path: at("limits.cpu"), unit: "percent of a processor", min: 1, max: 100_000,
			zero: "none",
			doc:  "Processor time of command and all that it starts; only by cgroup.",
		},
		{
			path: at("limits.pids"), unit: "processes and threads", min: 1, max: 1_000_000,
			zero: "none",
			doc:  "Processes of command and all that it starts; only by cgroup.",
		},
	}
}

// upstreamConnFields: the limits of one connection or process.
func upstreamConnFields() []field {
	ms, hour, at := int64(time.Millisecond), int64(time.Hour), ofUpstream
	return []field{
		{
			path: at("message_bytes"), unit: bytesUnit, min: kib, max: 256 * mib,
			doc: "One message of the upstream; a longer answer fails its call.",
		},
		{
			path: at("noise_max"), unit: "lines", min: 1, max: 1_000_000,
			doc: "Successive lines or events that are no message until it is given up.",
		},
		{
			path: at("notices_per_second"), unit: "messages", max: 10_000_000, zero: "no bound",
			doc: "What it may say beside answers, each KiB as one more, and 16 more for each " +
				"answer; what comes faster waits, with what is behind it on its connection.",
		},
		{
			path: at("dial_timeout"), unit: durationUnit, min: 10 * ms, max: hour,
			doc: "One attempt to connect to one address.",
		},
		{
			path: at("probe_timeout"), unit: durationUnit, min: 10 * ms, max: hour,
			doc: "Era auto: so long to answer server/discover, then initialize is tried.",
		},
		{
			path: at("idle_timeout"), unit: durationUnit, min: 10 * ms, max: 24 * hour,
			doc: "A connection over Streamable HTTP without a call is closed.",
		},
		{
			path: at("close_grace"), unit: durationUnit, min: 10 * ms, max: hour,
			doc: "Between the end of a command's input and SIGTERM, and from there to SIGKILL; " +
				"for the end of a session.",
		},
		{
			path: at("backoff_min"), unit: durationUnit, min: ms, max: hour,
			doc: "Before the second attempt to connect. At most backoff_max.",
		},
	}
}

// checkInstances checks what one field's limits cannot say.
func (c *Config) checkInstances(at string, u *Upstream, report reportFunc) {
	if u.Share != shareAll && u.Instances != 1 {
		report(join(at, "instances"), "", "several go with share: all; otherwise each principal "+
			"or session has one")
	}
	if u.BackoffMin > u.BackoffMax {
		report(join(at, "backoff_min"), formatDuration(u.BackoffMin),
			"write at most backoff_max ("+formatDuration(u.BackoffMax)+"), or raise that")
	}
	if u.Limits != (ChildLimits{}) && len(u.Command) == 0 && u.Kind() != "exec" {
		report(join(at, "limits"), "", "they are those of a command; remove them")
	}
}
