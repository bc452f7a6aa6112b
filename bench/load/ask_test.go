package load

import (
	"strings"
	"testing"

	"github.com/mcploop/mcploop/bench/fake"
)

func TestAskTellsWhatCame(t *testing.T) {
	for name, serve := range faultyServers() {
		o := serve(t, func(_ int64, a string) string {
			return strings.Replace(a, `"text":"`, `"text":"Echo: `, 1)
		})
		o.Method = []string{MethodList, MethodCall, MethodCall}
		hello, heard, err := Ask(t.Context(), o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		legacy := o.Era == EraLegacy && o.Transport != TransportHTTPModern
		if legacy != (len(hello) > 0) {
			t.Errorf("%s: got %q of the handshake", name, hello)
		} else if legacy {
			contains(t, string(hello), `"serverInfo":{"name":"fake","version":"1"}`)
		}
		contains(t, string(heard[0].Message), `"tools":[{"name":"echo"}`)
		for _, h := range heard[1:] {
			contains(t, string(h.Message), `"text":"Echo: `+h.Text+`"`)
		}
		if heard[1].Text == heard[2].Text || heard[1].Status != 200 {
			t.Errorf("%s: got %+v", name, heard)
		}
	}
}

func TestAskTellsOfRefusals(t *testing.T) {
	addr := fake.HTTP(t, false, func(int64, string) string {
		return fake.Status("401 Unauthorized", "who are you")
	})
	_, heard, err := Ask(t.Context(), quick(TransportHTTPModern, addr))
	if err != nil || heard[0].Status != 401 || string(heard[0].Message) != "who are you" {
		t.Errorf("got %+v, %v", heard, err)
	}
}

func TestAskTellsWhyNothingCame(t *testing.T) {
	o := quick(TransportTCP, fake.Lines(t, "tcp", func(int64, string) string { return "" }))
	_, _, err := Ask(t.Context(), o)
	if err == nil {
		t.Fatal("got no error")
	}
	contains(t, err.Error(), "no answer to tools/call")
	contains(t, err.Error(), "server ended it")
}
