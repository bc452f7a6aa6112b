package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

const patience = 30 * time.Second

// link is a transport on which messages of one client go both ways.
type link interface {
	send(message string) error
	recv() ([]byte, error)
	Close() error
}

// errUnsure says that nobody knows whether a message arrived; the link works on.
var errUnsure = errors.New("the exchange of this message broke")

// lineLink has one message in each line.
type lineLink struct {
	io.WriteCloser
	in *bufio.Reader
}

func (l lineLink) send(message string) error {
	_, err := io.WriteString(l, message+"\n")
	return err
}

func (l lineLink) recv() ([]byte, error) {
	if conn, ok := l.WriteCloser.(net.Conn); ok {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
	}
	return l.in.ReadBytes('\n')
}

func dialLine(network, addr string) (link, error) {
	conn, err := net.Dial(network, addr)
	if err != nil {
		return nil, err
	}
	return lineLink{conn, bufio.NewReader(conn)}, nil
}

// talk makes operations on links until it has sent enough of them. A link that breaks is cut,
// and the next one is dialled.
func (p *peer) talk(operations int, dial func() (link, error)) error {
	for p.sent < operations {
		p.conn++
		l, err := dial()
		if err != nil && p.calm {
			return err
		}
		if err != nil {
			continue // it was cut in the handshake: nothing was sent
		}
		err = p.session(l, operations)
		_ = l.Close()
		switch {
		case errors.Is(err, errCut):
			p.add(Event{Kind: Cut})
		case err != nil:
			return err
		}
	}
	return nil
}

var errCut = errors.New("the connection ended")

// session makes operations on one link. At its end it waits until it was told of what it did.
func (p *peer) session(l link, operations int) error {
	p.waiting = map[string]bool{}
	if err := p.begin(l); err != nil {
		return err
	}
	for p.sent < operations {
		for range 1 + p.random.IntN(8) {
			request, e := p.next()
			if err := p.ask(l, request, e); err != nil {
				return err
			}
		}
		if err := p.hear(l, func() bool { return len(p.waiting) == 0 }); err != nil {
			return err
		}
		if p.random.IntN(4) == 0 { // no later change hides that one is not told
			if err := p.appendAndHear(l); err != nil {
				return err
			}
		}
	}
	return p.appendAndHear(l)
}

// appendAndHear waits until it was told of an append. It makes them until one is answered: what may
// not have arrived does not have to be told.
func (p *peer) appendAndHear(l link) error {
	for {
		request, e := p.call(Append, 0)
		p.told = false
		if err := p.ask(l, request, e); err != nil {
			return err
		}
		err := p.hear(l, func() bool { return len(p.waiting) == 0 && p.told })
		if err != nil || p.answered == e.ID {
			return err
		}
	}
}

// begin makes a legacy session, or subscribes a modern client. A mixed one is both, and is told as
// the former.
func (p *peer) begin(l link) error {
	messages, listenID := []string{p.listen()}, listenID
	if !p.modern {
		messages, listenID = p.handshake(), ""
	}
	p.add(Event{Kind: Listening, ID: listenID}) // the requests come later
	for _, one := range messages {
		if l.send(one) != nil {
			return errCut
		}
		if err := p.accepted(l, one); err != nil {
			return err
		}
	}
	return nil
}

// accepted takes the answer to a message of the beginning. What an earlier connection began may
// be told before it.
func (p *peer) accepted(l link, to string) error {
	for {
		text, err := l.recv()
		if err != nil {
			return errCut
		}
		var m wire
		switch err := json.Unmarshal(text, &m); {
		case err != nil || m.Error != nil:
			return fmt.Errorf("cannot go on: %s: %s was answered %s, %w", p.name, to, text, err)
		case m.Method != "notifications/resources/updated":
			return nil
		}
		p.notice(&m, "")
	}
}

func (p *peer) ask(l link, request string, e Event) error {
	p.add(e) // before it is sent: its effect may be seen at once
	p.waiting[e.ID] = true
	err := l.send(request)
	if errors.Is(err, errUnsure) {
		p.add(Event{Kind: Unsure, ID: e.ID})
		delete(p.waiting, e.ID)
		p.told = true // or not: nothing is owed
		return nil
	}
	if err != nil {
		return errCut
	}
	return nil
}

// hear takes messages until enough have come.
func (p *peer) hear(l link, enough func() bool) error {
	for !enough() {
		text, err := l.recv()
		if err != nil {
			return errCut
		}
		if _, err := p.message(text, ""); err != nil {
			return err
		}
	}
	return nil
}
