package config

import (
	"strings"
	"testing"
)

// TestUpstreamInstanceFaults: what keys of instances cannot say together.
func TestUpstreamInstanceFaults(t *testing.T) {
	f := func(keys, want string) {
		t.Helper()
		_, err := Parse([]byte("upstreams:\n  a: {"+keys+"}"), nil)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", keys, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want %s", keys, err, want)
		}
	}
	f("command: [x], instances: 256, limits: {memory: 512MiB, cpu: 50, pids: 64}", "")
	f("url: 'http://h/', share: session, instances_max: 10, instance_idle: 1m", "")
	f("command: [x], instances: 257", `upstreams.a.instances: "257": write 1 to 256`)
	f("command: [x], instances: 2, share: principal",
		"upstreams.a.instances: several go with share: all; otherwise each principal or session")
	f("command: [x], share: call, instances_max: 10, in_flight: 10", "")
	f("command: [x], share: mine", `"mine": write all or principal or session or call`)
	f("command: [x], backoff_min: 31s", "upstreams.a.backoff_min: \"31s\": write at most "+
		"backoff_max (30s), or raise that")
	f("url: 'http://h/', limits: {pids: 5}", "upstreams.a.limits: they are those of a command")
	f("command: [x], limits: {memory: 1KiB}", "write 1MiB to 1024GiB, or 0 for none")
}
