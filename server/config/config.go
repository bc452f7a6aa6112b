package config

import (
	"encoding/base64"
	"fmt"
	"time"
)

// Config is everything that can be set from a file. Zero is not a usable Config: begin with
// Default. Each field's unit, limits and meaning stand in fields.go under its yaml path.
// A Config is plain data: whoever holds it may read it, and nobody changes it once a server
// was made from it.
type Config struct {
	Name     string   `yaml:"name"`
	Version  string   `yaml:"version"`
	Listen   Listen   `yaml:"listen"`
	Limits   Limits   `yaml:"limits"`
	Queue    Queue    `yaml:"queue"`
	Workers  Workers  `yaml:"workers"`
	Loops    Loops    `yaml:"loops"`
	Registry Registry `yaml:"registry"`
	Memory   Memory   `yaml:"memory"`
	Sessions Sessions `yaml:"sessions"`
	Lists    Lists    `yaml:"lists"`
	Security Security `yaml:"security"`
	Input    Input    `yaml:"input"`
	Tasks    Tasks    `yaml:"tasks"`

	WebSocket WebSocket `yaml:"websocket"`

	Timeouts Timeouts `yaml:"timeouts"`
	Log      Log      `yaml:"log"`
	Tools    Tools    `yaml:"tools"`
	Reload   Reload   `yaml:"reload"`
	Admin    Admin    `yaml:"admin"`

	Upstreams map[string]Upstream `yaml:"upstreams"`
	Views     map[string]View     `yaml:"views"`

	origin map[string]origin // where a value came from, by path; nil without a file
}

// Listen names the doors. A file that has a listen section opens exactly the doors it names.
type Listen struct {
	HTTP  []string `yaml:"http"`
	TCP   []string `yaml:"tcp"`
	Unix  []string `yaml:"unix"`
	Stdio bool     `yaml:"stdio"`
}

// Limits bound what one peer may cost.
type Limits struct {
	Connections     int           `yaml:"connections"`
	MessageBytes    int           `yaml:"message_bytes"`
	JSONDepth       int           `yaml:"json_depth"`
	Batch           int           `yaml:"batch"`
	InFlightPerConn int           `yaml:"in_flight_per_conn"`
	InFlightBytes   int           `yaml:"in_flight_bytes"`
	HeaderBytes     int           `yaml:"header_bytes"`
	Headers         int           `yaml:"headers"`
	URIBytes        int           `yaml:"uri_bytes"`
	OutboxHigh      int           `yaml:"outbox_high"`
	OutboxLow       int           `yaml:"outbox_low"`
	OutboxMax       int           `yaml:"outbox_max"`
	Streams         int           `yaml:"streams"`
	Subscriptions   int           `yaml:"subscriptions"`
	FirstTimeout    time.Duration `yaml:"first_timeout"`
	FrameTimeout    time.Duration `yaml:"frame_timeout"`
	HeadTimeout     time.Duration `yaml:"head_timeout"`
	BodyTimeout     time.Duration `yaml:"body_timeout"`
	IdleTimeout     time.Duration `yaml:"idle_timeout"`
	WriteTimeout    time.Duration `yaml:"write_timeout"`
	Progress        time.Duration `yaml:"progress_interval"`
}

// Queue is the ring in which blocking calls wait for a worker.
type Queue struct {
	Max           int `yaml:"max"`
	WarnPercent   int `yaml:"warn_percent"`
	RejectPercent int `yaml:"reject_percent"`
}

// Workers run the calls that may block.
type Workers struct {
	Count int `yaml:"count"`
}

// Loops are the event loops that own the sockets.
type Loops struct {
	Count      int  `yaml:"count"`
	Pin        bool `yaml:"pin"`
	ReadBuffer int  `yaml:"read_buffer"`
	Backlog    int  `yaml:"backlog"`
}

// Registry is how shared tables are split.
type Registry struct {
	Shards int `yaml:"shards"`
}

// Memory is what Go's runtime is told of memory. GOMEMLIMIT and GOGC in the environment win.
type Memory struct {
	Limit string `yaml:"limit"` // Auto, Off or a size
	GOGC  string `yaml:"gogc"`  // Auto, Off or percent
}

// Words in place of a number.
const (
	Auto = "auto"
	Off  = "off"
)

// LimitBytes is Limit unless it is a word.
func (m *Memory) LimitBytes() (n int64, isNumber bool) { return numberAt("memory.limit", m.Limit) }

// GOGCPercent is GOGC unless it is a word.
func (m *Memory) GOGCPercent() (n int64, isNumber bool) { return numberAt("memory.gogc", m.GOGC) }

// Sessions are those of the legacy era over HTTP.
type Sessions struct {
	Max             int           `yaml:"max"`
	MaxPerPrincipal int           `yaml:"max_per_principal"`
	IdleTTL         time.Duration `yaml:"idle_ttl"`
	Sweep           time.Duration `yaml:"sweep"`
	ReplayEvents    int           `yaml:"replay_events"`
	ReplayBytes     int           `yaml:"replay_bytes"`
	ReplayTotal     int           `yaml:"replay_total"`
	ReplayTime      time.Duration `yaml:"replay_time"`
}

