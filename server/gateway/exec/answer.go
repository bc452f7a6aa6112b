package exec

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"unicode/utf8"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/server/gateway/declared"
)

// answer is what a call gets of a run that has ended by itself.
func (t *tool) answer(opt *Options, out *outcome) []byte {
	switch {
	case out.tooMuch:
		return declared.ErrorAnswer(fmt.Sprintf("it was ended: its output has more than %d bytes; "+
			"ask for less", opt.OutputBytesMax), text(out.stdout))
	case out.err != nil:
		note := out.err.Error()
		if len(out.stderr) > 0 {
			note += "\n" + string(bytes.ToValidUTF8(out.stderr, []byte("�")))
		}
		return declared.ErrorAnswer(note, text(out.stdout))
	case t.Structured():
		return t.structured(opt, out.stdout)
	case text(out.stdout) != nil || len(out.stdout) == 0:
		return declared.TextAnswer(out.stdout, opt.ResultBytesMax, false)
	case len(out.stdout) > opt.ResultBytesMax:
		return declared.ErrorAnswer(fmt.Sprintf("its output has %d bytes that are no text; "+
			"at most %d are passed on", len(out.stdout), opt.ResultBytesMax), nil)
	}
	kind, _, _ := mime.ParseMediaType(http.DetectContentType(out.stdout)) // it returns valid ones
	return declared.BinaryAnswer(out.stdout, kind, "exec:"+t.Name+"/stdout")
}

// structured is an answer of JSON.
func (t *tool) structured(opt *Options, stdout []byte) []byte {
	scanner := codec.Scanner{}
	stdout = bytes.TrimSpace(stdout)
	switch {
	case !scanner.Valid(stdout):
		return declared.ErrorAnswer("its output is not JSON", text(stdout))
	case len(stdout) > opt.ResultBytesMax:
		return declared.ErrorAnswer(fmt.Sprintf("its output has %d bytes; more than %d are not "+
			"passed on: ask for less", len(stdout), opt.ResultBytesMax), nil)
	}
	return t.StructuredAnswer(stdout)
}

// text is the output if it is one; the last character may have been cut.
func text(b []byte) []byte {
	whole := bytes.TrimRightFunc(b, func(r rune) bool { return r == utf8.RuneError })
	if !utf8.Valid(whole) || bytes.IndexByte(b, 0) >= 0 {
		return nil
	}
	return whole
}
