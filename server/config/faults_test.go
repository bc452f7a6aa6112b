package config

import (
	"strings"
	"testing"
)

// TestFaults holds one case for each way in which a file can be wrong: the whole message is
// compared, since it is what the operator gets.
func TestFaults(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		_, err := Parse([]byte(text), env("SET", "hunter2", "EMPTY", "", "YAML", "a\nb: c"))
		if err == nil {
			t.Errorf("%q was accepted, want %q", text, want)
			return
		}
		if got := err.Error(); got != strings.Join(want, "\n") {
			t.Errorf("%q\ngot  %s\nwant %s", text, got, strings.Join(want, "\n"))
		}
	}
	// keys
	f("limit: {}", "config:1: cannot use limit: no such key; the nearest is limits")
	f("\nconnections: 5",
		"config:2: cannot use connections: no such key; there is a limits.connections")
	f("tools: {zzzzzzzz: 1}",
		"config:1: cannot use tools.zzzzzzzz: no such key; known here: samples")
	f("name: a\nlog: {}\nname: b",
		"config:3: cannot use name: given twice, first on line 1; keep one")
	f("<<: {name: a}",
		"config:1: cannot use <<: no such key; known here: name, version, listen, limits, "+
			"queue, workers, loops, registry, memory, sessions, lists, security, input, tasks, "+
			"websocket, timeouts, log, tools, reload, admin, upstreams, views")
	// types
	f("limits: 5", `config:1: cannot use limits: "5" where a section of keys must be: `+
		strings.Join(limitKeys(), ", "))
	f("queue:\n  max: many",
		`config:2: cannot use queue.max: "many": write a whole number in decimal digits`)
	f("queue: {max: 0x40}",
		`config:1: cannot use queue.max: "0x40": write a whole number in decimal digits`)
	f("queue: {max: 99999999999999999999}",
		`config:1: cannot use queue.max: "99999999999999999999": write a smaller number`)
	f(`queue: {max: "100"}`,
		`config:1: cannot use queue.max: "100": it is quoted; write it without quotes`)
	f("queue: {max: }", "config:1: cannot use queue.max: it has no value; "+
		"give one or remove the key for the default")
	f("queue: {max: [1]}", "config:1: cannot use queue.max: a list where a single value must be")
	f("loops: {pin: yes}", `config:1: cannot use loops.pin: "yes": write true or false`)
	f("name: true", `config:1: cannot use name: "true": it is a switch; write it in quotes`)
	f("listen: {tcp: ':1'}",
		`config:1: cannot use listen.tcp: ":1" where a list must be; write it in [ ]`)
	f("listen: {tcp: [~]}",
		"config:1: cannot use listen.tcp[0]: an entry has no value; give one or remove it")
	f("timeouts: {call: 30}", `config:1: cannot use timeouts.call: "30": `+
		"write a duration with its unit, such as 500ms, 30s or 5m")
	f("limits: {message_bytes: 1.3B}",
		`config:1: cannot use limits.message_bytes: "1.3B": write a whole number in decimal digits`)
	f("limits: {message_bytes: 0.0001KiB}",
		`config:1: cannot use limits.message_bytes: "0.0001KiB": write a whole number of bytes`)
	// YAML that a config has no use for
	f("name: &a x", "config:1: cannot use name: YAML anchors and aliases are not supported; "+
		"write the value out")
	f("name: !!binary eHg=", "config:1: cannot use name: YAML tags (!!binary) are not supported; "+
		"remove it")
	f("name: a\n---\nname: b",
		"config:2: cannot read config: a second document begins; keep one and remove ---")
	f("a: b: c", "config:1: cannot parse YAML: mapping values are not allowed in this context")
	f("name: \xff", "config: cannot read config: not UTF-8 text; is it the right file?")
	f("name: "+strings.Repeat("x", fileBytesMax),
		"config: cannot read config: longer than 1MiB; is it the right file?")
	// the environment: never its values
	f("name: a${NO}", "config:1: cannot use name: ${NO} is not set; "+
		"export NO or write ${NO:-default}")
	f("name: a${NO", "config:1: cannot use name: ${ has no closing }; write $${ for a literal ${")
	f("name: ${1x}", "config:1: cannot use name: ${1x} is not ${NAME} or ${NAME:-default}")
	f("queue: {max: '${SET}'}", `config:1: cannot use queue.max: the value of "${SET}": `+
		"write a whole number in decimal digits")
	f("log: {level: '${SET}'}", `config:1: cannot use log.level: the value of "${SET}": `+
		"write debug or info or warn or error")
	f("log: {level: '${YAML}'}", `config:1: cannot use log.level: the value of "${YAML}": `+
		"write debug or info or warn or error")
	f("name: '${EMPTY}'", "config:1: cannot use name: it is empty; write a name, clients show it")
}

