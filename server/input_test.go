package server_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
)

func nameForm() *mcp.ElicitParams {
	return &mcp.ElicitParams{Message: "What is your name?", RequestedSchema: map[string]any{
		"type": "object", "properties": map[string]any{"name": map[string]string{"type": "string"}},
	}}
}

// askName asks for a name, once.
func askName(_ context.Context, req *mcp.Request, _ struct{}) (string, error) {
	var answer mcp.ElicitResult
	switch err := req.Input("user_name", &answer); {
	case errors.Is(err, mcp.ErrNoInput):
		return "", &mcp.InputRequired{Requests: mcp.InputRequests{"user_name": nameForm()}}
	case err != nil:
		return "", err
	}
	return fmt.Sprintf("%s %v", answer.Action, answer.Content["name"]), nil
}

// askTwice asks for a name, then for the roots, and remembers the name in between.
func askTwice(_ context.Context, req *mcp.Request, _ struct{}) (string, error) {
	var name string
	known, err := req.State(&name)
	if err != nil {
		return "", err
	}
	if !known {
		var answer mcp.ElicitResult
		if req.Input("name", &answer) != nil {
			return "", &mcp.InputRequired{Requests: mcp.InputRequests{"name": nameForm()}}
		}
		return "", &mcp.InputRequired{
			State:    answer.Content["name"],
			Requests: mcp.InputRequests{"roots": &mcp.ListRootsParams{}},
		}
	}
	var roots mcp.ListRootsResult
	if err := req.Input("roots", &roots); err != nil {
		return "", err
	}
	var earlier mcp.ElicitResult
	if err := req.Input("name", &earlier); err != nil {
		return "", err // answers of earlier rounds stay
	}
	return fmt.Sprintf("%s has %d roots", name, len(roots.Roots)), nil
}

func askAll(_ context.Context, req *mcp.Request, _ struct{}) (string, error) {
	var said mcp.CreateMessageResult
	if req.Input("model", &said) != nil {
		return "", &mcp.InputRequired{Requests: mcp.InputRequests{
			"name": nameForm(), "roots": &mcp.ListRootsParams{},
			"model": &mcp.CreateMessageParams{MaxTokens: 9, Messages: []*mcp.SamplingMessage{
				{Role: "user", Content: &mcp.TextContent{Text: "Hi"}},
			}},
		}}
	}
	return said.Content[0].(*mcp.TextContent).Text, nil
}

// addAskers offers tools, a prompt and a resource that need input.
func addAskers(s *server.Server) {
	server.AddTool(s, mcp.Tool{Name: "ask_name"}, askName)
	server.AddTool(s, mcp.Tool{Name: "ask_inline"}, askName, server.Inline)
	server.AddTool(s, mcp.Tool{Name: "ask_twice"}, askTwice)
	server.AddTool(s, mcp.Tool{Name: "ask_all"}, askAll)
	err := s.AddAsyncTool(mcp.Tool{Name: "ask_async"}, func(c *server.Call) {
		go func() {
			text, err := askName(c.Context(), c.Request, struct{}{})
			var need *mcp.InputRequired
			if errors.As(err, &need) {
				c.RequireInput(need)
				return
			}
			c.ReplyRaw(mcp.AppendTextResult(nil, []byte(text)))
		}()
	})
	if err == nil {
		err = s.AddPrompt(mcp.Prompt{Name: "ask_name"}, func(
			ctx context.Context, req *mcp.GetPromptRequest,
		) (*mcp.GetPromptResult, error) {
			text, err := askName(ctx, req.Request, struct{}{})
			return &mcp.GetPromptResult{Description: text}, err
		})
	}
	if err == nil {
		err = s.AddResource(mcp.Resource{URI: "test://ask", Name: "ask"}, func(
			ctx context.Context, req *mcp.ReadResourceRequest,
		) (*mcp.ReadResourceResult, error) {
			text, err := askName(ctx, req.Request, struct{}{})
			return &mcp.ReadResourceResult{
				Contents: []*mcp.ResourceContents{{URI: "test://ask", Text: text}},
			}, err
		})
	}
	if err != nil {
		panic(err)
	}
}

