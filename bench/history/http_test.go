package history

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// web is a peer that speaks Streamable HTTP. In a legacy session it resumes broken streams.
type web struct {
	*peer
	addr    string
	earAddr string
	session string
	client  http.Client
	ear     *webEar
}

// talk makes operations one after the other, while its ear listens.
func (w *web) talk(operations int) error {
	w.client = http.Client{Transport: &http.Transport{}, Timeout: patience}
	defer w.client.CloseIdleConnections()
	if !w.modern {
		if err := w.begin(); err != nil {
			return err
		}
	}
	w.ear = w.newEar()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.ear.listen(ctx) }()
	err := w.operate(operations)
	stop()
	if failed := <-done; err == nil {
		err = failed
	}
	return err
}

// begin makes the session; what is cut is asked again.
func (w *web) begin() error {
	for _, one := range w.handshake() {
		for {
			resp, err := w.do(context.Background(), http.MethodPost, one, "")
			if err == nil {
				text, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					return fmt.Errorf("cannot go on: %s: %s was answered %s %s", w.name, one,
						resp.Status, text)
				}
				if w.session == "" {
					w.session = resp.Header.Get("Mcp-Session-Id")
				}
				break
			}
			if w.calm {
				return err
			}
		}
	}
	return nil
}

// operate makes operations. In the end it waits until it was told of the last one.
func (w *web) operate(operations int) error {
	if err := w.ear.wait(); err != nil { // it listens
		return err
	}
	for w.sent < operations {
		request, e := w.next()
		if err := w.one(request, e); err != nil {
			return err
		}
		w.ear.tick()
		if e.Op == Append && w.random.IntN(4) == 0 { // no later change hides that one is not told
			if err := w.ear.wait(); err != nil {
				return err
			}
		}
	}
	for { // until one is answered: what is cut does not have to be told
		request, e := w.call(Append, 0)
		if err := w.one(request, e); err != nil {
			return err
		}
		if err := w.ear.wait(); err != nil || w.answered == e.ID {
			return err
		}
	}
}

// one makes one request and follows its answer to its end.
func (w *web) one(request string, e Event) error {
	w.conn++
	w.ear.forget(func() { w.add(e) })
	resp, err := w.do(context.Background(), http.MethodPost, request, e.Op)
	if err != nil {
		w.ear.signal(func() { w.add(Event{Kind: Cut}) }) // what may not have arrived owes nothing
		return nil
	}
	return w.follow(resp, e)
}

// do sends one HTTP request. tool is what a modern tools/call names.
func (w *web) do(
	ctx context.Context, method, body, tool string, more ...string,
) (*http.Response, error) {
	url := "http://" + w.addr + "/mcp"
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json, text/event-stream")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	switch {
	case w.modern && tool == "":
		req.Header.Set("MCP-Protocol-Version", "2026-07-28")
		req.Header.Set("Mcp-Method", "subscriptions/listen")
	case w.modern:
		req.Header.Set("MCP-Protocol-Version", "2026-07-28")
		req.Header.Set("Mcp-Method", "tools/call")
		req.Header.Set("Mcp-Name", tool)
	case w.session != "":
		req.Header.Set("Mcp-Session-Id", w.session)
		req.Header.Set("MCP-Protocol-Version", w.version)
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
		w.ear.signal(func() { w.add(Event{Kind: Cut}) })
		if last == "" {
			return nil // no event came, so there is none to name: the answer is lost
		}
		stream, _, _ := strings.Cut(last, "-")
		w.add(Event{Kind: Resumed, ID: e.ID, Stream: stream})
		for {
			w.conn++
			resp, err = w.do(context.Background(), http.MethodGet, "", "", "Last-Event-ID", last)
			if err == nil {
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
		return w.message(text, e.ID)
	}
	in := eventReader{bufio.NewReader(resp.Body)}
	for {
		one, err := in.next()
		if err != nil {
			return false, nil
		}
		if done, err = w.take(one, e.ID, last); done || err != nil {
			return true, err
		}
	}
}

// take records one event of the stream of a request, or of Push.
func (p *peer) take(one event, on string, last *string) (final bool, err error) {
	if one.id != "" {
		*last = one.id
		mark := Event{Kind: Marked, ID: on}
		mark.Stream, mark.Number = splitID(one.id)
		p.add(mark)
	}
	if len(one.data) == 0 {
		return false, nil
	}
	return p.message(one.data, on)
}

func splitID(id string) (stream string, number int) {
	stream, rest, _ := strings.Cut(id, "-")
	if _, err := fmt.Sscan(rest, &number); err != nil {
		return id, -1
	}
	return stream, number
}
