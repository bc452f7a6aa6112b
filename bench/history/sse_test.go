package history

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// eventReader reads an event stream.
type eventReader struct{ *bufio.Reader }

// event is one event of it. id is "" when it has none.
type event struct {
	name, id string
	data     []byte
}

// next returns the next whole event; half of one does not count.
func (r eventReader) next() (e event, err error) {
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return event{}, err
		}
		name, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(": "))
		switch {
		case string(name) == "event":
			e.name = string(value)
		case string(name) == "id":
			e.id = string(value)
		case string(name) == "data":
			e.data = value
		case len(line) == 1 && (e.id != "" || len(e.data) > 0): // a comment has neither
			return e, nil
		}
	}
}

// sseLink is HTTP+SSE of 2024-11-05: each message is a POST, and what the server says comes on one
// stream.
type sseLink struct {
	client   *http.Client
	in       eventReader
	endpoint string
	body     io.Closer
	stop     func()
}

func dialSSE(_, addr string) (link, error) {
	ctx, stop := context.WithCancel(context.Background())
	l := &sseLink{client: &http.Client{Transport: &http.Transport{}}, stop: stop}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/sse", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := l.client.Do(req)
	if err != nil {
		stop()
		return nil, err
	}
	l.in, l.body = eventReader{bufio.NewReader(resp.Body)}, resp.Body
	first, err := l.in.next()
	if err != nil || first.name != "endpoint" {
		return nil, errors.Join(err, l.Close(), fmt.Errorf("cannot use the event %+v", first))
	}
	l.endpoint = "http://" + addr + string(first.data)
	return l, nil
}

func (l *sseLink) Close() error {
	l.stop()
	l.client.CloseIdleConnections()
	return l.body.Close()
}

// send posts a message. Its answer, 202, may be cut though the message arrived.
func (l *sseLink) send(message string) error {
	resp, err := l.client.Post(l.endpoint, "application/json", strings.NewReader(message))
	if err != nil {
		return errUnsure
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted { // the stream, and with it the session, has ended
		return fmt.Errorf("cannot post: %s", resp.Status)
	}
	return nil
}

func (l *sseLink) recv() ([]byte, error) {
	e, err := l.in.next()
	return e.data, err
}