// initializeWith shakes hands with capabilities, a raw object.
func (c *peerConn) initializeWith(version, capabilities string) {
	c.t.Helper()
	c.ask(fmt.Sprintf(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{`+
		`"protocolVersion":%q,"capabilities":%s,"clientInfo":{"name":"t","version":"1"}}}`,
		version, capabilities))
}

// reply answers a request of the server and returns what comes next.
func (c *peerConn) reply(request, result string) string {
	c.t.Helper()
	return c.ask(`{"jsonrpc":"2.0","id":` + idOf(request) + `,"result":` + result + `}`)
}

const everyCapability = `{"elicitation":{},"sampling":{},"roots":{}}`

// modernAsk is a modern request of a client with capabilities; params are further members.
func modernAsk(id, method, capabilities, params string) string {
	return strings.Replace(modernRequest(id, method, params),
		`clientCapabilities":{}`, `clientCapabilities":`+capabilities, 1)
}

func stateOf(t *testing.T, result string) string {
	t.Helper()
	_, rest, ok := strings.Cut(result, `"requestState":"`)
	state, _, _ := strings.Cut(rest, `"`)
	if !ok || state == "" {
		t.Fatalf("no state in %s", result)
	}
	return state
}

func wantIn(t *testing.T, got string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("got %s; want %s in it", got, part)
		}
	}
}

func TestModernInput(t *testing.T) {
	r := start(t, nil, addAskers)
	c := r.dialTCP()
	for _, q := range []struct{ method, params string }{
		{"tools/call", `"name":"ask_name"`},
		{"tools/call", `"name":"ask_inline"`},
		{"tools/call", `"name":"ask_async"`},
		{"prompts/get", `"name":"ask_name"`},
		{"resources/read", `"uri":"test://ask"`},
	} {
		ask := func(more string) string {
			return c.ask(modernAsk("1", q.method, everyCapability, q.params+more))
		}
		wantIn(t, ask(""), `"resultType":"input_required"`, `"inputRequests":{"user_name":{`,
			`"method":"elicitation/create"`, `"mode":"form"`)
		wantIn(t, ask(`,"inputResponses":{"other":{}}`), `"resultType":"input_required"`)
		wantIn(t, ask(`,"inputResponses":{"user_name":{"action":"accept","content":{"name":"A"}},`+
			`"extra":{}}`), `"resultType":"complete"`, `accept A`)
		for _, bad := range []string{`null`, `[]`, `{"user_name":12345}`, `{"user_name":null}`} {
			wantIn(t, ask(`,"inputResponses":`+bad), `"code":-32602`)
		}
		wantIn(t, ask(`,"requestState":7`), `"code":-32602`)
		wantIn(t, ask(`,"requestState":"forged"`), `"code":-32602`)
	}
}

func TestModernInputOfSeveralRounds(t *testing.T) {
	r := start(t, nil, addAskers)
	ask := func(more string, headers ...string) string {
		return r.text(r.post(modernAsk("1", "tools/call", everyCapability,
			`"name":"ask_twice"`+more), headers...))
	}
	wantIn(t, ask(""), `"inputRequests":{"name":{`)
	two := ask(`,"inputResponses":{"name":{"action":"accept","content":{"name":"Bo"}}}`)
	wantIn(t, two, `"inputRequests":{"roots":{"method":"roots/list"`)
	state := stateOf(t, two)
	roots := `,"inputResponses":{"roots":{"roots":[{"uri":"file:///a"}]}},"requestState":"`
	wantIn(t, ask(roots+state+`"`), `Bo has 1 roots`)
	wantIn(t, ask(roots+state+`-TAMPERED"`), `"code":-32602`)
	// The state is bound to who asked, and for what.
	wantIn(t, ask(roots+state+`"`, "Authorization:Bearer other"), `"code":-32602`)
	wantIn(t, ask(`,"arguments":{}`+roots+state+`"`), `"code":-32602`)
	wantIn(t, r.text(r.post(modernAsk("1", "tools/call", everyCapability,
		`"name":"ask_name"`+roots+state+`"`))), `"code":-32602`)
}

