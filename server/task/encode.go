package task

import (
	"encoding/json"
	"strconv"
	"time"
)

const timeFormat = "2006-01-02T15:04:05.000Z07:00" // ISO 8601, as both forms want

// Append appends the members of a Task of the extension without the braces; detailed adds those of
// the status, as tasks/get and notifications/tasks want them.
func (t *Task) Append(dst []byte, detailed bool) []byte {
	dst = t.appendHead(dst, t.Status, t.Message)
	dst = appendMember(dst, "ttlMs", t.TTL.Milliseconds())
	dst = appendMember(dst, "pollIntervalMs", t.Poll.Milliseconds())
	if !detailed {
		return dst
	}
	switch t.Status {
	case InputRequired:
		dst = appendMember(dst, "inputRequests", t.Inputs)
	case Completed:
		dst = appendMember(dst, "result", t.Result)
	case Failed:
		dst = appendMember(dst, "error", t.Error)
	}
	return dst
}

// AppendExperimental appends a Task of 2025-11-25 (schema: Task): it has neither result nor error,
// and a tool that failed is a task that failed.
func (t *Task) AppendExperimental(dst []byte) []byte {
	message := t.Message
	if message == "" {
		message = t.diagnosis()
	}
	dst = t.appendHead(append(dst, '{'), t.Experimental(), message)
	dst = appendMember(dst, "ttl", t.TTL.Milliseconds())
	dst = appendMember(dst, "pollInterval", t.Poll.Milliseconds())
	return append(dst, '}')
}

// Experimental is the status as 2025-11-25 has it (basic/utilities/tasks, "Task Status").
func (t *Task) Experimental() Status {
	if t.Status == Completed && t.ToolFailed {
		return Failed
	}
	return t.Status
}

// diagnosisMax bounds the text of a tool's answer that becomes a status message, in bytes.
const diagnosisMax = 256

// diagnosis says why a task failed; "" when it did not.
func (t *Task) diagnosis() string {
	var wire struct {
		Message string `json:"message"`
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
	}
	switch {
	case t.Status == Failed && json.Unmarshal(t.Error, &wire) == nil:
		return wire.Message
	case t.Experimental() == Failed && json.Unmarshal(t.Result, &wire) == nil &&
		len(wire.Content) > 0:
		text := wire.Content[0].Text
		return text[:min(len(text), diagnosisMax)] // half a character becomes U+FFFD
	}
	return ""
}

// appendHead appends what both forms have.
func (t *Task) appendHead(dst []byte, status Status, message string) []byte {
	dst = appendMember(dst, "taskId", t.ID)
	dst = appendMember(dst, "status", status)
	if message != "" {
		dst = appendMember(dst, "statusMessage", message)
	}
	dst = appendMember(dst, "createdAt", stamp(t.Created))
	return appendMember(dst, "lastUpdatedAt", stamp(t.Updated))
}

func stamp(at time.Time) string { return at.UTC().Format(timeFormat) }

func appendMember(dst []byte, name string, value any) []byte {
	if len(dst) > 0 && dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	raw, err := json.Marshal(value)
	if err != nil {
		panic("BUG: cannot encode a task: " + err.Error())
	}
	dst = append(strconv.AppendQuote(dst, name), ':')
	return append(dst, raw...)
}
