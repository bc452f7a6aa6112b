package declared

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// Structured tells whether the tool's answers have structured content, as its output schema says.
func (t *Tool) Structured() bool { return t.output != nil }

// StructuredAnswer is an answer whose structured content is raw, valid JSON; its text repeats it.
// What does not conform to the output schema is an error of the tool, which shows the text all the
// same: clients refuse such content.
func (t *Tool) StructuredAnswer(raw []byte) []byte {
	if t.output != nil {
		if err := t.output.Check(raw); err != nil {
			note := fmt.Sprintf("the answer does not conform to the tool's output schema: %v", err)
			return ErrorAnswer(note, raw)
		}
	}
	return mcp.AppendStructuredResult(nil, raw, mcp.LatestModern)
}

// TextAnswer is an answer of one text of at most max bytes; what is longer is cut, and says so.
// more tells that text is itself the beginning of something longer.
func TextAnswer(text []byte, max int, more bool) []byte {
	return mcp.AppendTextResult(nil, cut(text, max, more))
}

// ErrorAnswer is an answer with isError: a note of ours, and what was answered there, if anything.
func ErrorAnswer(note string, detail []byte) []byte {
	return mcp.AppendErrorResult(nil, []byte(errorText(note, detail)))
}

// Failure is ErrorAnswer as an error: of what runs the tool, not of the call. Clients see the text
// as they see that of an ErrorAnswer; cause, which it wraps, tells what it says of the next call.
func Failure(note string, detail []byte, cause error) error {
	return &failure{errorText(note, detail), cause}
}

type failure struct {
	text  string
	cause error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.cause }

func errorText(note string, detail []byte) string {
	if len(detail) > 0 {
		note += "\n" + string(cut(detail, errorDetailBytes, false))
	}
	return strings.ToValidUTF8(note, "�")
}

// errorDetailBytes is how much of an error's body the model is shown.
const errorDetailBytes = 4 << 10

// cut shortens text to max bytes of whole characters, and says how much there was.
func cut(text []byte, max int, more bool) []byte {
	of := ""
	if more {
		of = "more than "
	}
	if len(text) <= max && !more {
		return text
	}
	end := min(max, len(text))
	for end < len(text) && end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return fmt.Appendf(text[:end:end], "\n… cut here: %d of %s%d bytes", end, of, len(text))
}

// BinaryAnswer is an answer of bytes that are no text: a picture or a sound as such, anything else
// as an embedded resource under uri.
func BinaryAnswer(data []byte, mimeType, uri string) []byte {
	out := []byte(`{"content":[{"type":`)
	switch kind, _, _ := strings.Cut(mimeType, "/"); kind {
	case "image", "audio":
		out = codec.AppendString(out, kind)
		out = codec.AppendString(append(out, `,"mimeType":`...), mimeType)
		out = append(out, `,"data":"`...)
		return append(base64.StdEncoding.AppendEncode(out, data), `"}]}`...)
	}
	out = codec.AppendString(append(out, `"resource","resource":{"uri":`...), uri)
	out = codec.AppendString(append(out, `,"mimeType":`...), mimeType)
	out = append(out, `,"blob":"`...)
	return append(base64.StdEncoding.AppendEncode(out, data), `"}}]}`...)
}
