package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
)

// peer is one client: it makes requests, and records what they and their answers are.
type peer struct {
	name    string
	modern  bool
	mixed   bool // each request is of another era than the one before
	calm    bool
	chatty  bool   // half of its calls emit, and emit more
	version string // of a legacy session
	logs    bool   // wants log messages: in the legacy era always, in the modern one at times
	log     *Log
	random  *rand.Rand
	conn    int
	sent    int

	waiting  map[string]bool // requests without an outcome, on this connection
	answered string          // the request that was answered last
	told     bool            // of a change, or there is nothing to be told of any more
}

func (p *peer) add(e Event) {
	e.Client, e.Conn, e.Calm = p.name, p.conn, p.calm
	p.log.Add(e)
}

const modernMeta = `"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
	`"io.modelcontextprotocol/clientCapabilities":{}`

const wantsLogs = `,"io.modelcontextprotocol/logLevel":"debug"`

// next makes a request; every other id is a string.
func (p *peer) next() (request string, e Event) {
	kinds, notes := 4, 40
	if p.chatty {
		kinds, notes = 2, 200
	}
	switch p.random.IntN(kinds) {
	case 1:
		return p.call(Emit, p.random.IntN(notes))
	case 0:
		if p.sent%3 == 2 {
			return p.call(Read, 0)
		}
	}
	return p.call(Append, 0)
}

// call makes a request of an operation. Notes is for Emit.
func (p *peer) call(op string, notes int) (request string, e Event) {
	p.sent++
	e = Event{Kind: Sent, ID: fmt.Sprint(p.sent), Op: op, Notes: notes}
	if p.sent%2 == 0 {
		e.ID = fmt.Sprintf(`"%d"`, p.sent)
	}
	if p.mixed {
		p.modern = !p.modern
	}
	meta, wants := "", p.logs && (!p.modern || p.sent%3 > 0)
	switch {
	case p.modern && wants:
		meta = modernMeta + wantsLogs + ","
	case p.modern:
		meta = modernMeta + ","
	}
	args := fmt.Sprintf(`{"key":%q}`, p.name)
	switch op {
	case Append:
		e.Value = fmt.Sprintf("%s.%d", p.name, p.sent)
		args = fmt.Sprintf(`{"key":%q,"value":%q}`, p.name, e.Value)
	case Emit:
		args = fmt.Sprintf(`{"key":%q,"n":%d,"log":%q}`, p.name, notes, e.ID)
		if wants {
			e.Logs = notes
		}
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,`+
		`"arguments":%s,"_meta":{%s"progressToken":%s}}}`, e.ID, op, args, meta, e.ID), e
}

// uri is the client's list in the ledger, as a resource.
func (p *peer) uri() string { return ledgerURI + p.name }

const ledgerURI = "test://ledger/"

// handshake is what a legacy session begins with; each message is answered.
func (p *peer) handshake() []string {
	list := []string{
		fmt.Sprintf(`{"jsonrpc":"2.0","id":"init","method":"initialize","params":{`+
			`"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"h","version":"1"}}}`,
			p.version),
		fmt.Sprintf(`{"jsonrpc":"2.0","id":"sub","method":"resources/subscribe",`+
			`"params":{"uri":%q}}`, p.uri()),
	}
	if p.logs {
		list = append(list, `{"jsonrpc":"2.0","id":"log","method":"logging/setLevel",`+
			`"params":{"level":"debug"}}`)
	}
	return list
}

// listenID is the id of subscriptions/listen.
const listenID = `"listen"`

// listen subscribes a modern client to its list; the acknowledgement is answered first.
func (p *peer) listen() string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"subscriptions/listen","params":{`+
		`"notifications":{"resourceSubscriptions":[%q]},"_meta":{%s}}}`,
		listenID, p.uri(), modernMeta)
}

// wire is any message of the server.
type wire struct {
	ID     json.RawMessage
	Method string
	Params struct {
		ProgressToken json.RawMessage
		Progress      int
		URI           string
		Data          struct {
			Key, Log string
			N        int
		}
		Meta map[string]json.RawMessage `json:"_meta"`
	}
	Error  json.RawMessage
	Result struct {
		IsError bool
		Content []struct{ Text string }
	}
}

// message records one message of the server, which came on the stream of a request, and says
// whether it is a final answer.
func (p *peer) message(text []byte, on string) (final bool, err error) {
	var m wire
	if err := json.Unmarshal(text, &m); err != nil {
		return false, fmt.Errorf("cannot read %q: %w", text, err)
	}
	switch {
	case m.Method != "":
		p.notice(&m, on)
		return false, nil
	case m.Error != nil || m.Result.IsError:
		p.add(Event{Kind: Failed, ID: string(m.ID), On: on})
		return true, fmt.Errorf("cannot go on: %s failed: %s", p.name, text)
	case len(m.Result.Content) != 1:
		return true, errors.New("cannot find the content of " + string(text))
	}
	var said struct {
		Key, Value      string
		Values          []string
		Notes, Sequence int
	}
	if err := json.Unmarshal([]byte(m.Result.Content[0].Text), &said); err != nil {
		return true, fmt.Errorf("cannot read the result of %s: %w", text, err)
	}
	p.add(Event{
		Kind: Answer, ID: string(m.ID), On: on, Key: said.Key, Value: said.Value,
		Values: said.Values, Notes: said.Notes, Number: said.Sequence,
	})
	p.answered = string(m.ID)
	delete(p.waiting, p.answered)
	return true, nil
}

func (p *peer) notice(m *wire, on string) {
	switch m.Method {
	case "notifications/progress":
		p.add(Event{
			Kind: Note, ID: string(m.Params.ProgressToken), On: on, Progress: m.Params.Progress,
		})
	case "notifications/message":
		data := m.Params.Data
		p.add(Event{Kind: Logged, ID: data.Log, On: on, Key: data.Key, Progress: data.N})
	case "notifications/resources/updated":
		id := m.Params.Meta["io.modelcontextprotocol/subscriptionId"]
		of := strings.TrimPrefix(m.Params.URI, ledgerURI)
		p.add(Event{Kind: Told, ID: string(id), On: on, Value: of})
		p.told = true
	}
}
