package gateway

import (
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
)

// TestInstanceOptions: what instances cannot be.
func TestInstanceOptions(t *testing.T) {
	f := func(want string, change func(*Options)) {
		t.Helper()
		opt := Options{Name: "up", Client: client.Options{URL: "tcp://127.0.0.1:1"}}
		change(&opt)
		opt = opt.withDefaults()
		err := opt.validate()
		switch {
		case want == "" && err != nil:
			t.Error(err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f("", func(o *Options) { o.Instances = 256 })
	f("", func(o *Options) { o.Share, o.InstancesMax = ShareSession, 1 })
	f("Instances = 257", func(o *Options) { o.Instances = 257 })
	f("Instances = -1", func(o *Options) { o.Instances = -1 })
	f("InstancesMax = -1", func(o *Options) { o.InstancesMax = -1 })
	f("several are for ShareAll", func(o *Options) { o.Instances, o.Share = 2, SharePrincipal })
	f("", func(o *Options) { o.Share, o.InstancesMax = ShareCall, 1 })
	f("Credentials with ShareCall", func(o *Options) {
		o.Share, o.Credentials.Required = ShareCall, true
	})
	f("Share = 4", func(o *Options) { o.Share = ShareCall + 1 })
	f("InstanceIdle", func(o *Options) { o.InstanceIdle = -time.Second })
	for text, want := range map[string]Share{
		"": ShareAll, "all": ShareAll, "principal": SharePrincipal, "session": ShareSession,
		"call": ShareCall,
	} {
		if got, err := ParseShare(text); got != want || err != nil {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	if _, err := ParseShare("mine"); err == nil {
		t.Error(`"mine" is a way to share`)
	}
}
