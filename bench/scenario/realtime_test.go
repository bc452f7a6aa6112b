package scenario

import (
	"slices"
	"testing"
)

func TestRealtimeStartsClientsBeforeAllElse(t *testing.T) {
	r := &Run{target: &target{}, opt: &Options{Worker: []string{"bench", "worker"}}}
	if got := r.fleet().Self; !slices.Equal(got, []string{"bench", "worker"}) {
		t.Errorf("got %q", got)
	}
	r.Realtime = true
	want := []string{"chrt", "-f", "10", "bench", "worker"}
	if got := r.fleet().Self; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