func TestModernStateExpiresAndOpensOnEveryNode(t *testing.T) {
	key := []byte(strings.Repeat("k", 32))
	begin := func(ttl time.Duration) *running {
		return start(t, func(o *server.Options) {
			o.Input.StateKeys, o.Input.StateTTL = [][]byte{key}, ttl
		}, addAskers)
	}
	params := `"name":"ask_twice"`
	name := `,"inputResponses":{"name":{"action":"accept","content":{"name":"Bo"}}}`
	roots := `,"inputResponses":{"roots":{"roots":[]}},"requestState":"`
	ask := func(r *running, more string) string {
		return r.dialTCP().ask(modernAsk("1", "tools/call", everyCapability, params+more))
	}
	one, two, brief := begin(time.Hour), begin(time.Hour), begin(time.Nanosecond)
	wantIn(t, ask(two, roots+stateOf(t, ask(one, name))+`"`), "Bo has 0 roots")
	state := stateOf(t, ask(brief, name))
	eventually(t, "the state expires", func() bool {
		return strings.Contains(ask(brief, roots+state+`"`), "expired")
	})
}

func TestModernInputNeedsTheCapabilities(t *testing.T) {
	r := start(t, nil, addAskers)
	resp := r.post(modernAsk("1", "tools/call", `{"sampling":{}}`, `"name":"ask_all"`))
	if resp.StatusCode != 400 {
		t.Errorf("got %s", resp.Status)
	}
	wantIn(t, r.text(resp), `"code":-32021`,
		`"requiredCapabilities":{"elicitation":{},"roots":{}}`)
	urlOnly := `{"elicitation":{"url":{}}}`
	wantIn(t, r.text(r.post(modernAsk("1", "tools/call", urlOnly, `"name":"ask_name"`))),
		`"code":-32021`)
}

func TestLegacyInput(t *testing.T) {
	r := start(t, nil, addAskers)
	for _, version := range []string{"2025-06-18", "2025-11-25"} {
		c := r.dialTCP()
		c.initializeWith(version, everyCapability)
		for _, tool := range []string{"ask_name", "ask_inline", "ask_async"} {
			request := c.ask(legacyCall("7", tool, "{}"))
			wantIn(t, request, `"method":"elicitation/create"`, `"message":"What is your name?"`)
			if mode := strings.Contains(request, `"mode"`); mode != (version == "2025-11-25") {
				t.Errorf("%s: %s", version, request)
			}
			got := c.reply(request, `{"action":"accept","content":{"name":"A"}}`)
			wantIn(t, got, `"id":7`, `accept A`)
		}
		two := c.reply(c.ask(legacyCall("8", "ask_twice", "{}")),
			`{"action":"accept","content":{"name":"Bo"}}`)
		wantIn(t, two, `"method":"roots/list"`)
		wantIn(t, c.reply(two, `{"roots":[]}`), `"id":8`, "Bo has 0 roots")
	}
}

func TestLegacyInputAsksForSeveralThingsAtOnce(t *testing.T) {
	r := start(t, nil, addAskers)
	c := r.dialTCP()
	c.initializeWith("2025-11-25", everyCapability)
	c.line(legacyCall("1", "ask_all", "{}"))
	asked := map[string]string{}
	for range 3 {
		request := c.read()
		for _, method := range []string{
			"elicitation/create", "sampling/createMessage", "roots/list",
		} {
			if strings.Contains(request, `"`+method+`"`) {
				asked[method] = idOf(request)
			}
		}
	}
	for method, result := range map[string]string{
		"roots/list": `{"roots":[]}`, "elicitation/create": `{"action":"decline"}`,
		"sampling/createMessage": `{"role":"assistant","content":{"type":"text","text":"Yo"},` +
			`"model":"m"}`,
	} {
		c.line(`{"jsonrpc":"2.0","id":` + asked[method] + `,"result":` + result + `}`)
	}
	wantIn(t, c.read(), `"id":1`, `"text":"Yo"`)
}

