// Hot path: no allocation, no lock, no log.

package load

import (
	"bytes"
	"encoding/json"
	"fmt"

	"golang.org/x/sys/unix"
)

// consume handles the whole replies of data and returns how much that was.
func (e *engine) consume(c *conn, data []byte) int {
	used := 0
	for c.phase != phaseClosed && c.phase != phaseConnecting {
		if c.phase == phaseOpening || c.phase == phaseStream {
			return used + e.scan(c, data[used:])
		}
		rep, n, err := e.cut(c, data[used:])
		if err != nil {
			e.fail(c, err)
			break
		}
		if n == 0 {
			break
		}
		used += n
		e.take(c, &rep)
	}
	return used
}

// cut returns the first reply of buf and its length, 0 when its end has not come.
func (e *engine) cut(c *conn, buf []byte) (reply, int, error) {
	if len(buf) == 0 {
		return reply{}, 0, nil
	}
	if e.opt.http() {
		return c.answers.next(buf)
	}
	if e.opt.Transport == TransportWS {
		return cutFrame(buf)
	}
	i := bytes.IndexByte(buf, '\n')
	if i < 0 {
		return reply{}, 0, nil
	}
	return reply{status: 200, body: buf[:i]}, i + 1, nil
}

func (e *engine) take(c *conn, rep *reply) {
	switch rep.control {
	case wsPing:
		e.out = append(e.out, wsMessage(wsPong, rep.body)...)
		return
	case wsPong:
		return
	case wsClose:
		e.drop(c, fmt.Errorf("server closed the WebSocket: %q", rep.body))
		return
	}
	switch c.phase {
	case phaseCalling:
		e.answer(c, rep)
	case phaseHello:
		e.welcome(c, rep)
	case phaseReady:
		if rep.status/100 != 2 {
			e.fail(c, fmt.Errorf("notifications/initialized was answered with %d", rep.status))
			return
		}
		e.greeted(c)
	case phaseWaiting:
		e.counts.Notices++
	case phaseConnecting, phaseClosed, phaseOpening, phaseStream:
	}
	if rep.closes && !c.spent() && c.phase != phaseClosed && c.phase != phaseConnecting {
		e.drop(c, fmt.Errorf("server closes after status %d: %s", rep.status, clip(rep.body)))
	}
}

// answer judges a reply to a call, counts it and sends the next call in its place.
func (e *engine) answer(c *conn, rep *reply) {
	v, n, err := e.check.judge(c, rep)
	e.counts.Notices += e.check.others
	if v == notice && e.inOrder {
		v, err = mismatch, fmt.Errorf("response holds no answer: %s", clip(rep.body))
	}
	if v == notice {
		e.counts.Notices++
		return
	}
	if err == nil && e.inOrder && n != c.turn {
		err = fmt.Errorf("answers are out of order: %s", clip(rep.body))
	}
	s := &c.slots[n]
	if err == nil && !s.busy {
		err = fmt.Errorf("nothing was asked: %s", clip(rep.body))
	}
	if err != nil {
		e.fail(c, err)
		return
	}
	if e.heard != nil {
		e.heard(c, s, *rep)
	}
	if v == refused {
		if e.counts.Refused++; e.firstRefusal == 0 {
			e.firstRefusal = e.now
		}
		e.hists.refusal.Record(e.now - s.due)
	} else {
		e.counts.Calls++
		e.counts.Bytes += uint64(len(rep.body))
		e.hists.call.Record(e.now - s.due)
		e.line.hist.Record(e.now - s.due)
		if len(e.hists.byKind) > 0 {
			e.hists.byKind[s.kind].Record(e.now - s.due)
		}
	}
	c.release(n, e.inOrder)
	e.pending--
	if e.plan.open() {
		e.catchUp(c)
	} else {
		e.call(c, e.now)
	}
}

// used ends the life of a connection that got all its answers, or lets it rest.
func (e *engine) used(c *conn) {
	if e.opt.Lives == 0 || e.closing {
		e.idle++
		return
	}
	e.hists.life.Record(e.now - c.born)
	e.shut(c)
	e.counts.Reconnects++
	if err := e.dial(c); err != nil {
		e.drop(c, err)
	}
}

// welcome checks the answer to initialize and ends the handshake.
func (e *engine) welcome(c *conn, rep *reply) {
	body := rep.body
	if rep.stream {
		eachEvent(rep.body, func(data []byte) { body = data })
	}
	var a struct {
		Method string          `json:"method"`
		ID     json.RawMessage `json:"id"`
		Result struct {
			Version string `json:"protocolVersion"`
		} `json:"result"`
	}
	err := json.Unmarshal(body, &a)
	if err == nil && a.Method != "" && a.ID == nil {
		e.counts.Notices++
		return
	}
	if err != nil || rep.status != 200 || string(a.ID) != "1" || a.Result.Version == "" {
		e.fail(c, fmt.Errorf("initialize was answered with %d: %s", rep.status, clip(body)))
		return
	}
	if e.hello != nil {
		e.hello(body)
	}
	if rep.session != "" {
		c.session = rep.session
		c.hs = e.wire.headsFor(rep.session)
	}
	e.out = append(e.out, e.wire.ready(rep.session)...)
	if e.opt.http() {
		c.phase = phaseReady
		return
	}
	e.greeted(c)
}

// fail ends a connection whose reply was wrong.
func (e *engine) fail(c *conn, err error) {
	e.counts.Mismatches++
	e.end(c, err)
}

// drop ends a connection that the server or the kernel ended.
func (e *engine) drop(c *conn, err error) {
	e.counts.Closed++
	e.end(c, err)
}

func (e *engine) end(c *conn, err error) {
	if e.fault == nil {
		e.fault = fmt.Errorf("connection %s: %w", c.number.conn[:], err)
		e.firstFault = e.now
	}
	e.shut(c)
}

func (e *engine) shut(c *conn) {
	if c.phase == phaseClosed {
		return
	}
	switch c.phase {
	case phaseWaiting, phaseCalling, phaseStream:
		e.ready--
	case phaseHello, phaseReady, phaseOpening:
		e.lost++
	case phaseConnecting, phaseClosed:
	}
	c.phase = phaseClosed
	e.open--
	e.lost += c.pending
	e.pending -= c.pending
	c.pending = 0
	unix.Close(c.rfd)
	if c.wfd != c.rfd {
		unix.Close(c.wfd)
	}
}

// closeConns closes every connection; the engine can be used for more.
func (e *engine) closeConns() {
	for i := range e.conns {
		e.shut(&e.conns[i])
	}
}

// close closes every connection and the poller.
func (e *engine) close() {
	e.closeConns()
	unix.Close(e.ep)
}
