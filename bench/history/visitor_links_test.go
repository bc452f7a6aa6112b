package history

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// listenID is the id of the visitor's subscriptions/listen; a legacy session's changes have none.
func (v *visitor) listenID() string {
	if !v.modern {
		return ""
	}
	return fmt.Sprintf("%q", "listen-"+v.name)
}

// greeting is what a visitor says before its first request. Each message is answered.
func (v *visitor) greeting() []string {
	uris := make([]string, 0, len(v.targets))
	for _, t := range v.targets {
		uris = append(uris, fmt.Sprintf("%q", behindURI(t.name, v.name)))
	}
	if v.modern {
		return []string{fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"subscriptions/listen",`+
			`"params":{"notifications":{"resourceSubscriptions":[%s]},"_meta":{%s}}}`,
			v.listenID(), strings.Join(uris, ","), visitorMeta)}
	}
	list := []string{fmt.Sprintf(`{"jsonrpc":"2.0","id":"init","method":"initialize","params":{`+
		`"protocolVersion":%q,"capabilities":{"sampling":{}},"clientInfo":{"name":"h",`+
		`"version":"1"}}}`, v.version)}
	for _, uri := range uris {
		list = append(list, fmt.Sprintf(`{"jsonrpc":"2.0","id":"sub","method":`+
			`"resources/subscribe","params":{"uri":%s}}`, uri))
	}
	return list
}

// begin greets the gateway on a new channel.
func (v *visitor) begin(c channel) error {
	v.told, v.listening = map[string]bool{}, false
	if !v.modern && !v.web {
		v.listens(true) // it may be told of what it did on the connection before
	}
	for _, text := range v.greeting() {
		if err := c.send(text, nil); err != nil {
			return err
		}
		if err := v.greeted(c, text); err != nil {
			return err
		}
	}
	return nil
}

// greeted takes the answer to a message of the beginning.
func (v *visitor) greeted(c channel, to string) error {
	for {
		one, err := c.recv()
		if err != nil {
			return err
		}
		var m answer
		switch err := json.Unmarshal(one.text, &m); {
		case one.on == listening:
			v.listens(true)
			continue
		case one.end:
			return errCut
		case err != nil || m.Error != nil:
			return fmt.Errorf("cannot go on: %s was answered %s, %w", to, one.text, err)
		case m.Method != "":
			if err := v.message(c, one); err != nil {
				return err
			}
			if !strings.HasSuffix(m.Method, "/acknowledged") {
				continue
			}
		}
		return nil
	}
}

// errStuck: what is open stays so.
var errStuck = errors.New("cannot go on: nothing comes any more")

// lineChannel is a channel on which all messages come together.
type lineChannel struct{ link }

func (l lineChannel) send(text string, _ *errand) error {
	if err := l.link.send(text); err != nil {
		return errCut
	}
	return nil
}

func (l lineChannel) recv() (got, error) {
	text, err := l.link.recv()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return got{}, errStuck
	}
	if err != nil {
		return got{}, errCut
	}
	return got{text: text}, nil
}

func (l lineChannel) drop(e *errand) error { return l.send(cancellation(e.ID), nil) }

func cancellation(id string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled",`+
		`"params":{"requestId":%s}}`, id)
}

// webChannel is Streamable HTTP: each request is an exchange of its own, and changes come on one
// more.
type webChannel struct {
	v       *visitor
	w       *web
	in      chan got
	ctx     context.Context
	stop    context.CancelFunc
	all     sync.WaitGroup
	mu      sync.Mutex // guards cancels
	cancels map[string]context.CancelFunc
}

func (v *visitor) dialWeb(addr string) (channel, error) {
	c := &webChannel{v: v, in: make(chan got), cancels: map[string]context.CancelFunc{}}
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.w = &web{
		peer: &peer{name: v.name, modern: v.modern, version: v.version}, addr: addr,
		client: http.Client{Transport: &http.Transport{}},
	}
	return c, nil
}

// Close ends the session, so that what waits for a visitor that has lost sight of it waits no more.
func (c *webChannel) Close() error {
	for range 10 {
		if c.w.session == "" {
			break
		}
		resp, err := c.w.do(c.ctx, http.MethodDelete, "", "")
		if err == nil {
			resp.Body.Close()
			break
		}
	}
	c.stop()
	c.w.client.CloseIdleConnections()
	c.all.Wait()
	return nil
}

// send posts text. A message without an errand belongs to the greeting, answers a question, or
// cancels.
func (c *webChannel) send(text string, e *errand) error {
	switch {
	case e == nil && c.v.modern:
		c.all.Go(func() { c.listen(http.MethodPost, text) })
	case e == nil && c.w.session == "":
		return c.open(text)
	case e == nil:
		c.all.Go(func() { c.insist(text) })
	default:
		ctx, cancel := context.WithCancel(c.ctx)
		c.mu.Lock()
		c.cancels[e.ID] = cancel
		c.mu.Unlock()
		c.all.Go(func() {
			defer cancel()
			c.exchange(ctx, http.MethodPost, text, e.Upstream+"__"+e.Op, e.ID)
			c.put(got{on: e.ID, end: true})
		})
	}
	return nil
}

// insist sends a message until it is known to have arrived: what waits for it waits for long.
func (c *webChannel) insist(text string) {
	for c.ctx.Err() == nil && c.exchange(c.ctx, http.MethodPost, text, "", "") == 0 {
		continue
	}
}

// open makes the legacy session, and has its changes told.
func (c *webChannel) open(text string) error {
	resp, err := c.w.do(c.ctx, http.MethodPost, text, "")
	if err != nil {
		return errCut
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK { // what came of the request was none
		return errCut
	}
	c.w.session = resp.Header.Get("Mcp-Session-Id")
	c.all.Go(func() { c.listen(http.MethodGet, "") })
	c.all.Go(func() { c.put(got{text: body}) })
	return nil
}

// listen reads the stream of changes, anew whenever it breaks.
func (c *webChannel) listen(method, text string) {
	for c.ctx.Err() == nil {
		c.exchange(c.ctx, method, text, "", Push)
		c.put(got{on: Push, end: true})
	}
}

// exchange sends one HTTP request and brings what it is answered: so many messages.
func (c *webChannel) exchange(ctx context.Context, method, text, tool, id string) (n int) {
	resp, err := c.w.do(ctx, method, text, tool)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		body, err := io.ReadAll(resp.Body)
		switch {
		case err == nil && len(body) > 0:
			c.put(got{text: body, on: id})
		case err != nil:
			return 0
		}
		return 1 // nothing is the answer to some
	}
	if method == http.MethodGet {
		c.put(got{on: listening})
	}
	for in := (eventReader{bufio.NewReader(resp.Body)}); ; n++ {
		one, err := in.next()
		if err != nil {
			return n
		}
		if len(one.data) > 0 {
			c.put(got{text: one.data, on: id})
		}
	}
}

// listening says that the stream of changes is there.
const listening = "listening"

func (c *webChannel) put(one got) {
	select {
	case c.in <- one:
	case <-c.ctx.Done():
	}
}

func (c *webChannel) recv() (got, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case one := <-c.in:
		return one, nil
	case <-timer.C:
		return got{}, errStuck
	}
}

func (c *webChannel) drop(e *errand) error {
	if !c.v.modern {
		return c.send(cancellation(e.ID), nil)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancels[e.ID]()
	return nil
}
