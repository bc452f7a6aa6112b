package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
)

// peer is one client: it makes requests, and records what they and their answers are.
type peer struct {
	name   string
	modern bool
	calm   bool
	chatty bool // half of its calls emit, and emit more
	log    *Log
	random *rand.Rand
	conn   int
	sent   int
}

func (p *peer) add(e Event) {
	e.Client, e.Conn, e.Calm = p.name, p.conn, p.calm
	p.log.Add(e)
}

const modernMeta = `"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
	`"io.modelcontextprotocol/clientCapabilities":{},`

// next makes a request; every other id is a string.
func (p *peer) next() (request string, e Event) {
	p.sent++
	e = Event{Kind: Sent, ID: fmt.Sprint(p.sent)}
	if p.sent%2 == 0 {
		e.ID = fmt.Sprintf(`"%d"`, p.sent)
	}
	args := fmt.Sprintf(`{"key":%q}`, p.name)
	kinds, notes := 4, 40
	if p.chatty {
		kinds, notes = 2, 200
	}
	switch p.random.IntN(kinds) {
	case 1:
		e.Op, e.Notes = Emit, p.random.IntN(notes)
		args = fmt.Sprintf(`{"key":%q,"n":%d}`, p.name, e.Notes)
	case 0:
		if p.sent%3 == 0 {
			e.Op = Read
			break
		}
		fallthrough
	default:
		e.Op, e.Value = Append, fmt.Sprintf("%s-%d", p.name, p.sent)
		args = fmt.Sprintf(`{"key":%q,"value":%q}`, p.name, e.Value)
	}
	meta := ""
	if p.modern {
		meta = modernMeta
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,`+
		`"arguments":%s,"_meta":{%s"progressToken":%s}}}`, e.ID, e.Op, args, meta, e.ID), e
}

// initialize is the first message of a legacy client.
const initialize = `{"jsonrpc":"2.0","id":"init","method":"initialize","params":{` +
	`"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"h","version":"1"}}}`

// message records one message of the server, and says whether it is a final answer.
func (p *peer) message(text []byte) (final bool, err error) {
	var m struct {
		ID     json.RawMessage
		Method string
		Params struct {
			ProgressToken json.RawMessage
			Progress      int
		}
		Error  json.RawMessage
		Result struct {
			IsError bool
			Content []struct{ Text string }
		}
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return false, fmt.Errorf("cannot read %q: %w", text, err)
	}
	switch {
	case m.Method == "notifications/progress":
		id := string(m.Params.ProgressToken)
		p.add(Event{Kind: Note, ID: id, Progress: m.Params.Progress})
		return false, nil
	case m.Method != "":
		return false, nil
	case m.Error != nil || m.Result.IsError:
		p.add(Event{Kind: Failed, ID: string(m.ID)})
		return true, fmt.Errorf("cannot go on: %s failed: %s", p.name, text)
	case len(m.Result.Content) != 1:
		return true, errors.New("cannot find the content of " + string(text))
	}
	var said struct {
		Key, Value string
		Values     []string
		Notes      int
	}
	if err := json.Unmarshal([]byte(m.Result.Content[0].Text), &said); err != nil {
		return true, fmt.Errorf("cannot read the result of %s: %w", text, err)
	}
	p.add(Event{
		Kind: Answer, ID: string(m.ID), Key: said.Key, Value: said.Value,
		Values: said.Values, Notes: said.Notes,
	})
	return true, nil
}
