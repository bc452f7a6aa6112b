package rest

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/server/gateway/declared"
)

// Call sends r and makes an answer of the tool of its response. A response with an error status is
// an answer with isError, or an error from 500 on; other errors are of the connection.
func (a *API) Call(
	ctx context.Context, t *declared.Tool, r *Request, opt Trim,
) ([]byte, error) {
	trim, err := opt.compile()
	if err != nil {
		return nil, err
	}
	return a.call(ctx, t, r, &trim)
}

func (a *API) call(
	ctx context.Context, t *declared.Tool, r *Request, trim *trimmer,
) ([]byte, error) {
	resp, err := a.exchange(ctx, r)
	if err != nil {
		return nil, err
	}
	if resp.status < 200 || resp.status > 299 {
		return resp.refusal()
	}
	return a.answer(t, resp, trim), nil
}

// refusal is what a call gets of a response with an error status. Some of them tell of the API, not
// of the call: they are errors.
func (r *response) refusal() ([]byte, error) {
	note := "HTTP " + r.reason
	if r.location != "" {
		note += ": it leads to " + r.location + ", which is not followed"
		return declared.ErrorAnswer(note, nil), nil
	}
	after := r.header.Get("Retry-After")
	if after != "" {
		note += "; try again after " + after
	}
	switch {
	case r.status == http.StatusRequestTimeout, r.status == http.StatusTooManyRequests,
		r.status >= 500:
		seconds, _ := strconv.Atoi(after) // a date is not worth reading
		return nil, declared.Failure(note, r.text(), &client.HTTPError{
			Status: r.status, Text: r.reason, RetryAfter: time.Duration(seconds) * time.Second,
		})
	}
	return declared.ErrorAnswer(note, r.text()), nil
}

// text is the body if it is one.
func (r *response) text() []byte {
	if !utf8.Valid(r.body) || bytes.IndexByte(r.body, 0) >= 0 {
		return nil
	}
	return r.body
}

// answer is that of a response that is well.
func (a *API) answer(t *declared.Tool, r *response, trim *trimmer) []byte {
	structured := trim.result == resultStructured || trim.result == resultAuto && t.Structured()
	if structured || trim.wantsJSON() {
		return a.fromJSON(t, r, trim, structured)
	}
	limit := a.opt.ResultBytesMax
	switch {
	case len(r.body) == 0:
		return declared.TextAnswer([]byte("HTTP "+r.reason), limit, false)
	case r.isText():
		body := r.body
		if r.tooLong {
			body = bytes.ToValidUTF8(body, nil) // the last character may have been cut
		}
		return declared.TextAnswer(body, limit, r.tooLong)
	case r.tooLong || len(r.body) > limit:
		return a.tooLong(r)
	}
	return declared.BinaryAnswer(r.body, r.mediaType(), r.url)
}

// fromJSON is an answer that is a part of a response of JSON.
func (a *API) fromJSON(t *declared.Tool, r *response, trim *trimmer, structured bool) []byte {
	if r.tooLong {
		return a.tooLong(r)
	}
	scanner := codec.Scanner{}
	if !scanner.Valid(r.body) {
		return declared.ErrorAnswer(fmt.Sprintf("HTTP %s: the response is not JSON, but %s",
			r.reason, r.mediaType()), r.text())
	}
	part, err := trim.apply(r.body)
	if err != nil {
		return declared.ErrorAnswer(err.Error(), r.body)
	}
	part = bytes.TrimSpace(part)
	switch {
	case !structured:
		return declared.TextAnswer(part, a.opt.ResultBytesMax, false)
	case len(part) > a.opt.ResultBytesMax:
		return declared.ErrorAnswer(fmt.Sprintf("the answer has %d bytes; more than %d are not "+
			"passed on: ask for less", len(part), a.opt.ResultBytesMax), nil)
	}
	return t.StructuredAnswer(part)
}

func (a *API) tooLong(r *response) []byte {
	return declared.ErrorAnswer(fmt.Sprintf("HTTP %s: the response has more than %d bytes of %s; "+
		"ask for less", r.reason, min(a.opt.ResponseBytesMax, a.opt.ResultBytesMax),
		r.mediaType()), nil)
}

// isText: what the response is called, or else what it looks like.
func (r *response) isText() bool {
	text := r.text() != nil || r.tooLong && looksText(r.body)
	kind := r.mediaType()
	if strings.HasPrefix(kind, "image/") && kind != "image/svg+xml" ||
		strings.HasPrefix(kind, "audio/") || kind == "application/octet-stream" {
		return false
	}
	return text
}

// looksText tells of the beginning of a body, whose last character may be cut.
func looksText(b []byte) bool {
	return bytes.IndexByte(b, 0) < 0 && utf8.Valid(bytes.TrimRightFunc(b, func(r rune) bool {
		return r == utf8.RuneError
	}))
}

// mediaType is what the body is said to be, or seems to be.
func (r *response) mediaType() string {
	kind, _, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	if err != nil || kind == "" {
		kind, _, _ = mime.ParseMediaType(http.DetectContentType(r.body))
	}
	return kind
}
