package fleet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mcploop/mcploop/bench/load"
)

// Crowd is a load.Crowd in several client processes, which all do what they are told and have done
// it before they are told more. It is not safe for concurrent use.
type Crowd struct {
	crew []*worker
}

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
	c := &Crowd{}
	shares := f.split(opt)
	for i := range shares {
		w, err := f.start(ctx, &task{Load: shares[i], Crowd: true})
		if err != nil {
			c.Close()
			return nil, err
		}
		c.crew = append(c.crew, w)
	}
	if _, err := c.await(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Greet does what load.Crowd.Greet does, in all processes at once, and returns what the whole crowd
// has seen so far, as the methods below do.
func (c *Crowd) Greet() (load.State, error) { return c.tell(order{Greet: true}) }

// Resize is load.Crowd.Resize in all processes.
func (c *Crowd) Resize(bytes int) (load.State, error) { return c.tell(order{Resize: bytes}) }

// Call is load.Crowd.Call in all processes.
func (c *Crowd) Call(n int) (load.State, error) { return c.tell(order{Call: n}) }

// Hold is load.Crowd.Hold in all processes.
func (c *Crowd) Hold(d time.Duration) (load.State, error) { return c.tell(order{Hold: d}) }

// Close ends the processes, which closes all connections.
func (c *Crowd) Close() {
	for _, w := range c.crew {
		_ = w.in.Close() // tells it to end
		w.child.Stop()
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
	return c.await()
}

// tell gives an order to everybody and waits until it was carried out.
func (c *Crowd) tell(o order) (load.State, error) {
	if err := c.order(o); err != nil {
		return load.State{}, err
	}
	return c.await()
}

func (c *Crowd) order(o order) error {
	line, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("cannot encode an order: %w", err)
	}
	for i, w := range c.crew {
		if _, err := w.in.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("cannot tell client process %d: %w", i, err)
		}
	}
	return nil
}

// await waits until all have reported and adds up what they saw.
func (c *Crowd) await() (sum load.State, err error) {
	states := make([]load.State, len(c.crew))
	errs := make([]error, len(c.crew))
	var all sync.WaitGroup
	for i, w := range c.crew {
		all.Go(func() { states[i], errs[i] = w.state() })
	}
	all.Wait()
	for _, s := range states {
		sum.Open, sum.Calls = sum.Open+s.Open, sum.Calls+s.Calls
		sum.Notices += s.Notices
		if s.Last.After(sum.Last) {
			sum.Last = s.Last
		}
	}
	return sum, errors.Join(errs...)
}

// state reads the report of a worker that has carried out its order.
func (w *worker) state() (load.State, error) {
	var r report
	if err := w.reports.Decode(&r); err != nil {
		return load.State{}, w.gone()
	}
	switch {
	case r.Error != "":
		return load.State{}, errors.New(r.Error)
	case r.State == nil:
		return load.State{}, errors.New("cannot read a report without a state")
	}
	return *r.State, nil
}

// gone tells of a worker that ended before its time.
func (w *worker) gone() error {
	<-w.child.Done
	return fmt.Errorf("a client process ended without a result (%s): %s",
		w.child.State(), bytes.TrimSpace(w.said.Bytes()))
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
