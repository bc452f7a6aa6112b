package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// Heard is what a server answered to a call of Ask. An answer that refuses the call is one, too.
type Heard struct {
	Text    string // what stood for {text} in the call
	Status  int    // of HTTP; 200 elsewhere
	Message []byte // JSON-RPC, or whatever came in its place
}

// Ask makes one call of each of opt.Method, one after the other, on one connection, and returns
// what the server answered, right or wrong, and its answer to initialize, which is empty where
// there is no such handshake. It is for those who have to find out what a server
// can; opt.Expect, Rate, Span and what belongs to them mean nothing here.
func Ask(ctx context.Context, opt Options) (hello []byte, heard []Heard, err error) {
	opt.Conns, opt.Depth, opt.Rate, opt.Lives, opt.Ramp, opt.Expect = 1, 1, 0, 0, 0, textBlank
	if err := opt.Validate(); err != nil {
		return nil, nil, err
	}
	e, err := newEngine(&opt, len(opt.Method))
	if err != nil {
		return nil, nil, err
	}
	defer e.close()
	text := newFrame(e.wire.expect)
	e.check.expect = frame{} // any will do
	e.hello = func(body []byte) { hello = bytes.Clone(body) }
	e.heard = func(c *conn, s *slot, rep reply) {
		heard = append(heard, Heard{
			Text: string(text.fill(&c.number, &s.text)), Status: rep.status,
			Message: messageOf(&rep),
		})
	}
	defer context.AfterFunc(ctx, func() { e.stopped.Store(true) })()
	server, err := e.startStdio()
	if err != nil {
		return nil, nil, err
	}
	if server != nil {
		defer server.Stop()
	}
	if err := e.connectAll(); err != nil {
		return nil, nil, errors.Join(ctx.Err(), err)
	}
	e.beginAll()
	_, err = e.until(time.Now().Add(opt.Patience), func() bool { return e.idle == 1 })
	if err == nil && len(heard) < len(opt.Method) {
		err = errors.Join(ctx.Err(), fmt.Errorf("no answer to %s (waited %v at most), "+
			"first fault: %w", opt.Method[len(heard)], opt.Patience, orNone(e.fault)))
	}
	return hello, heard, err
}

// messageOf returns the message of a reply, of an event stream the last one.
func messageOf(rep *reply) []byte {
	message := rep.body
	if rep.stream {
		eachEvent(rep.body, func(data []byte) { message = data })
	}
	return bytes.Clone(message)
}