// Lists are the answers of tools/list and its kin.
type Lists struct {
	PageSize   int           `yaml:"page_size"`
	TTL        time.Duration `yaml:"ttl"`
	CacheScope string        `yaml:"cache_scope"`
}

// Security is who may talk to the HTTP doors from a browser.
type Security struct {
	Check          bool     `yaml:"check"`
	AllowedOrigins []string `yaml:"allowed_origins"`
	AllowedHosts   []string `yaml:"allowed_hosts"`
}

// Input is what tools ask clients for (elicitation, sampling, roots).
type Input struct {
	StateKeys  []string      `yaml:"state_keys"`
	StateTTL   time.Duration `yaml:"state_ttl"`
	StateBytes int           `yaml:"state_bytes"`
	Timeout    time.Duration `yaml:"timeout"`
	Open       int           `yaml:"open"`
}

// WebSocket is the upgrade of GET /mcp.
type WebSocket struct {
	PingInterval time.Duration `yaml:"ping_interval"`
	PongTimeout  time.Duration `yaml:"pong_timeout"`

	Compression    bool `yaml:"compression"`
	CompressionMin int  `yaml:"compression_min"`
}

// Tasks are calls that go on after their request was answered.
type Tasks struct {
	Max             int           `yaml:"max"`
	MaxPerPrincipal int           `yaml:"max_per_principal"`
	ResultBytes     int           `yaml:"result_bytes"`
	ResultTotal     int           `yaml:"result_total"`
	TTL             time.Duration `yaml:"ttl"`
	PollInterval    time.Duration `yaml:"poll_interval"`
}

// Keys decodes StateKeys.
func (i *Input) Keys() ([][]byte, error) {
	var keys [][]byte
	for n, text := range i.StateKeys {
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(key) != stateKeyBytes {
			return nil, fmt.Errorf("cannot use input.state_keys[%d]: it must be the base64 of %d "+
				"random bytes", n, stateKeyBytes)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

const stateKeyBytes = 32

// Timeouts are those of work, not of bytes; the latter are in Limits.
type Timeouts struct {
	Call      time.Duration `yaml:"call"`
	KeepAlive time.Duration `yaml:"keep_alive"`
	Drain     time.Duration `yaml:"drain"`
}

// Log is the control plane's log, on standard error.
type Log struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
	Lines  int    `yaml:"lines"`
}

// Tools says which built-in tools are served.
type Tools struct {
	Samples bool `yaml:"samples"`
}

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// Default returns a Config that is valid as it stands: one HTTP door on 127.0.0.1:9999.
func Default() *Config {
	return &Config{
		Name:     "mcploop",
		Listen:   Listen{HTTP: []string{"127.0.0.1:9999"}},
		Limits:   defaultLimits(),
		Queue:    Queue{Max: 10_000, WarnPercent: 75, RejectPercent: 95},
		Loops:    Loops{ReadBuffer: 64 * kib, Backlog: 1024},
		Registry: Registry{Shards: 256},
		Memory:   Memory{Limit: Auto, GOGC: Auto},
		Sessions: Sessions{
			Max: 100_000, IdleTTL: 30 * time.Minute, Sweep: 5 * time.Second,
			ReplayEvents: 1000, ReplayBytes: mib, ReplayTotal: 256 * mib,
			ReplayTime: 5 * time.Minute,
		},
		Lists:    Lists{PageSize: 1000, TTL: 5 * time.Minute, CacheScope: "public"},
		Security: Security{Check: true},
		Input: Input{
			StateTTL: 10 * time.Minute, StateBytes: 64 * kib, Timeout: 10 * time.Minute, Open: 64,
		},
		WebSocket: WebSocket{
			PingInterval: 30 * time.Second, PongTimeout: 10 * time.Second,
			CompressionMin: kib,
		},
		Tasks: Tasks{
			Max: 10_000, ResultBytes: 4 * mib, ResultTotal: 256 * mib,
			TTL: time.Hour, PollInterval: time.Second,
		},
		Timeouts: Timeouts{
			Call: 5 * time.Minute, KeepAlive: 15 * time.Second, Drain: 30 * time.Second,
		},
		Log:    Log{Level: "info", Format: "text", Lines: 1024},
		Tools:  Tools{Samples: true},
		Reload: Reload{Watch: true},
		Admin:  Admin{Listen: Auto},
	}
}

func defaultLimits() Limits {
	return Limits{
		Connections:     15_000,
		MessageBytes:    4 * mib,
		JSONDepth:       128,
		Batch:           1000,
		InFlightPerConn: 1024,
		InFlightBytes:   256 * mib,
		HeaderBytes:     16 * kib,
		Headers:         100,
		URIBytes:        8 * kib,
		OutboxHigh:      256 * kib,
		OutboxLow:       64 * kib,
		OutboxMax:       1 * mib,
		Streams:         15_000,
		Subscriptions:   1024,
		Progress:        100 * time.Millisecond,
		FirstTimeout:    10 * time.Second,
		FrameTimeout:    30 * time.Second,
		HeadTimeout:     5 * time.Second,
		BodyTimeout:     30 * time.Second,
		IdleTimeout:     time.Hour,
		WriteTimeout:    10 * time.Second,
	}
}
