package history

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// web is a peer that speaks Streamable HTTP. In a legacy session it resumes broken streams.
type web struct {
	*peer
	url     string
	session string
	client  http.Client
}

// talk makes operations one after the other.
func (w *web) talk(operations int) error {
	w.client = http.Client{Transport: &http.Transport{}, Timeout: patience}
	defer w.client.CloseIdleConnections()
	for !w.modern && w.session == "" {
		resp, err := w.do(http.MethodPost, initialize, nil)
		if err == nil {
			w.session = resp.Header.Get("Mcp-Session-Id")
			resp.Body.Close()
		} else if w.calm {
			return err
		}
	}
	for w.sent < operations {
		w.conn++
		request, e := w.next()
		w.add(e)
		resp, err := w.do(http.MethodPost, request, &e)
		if err != nil {
			w.add(Event{Kind: Cut})
			continue
		}
		if err := w.follow(resp, e); err != nil {
			return err
		}
	}
	return nil
}

func (w *web) do(method, body string, e *Event, more ...string) (*http.Response, error) {
	req, err := http.NewRequest(method, w.url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json, text/event-stream")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	switch {
	case w.modern:
		req.Header.Set("MCP-Protocol-Version", "2026-07-28")
		req.Header.Set("Mcp-Method", "tools/call")
		req.Header.Set("Mcp-Name", e.Op)
	case w.session != "":
		req.Header.Set("Mcp-Session-Id", w.session)
		req.Header.Set("MCP-Protocol-Version", "2025-11-25")
	}
	for i := 0; i < len(more); i += 2 {
		req.Header.Set(more[i], more[i+1])
	}
	return w.client.Do(req)
}

// follow reads the answer to e, and the rest of it after each cut.
func (w *web) follow(resp *http.Response, e Event) error {
	last := ""
	for {
		done, err := w.answer(resp, e, &last)
		resp.Body.Close()
		if done || err != nil {
			return err
		}
		w.add(Event{Kind: Cut})
		if last == "" {
			return nil // no event came, so there is none to name: the answer is lost
		}
		stream, _, _ := strings.Cut(last, "-")
		w.add(Event{Kind: Resumed, ID: e.ID, Stream: stream})
		for {
			w.conn++
			if resp, err = w.do(http.MethodGet, "", nil, "Last-Event-ID", last); err == nil {
				break
			}
		}
	}
}

// answer reads one response. done is false when it was cut before the final answer.
func (w *web) answer(resp *http.Response, e Event, last *string) (done bool, err error) {
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return true, fmt.Errorf("cannot go on: %s: %s %q", w.name, resp.Status, text)
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			return false, nil
		}
		return w.message(text)
	}
	in := bufio.NewReader(resp.Body)
	id, data := "", []byte(nil)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return false, nil
		}
		name, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(": "))
		switch {
		case string(name) == "id":
			id = string(value)
		case string(name) == "data":
			data = value
		case len(line) == 1: // a whole event; half of one does not count
			if id != "" {
				*last = id
				mark := Event{Kind: Marked, ID: e.ID}
				mark.Stream, mark.Number = splitID(id)
				w.add(mark)
			}
			if len(data) > 0 {
				if done, err := w.message(data); done || err != nil {
					return true, err
				}
			}
			id, data = "", nil
		}
	}
}

func splitID(id string) (stream string, number int) {
	stream, rest, _ := strings.Cut(id, "-")
	if _, err := fmt.Sscan(rest, &number); err != nil {
		return id, -1
	}
	return stream, number
}
