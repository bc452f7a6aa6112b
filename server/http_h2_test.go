package server_test

import (
	"net/http"
	"strings"
	"testing"
)

// The HTTP door speaks HTTP/1.1 alone: the preface of HTTP/2 is one refusal and nothing of what
// follows is looked at; an upgrade to it is passed over, as RFC 9110, 7.8 has it.
func TestHTTP2IsNotSpoken(t *testing.T) {
	r := start(t, nil)
	r.watch()
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	const settings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	const get = "\x00\x00\x01\x01\x05\x00\x00\x00\x01\x82"
	for _, frames := range []string{
		"", settings, settings + get, strings.Repeat(settings, 10_000), "\xff\xff\xff\x01\x04",
		settings + strings.Repeat("\x00\x00\x08\x06\x00\x00\x00\x00\x00pingpong", 1000), livez,
	} {
		c := r.dialHTTP()
		c.send(preface + frames)
		c.refused(http.StatusHTTPVersionNotSupported)
	}
	c := r.dialHTTP()
	for _, protocol := range []string{"h2c", "h2", "TLS/1.3", "h2c, websocket2"} {
		a := c.exchange(wirePost(modernCall("1", "echo", `{"message":"still HTTP/1.1"}`),
			"Connection: Upgrade, HTTP2-Settings", "Upgrade: "+protocol,
			"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"))
		if a.StatusCode != 200 || a.Proto != "HTTP/1.1" || !strings.Contains(a.body, "HTTP/1.1") {
			t.Errorf("with Upgrade %q: %s %s", protocol, a.Status, a.body)
		}
	}
}
