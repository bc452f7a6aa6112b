package history

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// webEar is what a web peer is told on beside its requests: the GET stream of a legacy session, or
// subscriptions/listen. A GET stream whose events have ids is resumed when it breaks, anything
// else begins anew.
type webEar struct {
	*peer
	own *web // the same client, whose connections are others

	mu     sync.Mutex    // guards the order of the history and of heard, and wanted
	heard  chan struct{} // a change was told, or what was not told will not be
	wanted bool          // somebody waits
	ticks  chan struct{} // the peer has done something
}

func (w *web) newEar() *webEar {
	twin := &peer{
		name: w.name, modern: w.modern, calm: w.calm, log: w.log, conn: -1, version: w.version,
	}
	own := &web{peer: twin, addr: w.earAddr, session: w.session}
	own.client = http.Client{Transport: &http.Transport{}} // no timeout: a stream has no end
	return &webEar{
		peer: twin, own: own, heard: make(chan struct{}, 1),
		ticks: make(chan struct{}, 1),
	}
}

// signal adds to the history what was heard, and wakes who waits for it.
func (e *webEar) signal(add func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	add()
	select {
	case e.heard <- struct{}{}:
	default:
	}
}

// forget adds a request to the history; what was heard before is not about it.
func (e *webEar) forget(add func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	add()
	select {
	case <-e.heard:
	default:
	}
}

// tick wakes an ear that is away.
func (e *webEar) tick() {
	select {
	case e.ticks <- struct{}{}:
	default:
	}
}

// away returns when the peer has done something, so that there is something to be told of what
// happened meanwhile; at once when the peer waits.
func (e *webEar) away(ctx context.Context) {
	select {
	case <-e.ticks: // of before
	default:
	}
	e.mu.Lock()
	wanted := e.wanted
	e.mu.Unlock()
	if wanted {
		return
	}
	select {
	case <-e.ticks:
	case <-ctx.Done():
	}
}

func (e *webEar) want(wanted bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.wanted = wanted
}

// wait returns when something was heard. When nothing is, the history shows it.
func (e *webEar) wait() error {
	e.want(true)
	defer e.want(false)
	e.tick()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-e.heard:
		return nil
	case <-timer.C:
		return fmt.Errorf("cannot go on: %s hears nothing", e.name)
	}
}

// listen listens until ctx ends.
func (e *webEar) listen(ctx context.Context) error {
	defer e.own.client.CloseIdleConnections()
	last := ""
	for {
		resp, err := e.open(ctx, last)
		if err == nil {
			err = e.hear(resp, &last)
			resp.Body.Close()
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.Is(err, errCut):
			return err
		case resp != nil:
			e.add(Event{Kind: Cut, ID: Push})
		}
		e.away(ctx)
		if last != "" {
			stream, _, _ := strings.Cut(last, "-")
			e.add(Event{Kind: Resumed, ID: Push, Stream: stream})
		}
	}
}

func (e *webEar) open(ctx context.Context, last string) (*http.Response, error) {
	var resp *http.Response
	var err error
	switch {
	case e.modern:
		resp, err = e.own.do(ctx, http.MethodPost, e.peer.listen(), "")
	case last != "":
		resp, err = e.own.do(ctx, http.MethodGet, "", "", "Last-Event-ID", last)
	default:
		resp, err = e.own.do(ctx, http.MethodGet, "", "")
	}
	if err != nil {
		return nil, errCut
	}
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		return nil, fmt.Errorf("cannot listen: %s: %s %q", e.name, resp.Status, text)
	}
	return resp, nil
}

// hear takes what comes until the stream breaks.
func (e *webEar) hear(resp *http.Response, last *string) error {
	listening := func(id string) {
		e.signal(func() { e.add(Event{Kind: Listening, ID: id}) })
	}
	if !e.modern && *last == "" {
		listening("")
	}
	in := eventReader{bufio.NewReader(resp.Body)}
	for first := true; ; first = false {
		one, err := in.next()
		if err != nil {
			return errCut
		}
		if e.modern && first {
			if !strings.Contains(string(one.data), "notifications/subscriptions/acknowledged") {
				return fmt.Errorf("cannot listen: %s: the first message is %s", e.name, one.data)
			}
			listening(listenID)
			continue
		}
		e.signal(func() { _, err = e.take(one, Push, last) })
		if err != nil {
			return err
		}
	}
}
