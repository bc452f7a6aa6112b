package history

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

// visitor is one client of the gateway: it has several requests open at a time, of all kinds and
// for all upstreams, cancels some of them, and answers questions or leaves them.
type visitor struct {
	name    string // also its key
	number  int    // no other visitor has it: its ids are its own
	modern  bool
	calm    bool   // nobody cuts its connections
	web     bool   // each request is a connection of its own
	version string // of a legacy session
	log     *Log
	random  *rand.Rand
	targets []*target
	dial    func() (channel, error)

	conn      int
	sent      int
	open      map[string]*errand // without an outcome, by id
	listening bool
	told      map[string]bool // of a change, by upstreams, since the last append
	counted   map[string]int  // of what happened, for the run's report
}

// target is an upstream as its clients know it.
type target struct {
	name   string
	modern bool // speaks 2026-07-28 with the gateway
	calm   bool // nobody breaks it, so that no call of it may fail
	asks   bool // a question finds its client, whoever else calls
}

// errand is one request.
type errand struct {
	Event
	text    string
	gaveUp  bool
	cancels bool // at its first progress
}

// channel is how messages of one visitor get to the gateway and back.
type channel interface {
	// send sends the request of e, or another message when e is nil.
	send(text string, e *errand) error
	// recv returns what came. errCut: nothing will come any more.
	recv() (got, error)
	// drop gives e up as the transport wants it.
	drop(e *errand) error
	Close() error
}

// got is a message, or the end of the exchange that brings the answer to On.
type got struct {
	text []byte
	on   string // whose exchange it came on; "": all come together
	end  bool
}

func (v *visitor) add(e Event) {
	e.Client = v.name
	if e.Conn == 0 {
		e.Conn = v.conn
	}
	v.log.Add(e)
}

// talk makes operations until enough were sent. A channel that breaks is replaced.
func (v *visitor) talk(operations int) error {
	v.counted = map[string]int{}
	for v.sent < operations {
		v.conn++
		c, err := v.dial()
		if err == nil {
			err = v.session(c, operations)
			_ = c.Close()
		}
		switch {
		case err == nil:
		case v.calm, !errors.Is(err, errCut):
			return fmt.Errorf("%s: %w; open: %s", v.name, err, v.opened())
		case c != nil:
			v.add(Event{Kind: Cut})
		}
	}
	return nil
}

// opened are the requests without an outcome.
func (v *visitor) opened() (list []string) {
	for _, e := range v.open {
		list = append(list, fmt.Sprintf("%s of %s (%s, resumes %v)", e.Op, e.Upstream, e.ID,
			e.Resumes))
	}
	return list
}

// openMax is how many requests a visitor has open.
const openMax = 6

func (v *visitor) session(c channel, operations int) error {
	v.open = map[string]*errand{}
	if err := v.begin(c); err != nil {
		return err
	}
	for v.sent < operations || len(v.open) > 0 {
		for len(v.open) < openMax && v.sent < operations {
			if err := v.start(c, v.errand()); err != nil {
				return err
			}
		}
		if len(v.open) == 0 {
			break // all were cancelled
		}
		if err := v.take(c); err != nil {
			return err
		}
	}
	return v.lastWord(c)
}

// lastWord waits until a calm visitor was told of a change of each calm upstream: whatever came
// behind its answers has been seen then. Another one leaves at once.
func (v *visitor) lastWord(c channel) error {
	if !v.calm {
		v.add(Event{Kind: Deaf})
		return nil
	}
	for !v.listening {
		if err := v.take(c); err != nil {
			return err
		}
	}
	for _, up := range v.targets {
		if !up.calm {
			break
		}
		if err := v.start(c, v.errandOf(up, Append)); err != nil {
			return err
		}
		for len(v.open) > 0 || !v.told[up.name] {
			if err := v.take(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *visitor) errand() *errand {
	up := v.targets[v.random.IntN(len(v.targets))]
	ops := []string{Append, Append, Append, Look, Look, Emit, Wait, Ask}
	op := ops[v.random.IntN(len(ops))]
	if op == Ask && up.calm && !up.modern && v.modern && !v.calm {
		op = Look // the call would be held, for longer than this run has, when the visitor is cut
	}
	return v.errandOf(up, op)
}

func (v *visitor) errandOf(up *target, op string) *errand {
	v.sent++
	e := &errand{Event: Event{
		Kind: Sent, Op: op, Upstream: up.name, Modern: up.modern, Calm: up.calm,
		Value: fmt.Sprintf("%s.%d", v.name, v.sent),
	}}
	n := 0
	switch op {
	case Append:
		v.told[up.name] = false
	case Emit:
		e.Notes = v.random.IntN(30)
		n = e.Notes
	case Wait:
		n = v.random.IntN(20)
		if e.cancels = v.random.IntN(2) == 0; e.cancels {
			n = 5000
		}
	case Ask:
		e.Calm = up.calm && up.asks
	}
	v.write(e, fmt.Sprintf(`{"key":%q,"value":%q,"n":%d}`, v.name, e.Value, n), "")
	return e
}

// write makes the request of e, under an id that no request of any visitor had.
func (v *visitor) write(e *errand, arguments, more string) {
	if v.web {
		v.conn++
	}
	v.number++
	e.Conn, e.ID = v.conn, fmt.Sprint(v.number)
	if v.number%2 == 0 {
		e.ID = fmt.Sprintf(`"%d"`, v.number)
	}
	meta := ""
	if v.modern {
		meta = visitorMeta + ","
	}
	e.text = fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,`+
		`"arguments":%s%s,"_meta":{%s"progressToken":%s}}}`,
		e.ID, e.Upstream+"__"+e.Op, arguments, more, meta, e.ID)
}

// visitorMeta: a visitor has a model.
const visitorMeta = `"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
	`"io.modelcontextprotocol/clientCapabilities":{"sampling":{}}`

func (v *visitor) start(c channel, e *errand) error {
	v.add(e.Event) // before it is sent: its effect may be seen at once
	v.open[e.ID] = e
	if err := c.send(e.text, e); err != nil {
		return err
	}
	if e.cancels && v.random.IntN(3) == 0 {
		return v.cancel(c, e) // before it is known to run
	}
	return nil
}

// cancel gives e up. What still comes of it is seen, and not waited for.
func (v *visitor) cancel(c channel, e *errand) error {
	e.gaveUp = true
	v.counted["cancelled"]++
	v.add(Event{Kind: GaveUp, ID: e.ID})
	delete(v.open, e.ID)
	return c.drop(e)
}

// take takes what comes next.
func (v *visitor) take(c channel) error {
	one, err := c.recv()
	if err != nil {
		return err
	}
	switch {
	case one.on == listening:
		v.listens(true)
	case one.end && one.on == Push:
		v.listens(false)
	case one.end:
		v.exchangeEnds(one.on)
	}
	if one.text == nil {
		return nil
	}
	return v.message(c, one)
}

// listens takes note of the stream of changes, which over HTTP comes and goes beside the requests.
func (v *visitor) listens(now bool) {
	e := Event{Kind: Listening, ID: v.listenID()}
	if v.web {
		e.Conn = -1
	}
	if v.listening = now; !now {
		e.Kind, e.ID, e.Calm = Cut, Push, v.calm
	}
	v.add(e)
}

// exchangeEnds: what was not answered on it will not be.
func (v *visitor) exchangeEnds(on string) {
	if e := v.open[on]; e != nil {
		v.add(Event{Kind: Cut, Conn: e.Conn, Calm: v.calm})
		delete(v.open, on)
	}
}
