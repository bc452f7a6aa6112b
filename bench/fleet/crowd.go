package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mcploop/mcploop/bench/load"
)

// Crowd is a load.Crowd in several client processes, which all do what they are told and have done
// it before they are told more. It is not safe for concurrent use.
type Crowd struct {
	crew []*worker
	// limit ends workers that take longer than planned, or go on when the crowd is interrupted.
	limit       func(planned time.Duration, m *meeting) (release func())
	interrupted func() error
}

// Orders whose time is not a part of them may take as long: a handshake of each connection takes a
// minute at most, calls as long in each wave.
const (
	greetTime = time.Minute
	callTime  = 10 * time.Minute
)

// order is a line to a worker with a crowd. One of its members is set.
type order struct {
	Greet  bool          `json:"greet,omitempty"`
	Resize int           `json:"resize,omitempty"`
	Call   int           `json:"call,omitempty"`
	Hold   time.Duration `json:"hold,omitempty"`
	Await  time.Duration `json:"await,omitempty"`
}

// Gather opens the connections, as load.Gather does. Close ends the processes.
func (f *Fleet) Gather(ctx context.Context, opt load.Options) (*Crowd, error) {
	c := &Crowd{interrupted: ctx.Err}
	c.limit = func(planned time.Duration, m *meeting) func() { return f.limit(ctx, planned, m) }
	shares := f.split(opt)
	for i := range shares {
		w, err := f.start(ctx, &task{Load: shares[i], Crowd: true})
		if err != nil {
			c.Close()
			return nil, err
		}
		c.crew = append(c.crew, w)
	}
	if _, err := c.await(greetTime); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Greet does what load.Crowd.Greet does, in all processes at once, and returns what the whole crowd
// has seen so far, as the methods below do.
func (c *Crowd) Greet() (load.State, error) { return c.tell(order{Greet: true}, greetTime) }

// Resize is load.Crowd.Resize in all processes.
func (c *Crowd) Resize(bytes int) (load.State, error) { return c.tell(order{Resize: bytes}, 0) }

// Call is load.Crowd.Call in all processes.
func (c *Crowd) Call(n int) (load.State, error) { return c.tell(order{Call: n}, callTime) }

// Hold is load.Crowd.Hold in all processes.
func (c *Crowd) Hold(d time.Duration) (load.State, error) { return c.tell(order{Hold: d}, d) }

// Close ends the processes, which closes all connections.
func (c *Crowd) Close() {
	for _, w := range c.crew {
		w.end()
	}
}

// Await is load.Crowd.Await in all processes. Between it and what the listeners will be told of
// comes begin, which is called when every process has its order. When it fails the crowd is of no
// more use than to be closed.
func (c *Crowd) Await(d time.Duration, begin func() error) (load.State, error) {
	if err := c.order(order{Await: d}); err != nil {
		return load.State{}, err
	}
	if err := begin(); err != nil {
		return load.State{}, err
	}
	return c.await(d)
}

// tell gives an order to everybody and waits until it was carried out.
func (c *Crowd) tell(o order, planned time.Duration) (load.State, error) {
	if err := c.order(o); err != nil {
		return load.State{}, err
	}
	return c.await(planned)
}

func (c *Crowd) order(o order) error {
	line, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("cannot encode an order: %w", err)
	}
	for i, w := range c.crew {
		if _, err := w.in.Write(append(line, '\n')); err != nil {
			_ = w.child.Kill() // one that listens no more is of no use
			return errors.Join(c.interrupted(),
				fmt.Errorf("cannot tell client process %d: %w: %w", i, err, w.gone()))
		}
	}
	return nil
}

// await waits until all have reported and adds up what they saw. The first that fails ends all.
func (c *Crowd) await(planned time.Duration) (sum load.State, err error) {
	m := newMeeting(c.crew)
	defer c.limit(planned, m)()
	states := make([]load.State, len(c.crew))
	errs := make([]error, len(c.crew))
	m.all(func(i int, w *worker) error {
		states[i], errs[i] = m.state(w)
		return errs[i]
	})
	for _, s := range states {
		sum.Open, sum.Calls = sum.Open+s.Open, sum.Calls+s.Calls
		sum.Notices += s.Notices
		if s.Last.After(sum.Last) {
			sum.Last = s.Last
		}
	}
	if err := cause(errs); err != nil {
		return sum, errors.Join(c.interrupted(), err)
	}
	return sum, nil
}

// state reads the report of a worker that has carried out its order.
func (m *meeting) state(w *worker) (load.State, error) {
	var r report
	if err := w.reports.Decode(&r); err != nil {
		return load.State{}, m.lost(w, err)
	}
	switch {
	case r.Error != "":
		return load.State{}, errors.New(r.Error)
	case r.State == nil:
		return load.State{}, errors.New("cannot read a report without a state")
	}
	return *r.State, nil
}

// keep holds a crowd in a worker and carries out the orders that lines bring, until they end.
func keep(ctx context.Context, o load.Options, lines *bufio.Reader, reports *json.Encoder) error {
	c, err := load.Gather(ctx, o)
	if err != nil {
		return reports.Encode(report{Error: err.Error()})
	}
	defer c.Close()
	for {
		state := c.State()
		if err := reports.Encode(report{State: &state}); err != nil {
			return err
		}
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read an order: %w", err)
		}
		if err := obey(c, line); err != nil {
			return reports.Encode(report{Error: err.Error()})
		}
	}
}

func obey(c *load.Crowd, line []byte) error {
	var o order
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("cannot read the order %q: %w", line, err)
	}
	switch {
	case o.Greet:
		return c.Greet()
	case o.Resize > 0:
		return c.Resize(o.Resize)
	case o.Call > 0:
		return c.Call(o.Call)
	case o.Await > 0:
		return c.Await(o.Await)
	}
	return c.Hold(o.Hold)
}
