package client_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
)

// TestLogFrom: a legacy server is asked for more, never for less, and who asks goes on behind its
// answer.
func TestLogFrom(t *testing.T) {
	asked := make(chan string, 16)
	addr := listen(t, func(c net.Conn) {
		in := bufio.NewScanner(c)
		for in.Scan() {
			_, behind, _ := strings.Cut(in.Text(), `"id":`)
			id, _, _ := strings.Cut(behind, ",")
			switch {
			case strings.Contains(in.Text(), `"initialize"`):
				fmt.Fprintf(c, `{"jsonrpc":"2.0","id":%s,"result":{`+
					`"protocolVersion":"2025-11-25","capabilities":{"logging":{}},`+
					`"serverInfo":{"name":"s","version":"1"}}}`+"\n", id)
			case strings.Contains(in.Text(), "setLevel"):
				asked <- strings.Split(strings.Split(in.Text(), `"level":"`)[1], `"`)[0]
				fmt.Fprintf(c, `{"jsonrpc":"2.0","id":%s,"result":{}}`+"\n", id)
			}
		}
	})
	c := connect(t, client.Options{URL: "tcp://" + addr, Era: client.Legacy})
	defer c.Close()
	then := make(chan struct{}, 1)
	for _, level := range []string{"warning", "error", "warning", "debug", "info", "no level"} {
		c.LogFrom(mcp.LoggingLevel(level), func() { then <- struct{}{} })
		await(t, "the answer to "+level, then)
	}
	for _, want := range []string{"warning", "debug"} {
		if got := await(t, want, asked); got != want {
			t.Errorf("asked for %s, want %s", got, want)
		}
	}
	if len(asked) > 0 {
		t.Errorf("asked for %s, too", <-asked)
	}
}
