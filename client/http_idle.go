package client

import (
	"slices"
	"time"

	"github.com/mcploop/mcploop/loop"
)

// takeIdle returns a connection for j that waits for work: one on j's own loop, so that no other
// loop need be woken, or, when no more may be opened, any. mu is held.
func (p *httpPool) takeIdle(j *job) *httpConn {
	if p.idles == 0 {
		return nil
	}
	if j.near != nil {
		if h := p.popIdle(j.near.Index()); h != nil || len(p.conns) < p.max {
			return h
		}
	}
	for at := range p.idle {
		if h := p.popIdle(at); h != nil {
			return h
		}
	}
	return nil
}

// popIdle returns the connection of a loop that was used last, nil without any. mu is held.
func (p *httpPool) popIdle(at int) *httpConn {
	last := len(p.idle[at]) - 1
	if last < 0 {
		return nil
	}
	h := p.idle[at][last]
	p.idle[at][last] = nil
	p.idle[at] = p.idle[at][:last]
	p.idles--
	return h
}

// sweep ends the connections that no call used since the sweep before.
func (p *httpPool) sweep() {
	p.mu.Lock()
	var old []*httpConn
	for at := range p.idle {
		p.idle[at] = slices.DeleteFunc(p.idle[at], func(h *httpConn) bool {
			if h.swept {
				h.doomed = true
				old = append(old, h)
				return true
			}
			h.swept = true
			return false
		})
	}
	p.idles -= len(old)
	p.sweeper = nil
	if p.idles > 0 && !p.closed {
		p.sweeper = time.AfterFunc(p.m.opt.IdleTimeout/2, p.sweep)
	}
	p.mu.Unlock()
	for _, h := range old {
		h.conn.Close(nil)
	}
}

// answered takes note that the call of h's stream was answered. True: h must end, as calls wait for
// a connection and nothing more is wanted of this one.
func (p *httpPool) answered(h *httpConn) (end bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.doomed || slices.Contains(p.done, h) {
		return false
	}
	if p.queue.head != nil {
		h.doomed = true
		return true
	}
	p.done = append(p.done, h)
	return false
}

// retireDone takes a connection out whose call was answered; nil without any. The caller closes it,
// behind mu, which is held.
func (p *httpPool) retireDone() *loop.Conn {
	if len(p.done) == 0 {
		return nil
	}
	h := p.done[0]
	h.job, h.doomed = nil, true
	p.remove(h)
	return h.conn
}

// undone forgets that h's call was answered. mu is held.
func (p *httpPool) undone(h *httpConn) {
	if i := slices.Index(p.done, h); i >= 0 {
		p.done = slices.Delete(p.done, i, i+1)
	}
}