func TestLegacyInputOverHTTP(t *testing.T) {
	r := start(t, nil, addAskers)
	session := "Mcp-Session-Id:" + r.sessionWith("2025-06-18", everyCapability)
	other := "Mcp-Session-Id:" + r.sessionWith("2025-06-18", everyCapability)
	f := r.feed(r.post(legacyCall("1", "ask_name", "{}"), session))
	id := idOf(f.next())
	answer := `{"jsonrpc":"2.0","id":` + id +
		`,"result":{"action":"accept","content":{"name":"A"}}}`
	if got := r.post(answer, other); got.StatusCode != 202 {
		t.Errorf("a foreign answer: %s", got.Status)
	}
	if r.metric("mcploop_stray_replies_total") != 1 {
		t.Error("a foreign answer was not counted")
	}
	if got := r.post(answer, session); got.StatusCode != 202 || r.text(got) != "" {
		t.Errorf("the answer: %s", got.Status)
	}
	wantIn(t, f.next(), `"id":1`, "accept A")
	if got := f.next(); got != "" {
		t.Errorf("after the answer: %s", got)
	}
	// A later revision numbers its events: the question comes behind the priming event.
	session = "Mcp-Session-Id:" + r.sessionWith("2025-11-25", everyCapability)
	f = r.feed(r.post(legacyCall("1", "ask_name", "{}"), session))
	f.expect("1-0", "")
	answer = `{"jsonrpc":"2.0","id":` + idOf(f.next()) + `,"result":{"action":"decline"}}`
	r.post(answer, session)
	wantIn(t, f.next(), `"id":1`, "decline")
}

// sessionWith is session for a client with capabilities.
func (r *running) sessionWith(version, capabilities string) string {
	r.t.Helper()
	resp := r.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":`+
		`{"protocolVersion":%q,"capabilities":%s,"clientInfo":{"name":"t","version":"1"}}}`,
		version, capabilities))
	return resp.Header.Get("Mcp-Session-Id")
}

func TestLegacyInputEndsOnce(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Input.OpenMax = 2 }, addAskers)
	c := r.dialTCP()
	c.initializeWith("2025-11-25", everyCapability)
	fail := func(request, text string) string {
		return c.ask(`{"jsonrpc":"2.0","id":` + idOf(request) + `,"error":{"code":-1,"message":"` +
			text + `"}}`)
	}
	wantIn(t, fail(c.ask(legacyCall("1", "ask_name", "{}")), "user is out"), `"id":1`,
		`"isError":true`, "user is out")
	wantIn(t, c.reply(c.ask(legacyCall("2", "ask_name", "{}")), `[1]`), `"id":2`, `"isError":true`)
	// A cancelled call takes its question back; the late answer is nobody's.
	request := c.ask(legacyCall("3", "ask_name", "{}"))
	c.line(legacyLine("", "notifications/cancelled", `"requestId":3`))
	wantIn(t, c.read(), `"method":"notifications/cancelled"`, `"requestId":`+idOf(request))
	c.line(`{"jsonrpc":"2.0","id":` + idOf(request) + `,"result":{"action":"cancel"}}`)
	// More open requests than one session may have.
	c.line(legacyCall("4", "ask_all", "{}"))
	refused := ""
	for !strings.Contains(refused, `"id":4`) {
		refused = c.read()
	}
	wantIn(t, refused, "input.open")
	if got := c.ask(legacyPing); !strings.Contains(got, `"result":{}`) {
		for !strings.Contains(got, `"result":{}`) { // notifications that take questions back
			got = c.read()
		}
	}
	if got := r.metric("mcploop_stray_replies_total"); got != 1 {
		t.Errorf("%v stray replies, want 1", got)
	}
	eventually(t, "nothing is in flight", func() bool {
		return r.metric("mcploop_calls_in_flight") == 0
	})
}

func TestLegacyInputWithoutTheCapability(t *testing.T) {
	r := start(t, nil, addAskers)
	c := r.dialTCP()
	c.initializeWith("2024-11-05", everyCapability) // a revision without elicitation
	wantIn(t, c.ask(legacyCall("1", "ask_name", "{}")), `"isError":true`, "elicitation")
	wantIn(t, c.ask(legacyLine("2", "prompts/get", `"name":"ask_name"`)), `"code":-32603`,
		"elicitation")
}

func TestLegacyInputTimesOutAndSurvivesDisconnects(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Input.Timeout = 50 * time.Millisecond }, addAskers)
	c := r.dialTCP()
	c.initializeWith("2025-11-25", everyCapability)
	c.ask(legacyCall("1", "ask_name", "{}"))
	wantIn(t, c.read(), `"method":"notifications/cancelled"`)
	wantIn(t, c.read(), `"id":1`, `"code":-31001`)
	c.ask(legacyCall("2", "ask_name", "{}"))
	c.reset()
	eventually(t, "nothing is in flight", func() bool {
		return r.metric("mcploop_calls_in_flight") == 0
	})
}
