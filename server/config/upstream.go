package config

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// Upstream is an MCP server behind this one; its name is its key in Config.Upstreams.
type Upstream struct {
	Disabled bool `yaml:"disabled"`

	URL     string            `yaml:"url"`
	Type    string            `yaml:"type"`
	Headers map[string]string `yaml:"headers"`
	TLS     TLS               `yaml:"tls"`

	Credentials Credentials `yaml:"credentials"`
	OAuth       OAuth       `yaml:"oauth"`

	Command []string          `yaml:"command"`
	Env     map[string]string `yaml:"env"`
	Dir     string            `yaml:"dir"`

	HTTP    HTTPKind    `yaml:"http"`
	OpenAPI OpenAPIKind `yaml:"openapi"`
	Exec    ExecKind    `yaml:"exec"`
	Files   FilesKind   `yaml:"files"`

	Era       string   `yaml:"era"`
	Separator string   `yaml:"separator"`
	Allow     []string `yaml:"allow"`
	Deny      []string `yaml:"deny"`

	Rename map[string]string `yaml:"rename"`

	Timeout      time.Duration `yaml:"timeout"`
	StartTimeout time.Duration `yaml:"start_timeout"`
	Refresh      time.Duration `yaml:"refresh"`
	Grace        time.Duration `yaml:"grace"`
	BackoffMax   time.Duration `yaml:"backoff_max"`

	InFlight    int `yaml:"in_flight"`
	Connections int `yaml:"connections"`
	StderrLines int `yaml:"stderr_lines"`

	Subscriptions int `yaml:"subscriptions"`

	Instances    int           `yaml:"instances"`
	Share        string        `yaml:"share"`
	InstancesMax int           `yaml:"instances_max"`
	InstanceIdle time.Duration `yaml:"instance_idle"`

	MessageBytes int           `yaml:"message_bytes"`
	NoiseMax     int           `yaml:"noise_max"`
	Notices      int           `yaml:"notices_per_second"`
	DialTimeout  time.Duration `yaml:"dial_timeout"`
	ProbeTimeout time.Duration `yaml:"probe_timeout"`
	IdleTimeout  time.Duration `yaml:"idle_timeout"`
	CloseGrace   time.Duration `yaml:"close_grace"`
	BackoffMin   time.Duration `yaml:"backoff_min"`

	Limits ChildLimits `yaml:"limits"`

	Asks       int           `yaml:"asks"`
	AskTimeout time.Duration `yaml:"ask_timeout"`

	FirstByteTimeout time.Duration `yaml:"first_byte_timeout"`
	BetweenBytes     time.Duration `yaml:"between_bytes_timeout"`
	RetryPercent     int           `yaml:"retry_percent"`
	RetryReserve     int           `yaml:"retry_reserve"`
	ListMax          int           `yaml:"list_max"`
	Breaker          Breaker       `yaml:"breaker"`
}

const (
	upstreamsKey = "upstreams"
	anyName      = "NAME" // stands for the name of an upstream in the field table

	upstreamNameMax = 32 // characters
)

func defaultUpstream() Upstream {
	u := Upstream{
		Type: Auto, Era: Auto, Separator: "__", Timeout: time.Minute, StartTimeout: time.Minute,
		Refresh: 5 * time.Minute, Grace: 30 * time.Second, BackoffMax: 30 * time.Second,
		InFlight: 4096, Connections: 32, StderrLines: 10, Subscriptions: 1000,
		Instances: 1, Share: shareAll, InstancesMax: 64, InstanceIdle: 10 * time.Minute,
		MessageBytes: 4 * mib, NoiseMax: 1000, Notices: 10_000, DialTimeout: 10 * time.Second,
		ProbeTimeout: 5 * time.Second, IdleTimeout: 30 * time.Second,
		CloseGrace: 2 * time.Second, BackoffMin: 100 * time.Millisecond,
		TLS: TLS{MinVersion: "1.2"}, OAuth: defaultOAuth(),
		Asks: 1024, AskTimeout: 10 * time.Minute,
		RetryPercent: 10, RetryReserve: 10, ListMax: 10_000,
		Breaker: Breaker{Failures: 5, OpenFor: 30 * time.Second, Probes: 3},
	}
	setKindDefaults(&u)
	return u
}

