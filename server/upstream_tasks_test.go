package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/server/gateway"
)

// modernDoors are those of doors over which an upstream has tasks.
func (r *running) modernDoors() map[string]client.Options {
	all := r.doors()
	for name, opt := range all {
		if opt.Era == client.Legacy || strings.HasPrefix(opt.URL, "sse:") {
			delete(all, name)
		}
	}
	return all
}

// TestUpstreamTasks: a task of an upstream is its client's to ask for, to answer, to cancel and to
// listen to, and nobody else's.
func TestUpstreamTasks(t *testing.T) {
	up := start(t, nil)
	for name, opt := range up.modernDoors() {
		t.Run(name, func(t *testing.T) {
			release := addTaskTools(up.Server)
			g := behind(t, func(o *gateway.Options) { o.Client = opt })
			g.has("up__form", true)
			c := g.dialTCP()
			wantIn(t, c.ask(modernRequest("1", "server/discover", "")),
				`"extensions":{"io.modelcontextprotocol/tasks":{}}`)

			id := taskOf(t, c.ask(taskCall("2", "up__job")))
			wantIn(t, c.becomes(id, `"working"`), `"resultType":"complete"`, `"taskId":"`+id+`"`)
			wantIn(t, g.text(g.post(taskRequest("3", "tasks/get", id, ""), "Mcp-Name:"+id,
				"Authorization:Bearer other")), `"code":-32602`, "unknown task")
			forged := []byte(id)
			forged[len(forged)/2] ^= 1 // another character of its alphabet, mostly
			wantIn(t, c.ask(taskRequest("3", "tasks/get", string(forged), "")), `-32602`)
			close(release)
			wantIn(t, c.becomes(id, `"completed"`), `"result":{"content":[{"type":"text",`+
				`"text":"the job is done"}]`)

			form := taskOf(t, c.ask(taskCall("4", "up__form")))
			wantIn(t, c.becomes(form, `"input_required"`), `"inputRequests":{`, `"a":{`, `"b":{`)
			filter := fmt.Sprintf(`"notifications":{"taskIds":[%q,%q,"up.x"]}`, form, id)
			f := g.feed(g.post(modernAsk("7", "subscriptions/listen", taskCapabilities, filter)))
			wantIn(t, f.next(), fmt.Sprintf(`"notifications":{"taskIds":[%q,%q]}`, form, id))
			g.hears(2)
			wantIn(t, c.ask(taskRequest("5", "tasks/update", form,
				`,"inputResponses":{"a":{"action":"accept"}}`)), `"resultType":"complete"`)
			wantIn(t, c.ask(taskRequest("6", "tasks/cancel", form, "")), `"resultType":"complete"`)
			for got := ""; !strings.Contains(got, `"status":"cancelled"`); {
				got = f.next()
				wantIn(t, got, `"method":"notifications/tasks"`, subscribed("7"),
					`"taskId":"`+form+`"`)
			}
			c.becomes(form, `"cancelled"`)
			f.resp.Body.Close()
			g.hears(0)

			// Who cannot take a task gets the result, or hears that the tool wants him to.
			wantIn(t, c.ask(modernCall("8", "up__job", "{}")), `"resultType":"complete"`)
			wantIn(t, c.ask(modernCall("9", "up__must", "{}")), `"code":-32021`)
			legacy := g.dialTCP()
			legacy.initialize("2025-11-25")
			wantIn(t, legacy.ask(legacyCall("1", "up__job", "{}")), "the job is done")

			// A legacy client can take none, whatever it says of itself.
			boastful := g.dialTCP()
			boastful.initializeWith("2025-11-25", `{"elicitation":{},"extensions":`+
				`{"io.modelcontextprotocol\/tasks":{},"example.com/x":{}}}`)
			wantIn(t, boastful.ask(legacyCall("1", "up__job", "{}")), "the job is done")
		})
	}
}
