package loop

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/mcploop/mcploop/pool"
)

// storm is a server on which every method is called at any time from anywhere.
type storm struct {
	hooks
	g      *Group
	others sync.WaitGroup
}

func (s *storm) meddle(c *Conn) {
	big := make([]byte, 200*kib)
	for range 20 {
		switch rand.IntN(12) {
		case 0:
			c.Pause()
			c.Resume()
		case 1:
			c.Close(nil)
		case 2:
			c.Finish()
		case 3:
			_ = c.Send(big[:rand.IntN(len(big))])
		case 4:
			d := time.Duration(rand.IntN(50)) * time.Millisecond
			_ = c.Loop().Post(func() { c.SetDeadline(d) })
		case 5:
			_ = c.Loop().Post(func() { panic("in a post") })
		case 6:
			_ = c.Peer()
			_ = c.Queued()
		default:
			_ = c.Send(big[:100])
		}
	}
	c.Resume()
}

func (s *storm) begin(c *Conn) {
	s.others.Go(func() { s.meddle(c) })
	switch rand.IntN(20) {
	case 0:
		c.Pause()
	case 1:
		panic("in Open")
	case 2:
		c.SetDeadline(time.Millisecond)
	}
}

func (s *storm) take(c *Conn, buf, out []byte) (int, []byte) {
	n := rand.IntN(len(buf) + 1)
	switch rand.IntN(100) {
	case 0:
		panic("in Data")
	case 1:
		c.Finish()
	case 2:
		c.Close(nil)
	case 3:
		c.Pause()
		s.others.Go(c.Resume)
	case 4:
		out = append(out, make([]byte, 300*kib)...)
	}
	return n, append(out, buf[:n]...)
}

// attack is one client of the storm.
func attack(addr string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	tcp := c.(*net.TCPConn)
	_ = tcp.SetDeadline(time.Now().Add(time.Duration(rand.IntN(100)) * time.Millisecond))
	var reader sync.WaitGroup
	if rand.IntN(2) == 0 {
		reader.Go(func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{tcp}) })
	}
	for range rand.IntN(10) {
		_, _ = tcp.Write(make([]byte, rand.IntN(100*kib)))
	}
	switch rand.IntN(3) {
	case 0:
		_ = tcp.CloseWrite()
		reader.Wait()
	case 1:
		_ = tcp.SetLinger(0)
	}
	_ = tcp.Close()
	reader.Wait()
}

// TestStorm looks for what does not balance after everything happened at once;
// the buffers of the outboxes are poisoned.
func TestStorm(t *testing.T) {
	buffers := pool.NewBytes(0)
	buffers.SetPoison(true)
	g := start(t, Options{
		Loops: 3, Tick: 10 * time.Millisecond, WriteTimeout: 100 * time.Millisecond,
		OutboxHigh: 64 * kib, OutboxLow: 16 * kib, OutboxMax: 300 * kib,
		ConnsMax: 50, RingSlots: 64, CarryMax: 128 * kib, Buffers: buffers,
	})
	s := &storm{g: g}
	s.open, s.data = s.begin, s.take
	addr := serve(t, g, s)
	var clients sync.WaitGroup
	for range 60 {
		clients.Go(func() {
			for range 15 {
				attack(addr)
			}
		})
	}
	for range 100 {
		c, err := g.Dial("tcp", addr, time.Second, &hooks{}, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		s.others.Go(func() { s.meddle(c) })
	}
	clients.Wait()
	// The rest falls to the hard end of the drain, in the middle of everything.
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_ = g.Drain(ctx)
	s.others.Wait()
	if st := g.Stats(); st.Accepted+st.Dialed != st.Closed {
		t.Errorf("got %+v", st)
	}
	if opens, closes := s.opens.Load(), s.closes.Load(); opens > closes {
		t.Errorf("got %d opens and %d closes", opens, closes)
	}
	if st := buffers.Stats(); st.Gets != st.Puts {
		t.Errorf("%d buffers lent, %d given back", st.Gets, st.Puts)
	}
}