// withUpstream adds an upstream and a view that stand for any, so that their keys can be listed.
func withUpstream(c *Config) *Config {
	u := defaultUpstream()
	u.HTTP.Tools = map[string]HTTPTool{anyTool: defaultHTTPTool()}
	u.Exec.Tools = map[string]ExecTool{anyTool: {}}
	u.Credentials.Users = map[string]User{anyUser: {}}
	c.Upstreams = map[string]Upstream{anyName: u}
	c.Views = map[string]View{anyName: defaultView()}
	return c
}

// upstreamTypes are the spellings of transports, as clients' configurations have them.
func upstreamTypes() []string {
	return []string{
		Auto, "http", "streamable-http", "streamableHttp", "streamable_http", "sse", "ws",
		"websocket", "tcp", "unix", "stdio",
	}
}

// upstreamFields: all of them can change, since an upstream can be replaced as a whole.
func upstreamFields() []field {
	list := slices.Concat(upstreamWayFields(), tlsFields(), credentialFields(),
		oauthFields(), upstreamProgramFields(), kindFields(), upstreamLimitFields(),
		instanceFields(), upstreamConnFields(), childFields(), upstreamGuardFields())
	for i := range list {
		list[i].hot = true
	}
	return list
}

// ofUpstream is the path of a key of any upstream.
func ofUpstream(key string) string { return join(join(upstreamsKey, anyName), key) }

// upstreamWayFields: how it is reached.
func upstreamWayFields() []field {
	at := ofUpstream
	return []field{
		{path: at("disabled"), doc: "Leave this upstream alone."},
		{
			path: at("url"), unit: "url", hide: true,
			doc: "Where it listens: http://HOST:PORT/PATH, ws://, sse:// (HTTP+SSE), tcp:// or " +
				"unix:///PATH; https://, wss://, sses:// and tls:// are the same over TLS. " +
				"Either this or command.",
		},
		{
			path: at("type"), enum: upstreamTypes(),
			doc: "The transport, where the URL does not say it: an http or https URL of type sse " +
				"is one of HTTP+SSE. auto tries Streamable HTTP first.",
		},
		{
			path: at("headers"), unit: "name: value",
			doc: "Headers of each request; ${VAR} keeps secrets out of the file. A client's own " +
				"credentials are never passed on.",
		},
	}
}

// upstreamProgramFields: what is started, and what is offered.
func upstreamProgramFields() []field {
	at := ofUpstream
	return []field{
		{
			path: at("command"), unit: "text", hide: true,
			doc: "Program with its arguments that speaks MCP on its standard input and output.",
		},
		{
			path: at("env"), unit: "name: value",
			doc: "Environment of command, beside PATH, HOME, LANG and their like.",
		},
		{path: at("dir"), unit: "path", doc: "Working directory of command; empty is ours."},
		{
			path: at("era"), enum: []string{Auto, "modern", "legacy"},
			doc: "Which revisions to speak with it; auto asks it.",
		},
		{
			path: at("separator"),
			doc:  "Between the upstream's name and a tool's own in the names that clients see.",
		},
		{
			path: at("allow"), unit: "patterns",
			doc: "Own names of tools that are offered, with * and ?; empty is all.",
		},
		{path: at("deny"), unit: "patterns", doc: "Own names of tools that are not offered."},
		{
			path: at("rename"), unit: "own name: name",
			doc: "What tools and prompts are called here in place of their own names.",
		},
	}
}

