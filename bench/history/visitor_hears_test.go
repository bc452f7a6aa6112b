package history

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// answer is any message of the gateway.
type answer struct {
	ID     json.RawMessage
	Method string
	Params json.RawMessage
	Error  *struct {
		Code    int
		Message string
		Data    struct{ Upstream, State string }
	}
	Result struct {
		ResultType    string
		RequestState  json.RawMessage
		InputRequests map[string]json.RawMessage
		IsError       bool
		Content       []struct{ Text string }
	}
}

func (v *visitor) message(c channel, one got) error {
	var m answer
	if err := json.Unmarshal(one.text, &m); err != nil {
		return fmt.Errorf("cannot read %q: %w", one.text, err)
	}
	id := string(m.ID)
	switch {
	case m.Method != "" && id != "":
		return v.question(c, &m, one.on)
	case m.Method != "":
		return v.notice(c, &m, one.on)
	case m.Error != nil && id == "null": // what came of a request was none
		return errCut
	case m.Error != nil:
		what := m.Error.Data.State
		if m.Error.Data.Upstream == "" {
			what = m.Error.Message
		}
		v.counted[fmt.Sprint(m.Error.Code, " ", what)]++
		v.add(Event{
			Kind: Failed, ID: id, On: one.on, Code: m.Error.Code,
			Upstream: m.Error.Data.Upstream, State: m.Error.Data.State,
		})
	case m.Result.ResultType == "input_required":
		return v.required(c, &m, one.on)
	case m.Result.IsError:
		v.counted["error results"]++
		v.add(Event{Kind: Failed, ID: id, On: one.on})
	default:
		v.answered(&m, one.on)
	}
	delete(v.open, id)
	return nil
}

func (v *visitor) answered(m *answer, on string) {
	var said behindOutput
	if len(m.Result.Content) == 1 {
		_ = json.Unmarshal([]byte(m.Result.Content[0].Text), &said) // the checker sees what is not
	}
	v.add(Event{
		Kind: Answer, ID: string(m.ID), On: on, Key: said.Key, Value: said.Value,
		Notes: said.Notes,
	})
}

// asksFor finds what a question is about, in whatever form a revision has it.
var asksFor = regexp.MustCompile(`value=([^"\\]+)`)

// valueIn is the value that a question names.
func valueIn(raw []byte) string {
	if found := asksFor.FindSubmatch(raw); found != nil {
		return string(found[1])
	}
	return "a question without a value"
}

// said is what the visitor's model says.
func said(value string) string {
	return fmt.Sprintf(`{"role":"assistant","content":{"type":"text","text":%q},"model":"m"}`,
		value)
}

// leaves: the visitor does not answer a question.
func (v *visitor) leaves(up string) bool {
	for _, t := range v.targets {
		if t.name == up && t.calm {
			return false
		}
	}
	return v.random.IntN(5) == 0
}

// question answers one that came in the middle of a call, or gives the call up.
func (v *visitor) question(c channel, m *answer, on string) error {
	value := valueIn(m.Params)
	v.counted["questions"]++
	var of *errand
	for _, e := range v.open {
		if e.Value == value {
			of = e
		}
	}
	if of == nil { // it came after all
		v.add(Event{Kind: Asked, Value: value})
		return nil
	}
	for _, t := range v.targets {
		if t.name == of.Upstream && !t.asks { // it may come on the stream of another call of ours
			on = ""
		}
	}
	v.add(Event{Kind: Asked, ID: of.ID, Value: value, On: on})
	if v.leaves(of.Upstream) {
		return v.cancel(c, of)
	}
	reply := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, said(value))
	return c.send(reply, nil)
}

// required calls again with the answers to the questions that ended a call, or leaves it.
func (v *visitor) required(c channel, m *answer, on string) error {
	v.counted["questions"]++
	before := v.open[string(m.ID)]
	delete(v.open, string(m.ID))
	var value string
	answers := make([]string, 0, 1)
	for key, raw := range m.Result.InputRequests {
		value = valueIn(raw)
		answers = append(answers, fmt.Sprintf("%q:%s", key, said(value)))
	}
	v.add(Event{Kind: Asked, ID: string(m.ID), On: on, Value: value, Final: true})
	if before == nil || v.leaves(before.Upstream) {
		return nil
	}
	more := fmt.Sprintf(`,"inputResponses":{%s}`, strings.Join(answers, ","))
	if m.Result.RequestState != nil {
		more += fmt.Sprintf(`,"requestState":%s`, m.Result.RequestState)
	}
	e := &errand{Event: before.Event}
	e.Resumes = true
	v.write(e, fmt.Sprintf(`{"key":%q,"value":%q,"n":0}`, v.name, e.Value), more)
	return v.start(c, e)
}

// notice takes progress and changes.
func (v *visitor) notice(c channel, m *answer, on string) error {
	var p struct {
		ProgressToken json.RawMessage
		Progress      int
		URI           string
		Meta          map[string]json.RawMessage `json:"_meta"`
	}
	if err := json.Unmarshal(m.Params, &p); err != nil {
		return fmt.Errorf("cannot read %s: %w", m.Params, err)
	}
	switch m.Method {
	case "notifications/progress":
		id := string(p.ProgressToken)
		v.add(Event{Kind: Note, ID: id, On: on, Progress: p.Progress})
		if e := v.open[id]; e != nil && e.cancels {
			return v.cancel(c, e)
		}
	case "notifications/resources/updated":
		v.hears(p.URI, string(p.Meta["io.modelcontextprotocol/subscriptionId"]), on)
	case "notifications/subscriptions/acknowledged":
		v.listens(true)
	}
	return nil
}

// hears takes a change.
func (v *visitor) hears(uri, id, on string) {
	up, key, _ := strings.Cut(strings.TrimPrefix(uri, "history://"), "/")
	v.told[up] = true
	v.counted["changes"]++
	v.add(Event{Kind: Told, ID: id, On: on, Value: key, Upstream: up})
}
