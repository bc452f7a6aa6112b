package server_test

import (
	"strings"
	"testing"
)

// What is no request is refused over standard input and output too, and the process goes on: the
// rows of package server's message tests, on the real binary.
func TestFaultStdioMessages(t *testing.T) {
	c := startEverything(t)
	greet := modernCall("1", "greet", `{"name":"you"}`)
	withID := func(id string) string { return strings.Replace(greet, `"id":1`, `"id":`+id, 1) }
	unknown := strings.Replace(greet, "tools/call", "nobody/knows", 1)
	for _, row := range []struct {
		message, id string
		code        int
	}{
		{`{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]`, "null", -32700},
		{greet + greet, "null", -32700},
		{greet + "\x00", "null", -32700},
		{"\ufeff" + greet, "null", -32700},
		{"\xff\xfe{\x00}\x00", "null", -32700},
		{withID("01"), "null", -32700},
		{withID("NaN"), "null", -32700},
		{strings.Replace(greet, "you", "\xed\xa0\x80", 1), "null", -32700},
		{strings.Repeat("[", 100_000), "null", -32700},
		{strings.Repeat(" ", 5<<20), "null", -32600},
		{"{}", "null", -32600},
		{"[]", "null", -32600},
		{withID("1.5"), "null", -32600},
		{strings.Replace(greet, `"2.0"`, `"1.0"`, 1), "1", -32600},
		{strings.Replace(greet, `"id":1`, `"id":1,"method":"ping"`, 1), "1", -32600},
		{unknown, "1", -32601},
		{strings.Replace(greet, `"greet"`, `"nobody"`, 1), "1", -32602},
		{withID("9007199254740993"), "9007199254740993", 0},
		{withID(`"é\u0000"`), `"é\u0000"`, 0},
	} {
		got := c.ask(row.message)
		if code(got) != row.code || replyID(got) != row.id {
			t.Errorf("%.80q was answered %.200s; want id %s, code %d", row.message, got, row.id,
				row.code)
		}
	}
	c.line(`{"jsonrpc":"2.0","method":"nobody/knows"}`) // no answer to what has no id
	c.line(`{"jsonrpc":"2.0","id":7,"result":{}}`)      // nor to an answer
	c.line(strings.Replace(greet, `"id":1,`, "", 1))
	if got := c.ask(withID(`"last"`)); replyID(got) != `"last"` || code(got) != 0 {
		t.Errorf("after all that a call was answered %s", got)
	}
	c.in.Close()
	if rest := c.rest(); len(rest) != 0 {
		t.Errorf("behind the last answer came %v", rest)
	}
	c.waitExit(false)
}