func upstreamLimitFields() []field {
	ms, hour, at := int64(time.Millisecond), int64(time.Hour), ofUpstream
	return []field{
		{
			path: at("timeout"), unit: durationUnit, min: 10 * ms, max: 24 * hour,
			doc: "Longest wait for the answer to one call.",
		},
		{
			path: at("start_timeout"), unit: durationUnit, min: 10 * ms, max: hour,
			doc: "From connecting, or starting command, to the list of tools.",
		},
		{
			path: at("refresh"), unit: durationUnit, min: 100 * ms, max: 24 * hour,
			doc: "The tools are listed anew after so long, beside when the upstream says so.",
		},
		{
			path: at("grace"), unit: durationUnit, min: ms, max: 24 * hour,
			doc: "So long the tools of a lost upstream stay in the list.",
		},
		{
			path: at("backoff_max"), unit: durationUnit, min: 100 * ms, max: hour,
			doc: "Longest time between two attempts to connect; it doubles from backoff_min.",
		},
		{
			path: at("in_flight"), unit: "calls", min: 1, max: 1_000_000,
			doc: "Calls that wait for an instance at the same time; one more is refused.",
		},
		{
			path: at("subscriptions"), unit: "resources", min: 1, max: 1_000_000,
			doc: "Resources that it is asked to tell of, as clients listen to them.",
		},
		{
			path: at("connections"), unit: "connections", min: 1, max: 65536,
			doc: "Connections over Streamable HTTP, where each carries one call at a time.",
		},
		{
			path: at("asks"), unit: "calls", min: 1, max: 10_000,
			doc: "Calls of a legacy upstream that wait for what it has asked their clients; one " +
				"more is refused.",
		},
		{
			path: at("ask_timeout"), unit: durationUnit, min: 10 * ms, max: 24 * hour,
			doc: "So long such a call waits for its client's answer.",
		},
		{
			path: at("stderr_lines"), unit: "lines per second", min: 1, max: 100_000,
			doc: "What command writes on its standard error goes into the log, up to so much.",
		},
	}
}

// Target returns the URL of the upstream with the scheme that its type asks for; "" for a command.
func (u *Upstream) Target() string {
	scheme, rest, _ := strings.Cut(u.URL, "://")
	s, isHTTP := strings.CutPrefix(scheme, "http")
	switch {
	case isHTTP && u.Type == "sse":
		return "sse" + s + "://" + rest
	case isHTTP && (u.Type == "ws" || u.Type == "websocket"):
		return "ws" + s + "://" + rest
	}
	return u.URL
}

// checkUpstreams checks what one field's limits cannot say.
func (c *Config) checkUpstreams(report reportFunc) {
	for _, name := range slices.Sorted(maps.Keys(c.Upstreams)) {
		u := c.Upstreams[name]
		at := join(upstreamsKey, name)
		if !upstreamName(name) {
			report(at, "", fmt.Sprintf("write a name of 1 to %d characters of A-Z a-z 0-9 _ -",
				upstreamNameMax))
		}
		u.checkKind(at, report)
		c.checkInstances(at, &u, report)
		u.checkRename(name, at, report)
		known := slices.Contains(upstreamTypes(), u.Type) && u.Type != Auto
		mcp := u.URL != "" || len(u.Command) > 0
		if mcp && known && (u.Type == "stdio") != (u.URL == "") {
			report(join(at, "type"), u.Type, "stdio goes with command, all others go with url")
		}
		if text := urlCure(u.URL); text != "" {
			report(join(at, "url"), u.URL, text)
		}
		u.checkTLS(at, report)
		u.Credentials.check(at, &u, report)
		u.checkOAuth(at, report)
		if !upstreamName(u.Separator) || len(u.Separator) > 4 {
			report(join(at, "separator"), u.Separator, "write 1 to 4 of A-Z a-z 0-9 _ -")
		}
		for key, patterns := range map[string][]string{"allow": u.Allow, "deny": u.Deny} {
			for i, p := range patterns {
				if _, err := path.Match(p, ""); err != nil {
					report(fmt.Sprintf("%s[%d]", join(at, key), i), p, "close its brackets")
				}
			}
		}
	}
}

func upstreamName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= upstreamNameMax
}

// urlCure returns "" for a URL that can be connected to.
func urlCure(raw string) string {
	if raw == "" {
		return ""
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "write a URL, such as http://127.0.0.1:3000/mcp"
	case u.Scheme == "unix" && u.Path != "":
		return ""
	case !slices.Contains([]string{
		"http", "ws", "sse", "tcp", "https", "wss", "sses", "tls",
	}, u.Scheme) || u.Host == "":
		return "write http://, https://, ws://, wss://, sse://, sses://, tcp://HOST:PORT, " +
			"tls://HOST:PORT or unix:///PATH"
	}
	return ""
}