func TestFaultsAreBounded(t *testing.T) {
	_, err := Parse([]byte(strings.Repeat("x: y\n", 10_000)), nil)
	faults, ok := err.(Faults) //nolint:errorlint // the type itself is what is tested
	if !ok || len(faults) != faultsMax+1 {
		t.Fatalf("got %d faults, want %d", len(faults), faultsMax+1)
	}
	if last := faults[faultsMax].Error(); !strings.HasSuffix(last, "correct these first") {
		t.Fatalf("the last fault is %q", last)
	}
}

func limitKeys() []string {
	var keys []string
	for _, f := range fieldTable() {
		if key, ok := strings.CutPrefix(f.path, "limits."); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

func TestLimitFaults(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		_, err := Parse([]byte(text), nil)
		if err == nil {
			t.Errorf("%q was accepted, want %q", text, want)
			return
		}
		if got := err.Error(); got != strings.Join(want, "\n") {
			t.Errorf("%q\ngot  %s\nwant %s", text, got, strings.Join(want, "\n"))
		}
	}
	f("limits:\n  message_bytes: 2GiB\n  json_depth: -1\nloops: {count: 5000}",
		`config:2: cannot use limits.message_bytes: "2GiB": write 1KiB to 1GiB`,
		`config:3: cannot use limits.json_depth: "-1": write 64 to 1000`,
		`config:4: cannot use loops.count: "5000": write 1 to 1024, or 0 for one per core`)
	f("limits: {head_timeout: -3s, idle_timeout: 721h}\ntimeouts: {call: 1ms}",
		`config:1: cannot use limits.head_timeout: "-3s": write 100ms to 1h`,
		`config:1: cannot use limits.idle_timeout: "721h": write 100ms to 720h`,
		`config:2: cannot use timeouts.call: "1ms": write 10ms to 24h, or 0 for never`)
	const limit = "write auto or off, or 16MiB to 16384GiB"
	f("memory: {limit: 15MiB, gogc: 9}", `config:1: cannot use memory.limit: "15MiB": `+limit,
		`config:1: cannot use memory.gogc: "9": write auto or off, or 10 to 10000`)
	f("memory: {limit: 90%}", `config:1: cannot use memory.limit: "90%": `+limit)
	f(`memory: {limit: ""}`, `config:1: cannot use memory.limit: `+limit)
	f(`memory: {gogc: "200"}`,
		`config:1: cannot use memory.gogc: "200": it is quoted; write it without quotes`)
	f("registry: {shards: 100}",
		`config:1: cannot use registry.shards: "100": write a power of two, such as 256`)
	f("limits: {outbox_low: 256KiB}", `config:1: cannot use limits.outbox_low: "256KiB": `+
		"write less than limits.outbox_high (256KiB), or raise that")
	f("limits: {outbox_high: 2MiB}", `config:1: cannot use limits.outbox_high: "2MiB": `+
		"write at most limits.outbox_max (1MiB), or raise that")
	f("limits: {outbox_high: 64KiB}", `config:1: cannot use limits.outbox_high: "64KiB": `+
		"write more than limits.outbox_low (64KiB), or lower that")
	f("queue: {warn_percent: 95}", `config:1: cannot use queue.warn_percent: "95": `+
		"write less than queue.reject_percent (95), or raise that")
	f("listen: {}", "config:1: cannot use listen: no door is open; add listen.http, listen.tcp, "+
		"listen.unix or listen.stdio, or remove listen for 127.0.0.1:9999")
	f("listen:\n  http: ['9999', ':70000']\n  tcp: [':1', ':1']\n  unix: ['']",
		`config:2: cannot use listen.http[0]: "9999": `+
			"write HOST:PORT, such as 127.0.0.1:9999, [::1]:9999 or :9999",
		`config:2: cannot use listen.http[1]: ":70000": `+
			"write a port from 0 to 65535; 0 lets the kernel choose",
		`config:3: cannot use listen.tcp[1]: ":1": it is also listen.tcp[0]; `+
			"a door needs an address of its own",
		"config:4: cannot use listen.unix[0]: write the path of the socket")
	f("security: {allowed_origins: [app.example, 'https://a/'], allowed_hosts: ['*', 'http://a']}",
		`config:1: cannot use security.allowed_origins[0]: "app.example": write it as a browser `+
			"sends it, such as https://app.example:8443, without a path",
		`config:1: cannot use security.allowed_origins[1]: "https://a/": write it as a browser `+
			"sends it, such as https://app.example:8443, without a path",
		`config:1: cannot use security.allowed_hosts[0]: "*": write HOST or HOST:PORT, `+
			"such as mcp.example",
		`config:1: cannot use security.allowed_hosts[1]: "http://a": write HOST or HOST:PORT, `+
			"such as mcp.example")
}

func TestValidateAfterChange(t *testing.T) {
	cfg := Default()
	cfg.Workers.Count = -1
	cfg.Listen.HTTP = []string{"nowhere"}
	err := cfg.Validate()
	want := "cannot use workers.count: \"-1\": write 1 to 100000, or 0 for 64 per core\n" +
		"cannot use listen.http[0]: \"nowhere\": " +
		"write HOST:PORT, such as 127.0.0.1:9999, [::1]:9999 or :9999"
	if err == nil || err.Error() != want {
		t.Fatalf("got  %v\nwant %s", err, want)
	}
}

func TestReplaceListen(t *testing.T) {
	cfg, err := Parse([]byte("listen: {tcp: [':1', ':2']}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg.ReplaceListen(Listen{TCP: []string{"nowhere"}})
	want := `cannot use listen.tcp[0]: "nowhere": ` +
		"write HOST:PORT, such as 127.0.0.1:9999, [::1]:9999 or :9999"
	if err := cfg.Validate(); err == nil || err.Error() != want {
		t.Fatalf("got  %v\nwant %s", err, want)
	}
	Default().ReplaceListen(Listen{Stdio: true}) // a Config without a file has nothing to forget
}

func TestSubstitute(t *testing.T) {
	lookup := env("A", "1", "EMPTY", "", "NEST", "${A}", "YAML", "x: [1, 2]\n- y")
	f := func(in, want string, wantUsed bool) {
		t.Helper()
		got, used, err := substitute(in, lookup)
		if err != nil || got != want || used != wantUsed {
			t.Errorf("substitute(%q) = %q, %v, %v; want %q, %v", in, got, used, err, want, wantUsed)
		}
	}
	f("plain $A $", "plain $A $", false)
	f("${A}${A}-${A}", "11-1", true)
	f("${NONE:-d}", "d", true)
	f("${EMPTY:-d}", "d", true)
	f("${EMPTY}", "", true)
	f("${NONE:-}", "", true)
	f("${NONE:-a:-b}", "a:-b", true)
	f("$${A} ${A}", "${A} 1", true)
	f("$${A}", "${A}", false)
	f("${NEST}", "${A}", true)
	f("${YAML}", "x: [1, 2]\n- y", true)
}

func TestNearest(t *testing.T) {
	names := []string{"connections", "message_bytes", "batch"}
	f := func(got, want string) {
		t.Helper()
		if name := nearest(got, names); name != want {
			t.Errorf("nearest(%q) = %q, want %q", got, name, want)
		}
	}
	f("conections", "connections")
	f("Connections", "connections")
	f("messagebytes", "message_bytes")
	f("bacth", "batch")
	f("sessions", "")
	f("", "")
	f(strings.Repeat("x", 1<<16), "")
}

func TestUnits(t *testing.T) {
	f := func(in string, want int64, back string) {
		t.Helper()
		got, err := parseSize(in)
		if err != nil || got != want || formatSize(got) != back {
			t.Errorf("parseSize(%q) = %d, %v; want %d, written %s", in, got, err, want, back)
		}
	}
	f("0", 0, "0")
	f("1_000", 1000, "1000")
	f("10 B", 10, "10")
	f("1.5GiB", 3*gib/2, "1536MiB")
	f("64KB", 64_000, "64000")
	f("64 KiB", 64*kib, "64KiB")
	for _, bad := range []string{
		"", "KiB", "-", "1e3", "1e3KiB", "Inf KiB", "_1", "1_", "010", "1KiBB", "99999999999GiB",
	} {
		if n, err := parseSize(bad); err == nil {
			t.Errorf("parseSize(%q) = %d, want an error", bad, n)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("name: x\nlimits: {message_bytes: 4MiB, head_timeout: 5s}\nlisten: {tcp: [':1']}"))
	f.Add([]byte(`{"name": "${A:-b}", "queue": {"max": 100}}`))
	f.Add([]byte("a: &a [*a, *a]\n<<: *a\n--- !!binary x\n"))
	f.Add([]byte("security:\n  allowed_hosts: [a]\n  allowed_origins: ['https://a']\n# c\n"))
	f.Add([]byte("name: ${A}${B:-\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse(data, env("A", "secret-in-the-environment"))
		if (cfg == nil) == (err == nil) {
			t.Fatalf("Parse = %v, %v; want exactly one", cfg, err)
		}
		if err != nil {
			leaked := strings.Contains(err.Error(), "secret-in-the-environment") &&
				!strings.Contains(string(data), "secret-in")
			if leaked {
				t.Fatalf("the error shows an environment value: %s", err)
			}
			return
		}
		if err := cfg.Validate(); err != nil {
			t.Fatalf("Parse accepted what Validate refuses: %s", err)
		}
	})
}
