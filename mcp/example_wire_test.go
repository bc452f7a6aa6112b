package mcp_test

import (
	"fmt"
	"time"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// One description of a server answers both eras: server/discover and initialize.
func ExampleDiscover() {
	d := mcp.Discover{
		ServerInfo:   []byte(`{"name":"s","version":"1"}`),
		Capabilities: []byte(`{}`),
		TTLMs:        1000, CacheScope: "public",
	}
	version := mcp.Negotiate([]byte("2025-06-18"))
	fmt.Printf("%s\n", d.AppendInitialize(nil, version))
	modern := d.AppendDiscover(nil)
	fmt.Printf("%s\n", codec.Find(modern, "supportedVersions"))
	fmt.Printf("%s\n", codec.Find(modern, "ttlMs"))
	// Output:
	// {"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s","version":"1"}}
	// ["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05"]
	// 1000
}

// What a modern request says of itself. One without a claim is a legacy one.
func ExampleEnvelope() {
	var scanner codec.Scanner
	var message codec.Message
	var envelope mcp.Envelope
	frame := `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{` +
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":7}}}`
	if fault := scanner.Scan([]byte(frame), &message); fault != nil {
		fmt.Println(fault)
		return
	}
	mcp.ReadEnvelope(&message, &envelope)
	fmt.Println(envelope.Claim != nil, envelope.Version, string(envelope.Token))
	fmt.Println(envelope.Check().Code) // it does not say what its client can do
	// Output:
	// true 2026-07-28 7
	// -32602
}

// The table of methods says what a revision has, and what a proxy finds in the header Mcp-Name.
func ExampleMethod() {
	show := func(m mcp.Method) {
		fmt.Printf("%v: modern %v, legacy %v, notification %v, Mcp-Name %q\n", m,
			m.In(mcp.LatestModern), m.In(mcp.LatestLegacy), m.Notification(), m.NameParam())
	}
	for _, name := range []string{"tools/call", "ping", "notifications/cancelled", "tools/cal"} {
		show(mcp.LookupMethod([]byte(name)))
	}
	// Output:
	// tools/call: modern true, legacy true, notification false, Mcp-Name "name"
	// ping: modern false, legacy true, notification false, Mcp-Name ""
	// notifications/cancelled: modern true, legacy true, notification true, Mcp-Name ""
	// unknown: modern false, legacy false, notification false, Mcp-Name ""
}

// An argument that a header repeats, so that a proxy can route by it without reading the body.
func ExampleMirror() {
	mirrors, err := mcp.Mirrors([]byte(`{"type":"object","properties":{"at":{"type":"object",` +
		`"properties":{"region":{"type":"string","x-mcp-header":"Region"}}}}}`))
	show := func(m mcp.Mirror) { fmt.Println(m.Header, "repeats the", m.Kind, "at", m.Path) }
	for _, m := range mirrors {
		show(m)
	}
	fmt.Println(err)
	_, err = mcp.Mirrors([]byte(`{"properties":{"n":{"type":"number","x-mcp-header":"N"}}}`))
	fmt.Println(err != nil) // only a string, an integer or a boolean may be repeated
	// Output:
	// Mcp-Param-Region repeats the string at [at region]
	// <nil>
	// true
}

// tasker is a client's end that takes tasks, for handlers that are tried without a server.
type tasker struct{ notes }

func (tasker) StartTask() error {
	fmt.Println("the client has a task")
	return nil
}

// A Notifier that can make a task of its call is a TaskStarter, too: Request.StartTask finds it.
func ExampleTaskStarter() {
	var client mcp.TaskStarter = tasker{}
	var req, other mcp.Request
	req.Bind(client.(mcp.Notifier), nil)
	fmt.Println(req.StartTask())
	other.Bind(notes{}, nil) // a client without tasks
	fmt.Println(other.StartTask())
	// Output:
	// the client has a task
	// <nil>
	// mcp: the request cannot become a task
}

// stream is a client's end that reads an event stream, tried without a server.
type stream struct{ notes }

func (stream) CloseStream(retry time.Duration) { fmt.Println("come back after", retry) }

// A Notifier whose client can come back is a StreamCloser, too: Request.CloseStream finds it.
func ExampleStreamCloser() {
	var client mcp.StreamCloser = stream{}
	var req, other mcp.Request
	req.Bind(client.(mcp.Notifier), nil)
	req.CloseStream(2 * time.Second)
	other.Bind(notes{}, nil) // over a pipe there is no stream to close
	other.CloseStream(2 * time.Second)
	// Output: come back after 2s
}

// A gateway hands on what another server asks, as that wrote it. Where the client's revision has
// it otherwise, here without the id, it becomes what the client can read.
func ExampleRawInput() {
	asked := &mcp.RawInput{
		Method: mcp.RequestElicit,
		Params: []byte(`{"mode":"url","message":"Log in","url":"https://example.com/login",` +
			`"elicitationId":"e1"}`),
	}
	for _, v := range []mcp.Version{mcp.LatestLegacy, mcp.LatestModern} {
		params, err := mcp.AppendInputRequest(nil, asked, v)
		fmt.Printf("%v: %s %v\n", v, codec.Find(params, "elicitationId"), err)
	}
	fmt.Println(asked.Known())
	// Output:
	// 2025-11-25: "e1" <nil>
	// 2026-07-28:  <nil>
	// true
}
