package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mcploop/mcploop/bench/result"
)

// meeting is where workers wait for each other. It ends for all of them when it ends for one.
type meeting struct {
	crew    []*worker
	tell    func(result.Sample) // may be nil
	mu      sync.Mutex          // guards what follows
	met     *sync.Cond
	here    int // workers that wait
	round   int
	off     error // why nobody waits any longer
	seconds [][]result.Sample
}

func newMeeting(crew []*worker) *meeting {
	m := &meeting{crew: crew}
	m.met = sync.NewCond(&m.mu)
	return m
}

// errOff ends workers whose fellow has failed; that one's own error is the one to tell.
var errOff = errors.New("another client process has failed")

// errLate ends workers that hang.
var errLate = errors.New("a client process did not end by itself and was killed")

// all attends to every worker at once and returns when all are done with; the first that fails
// ends all the others.
func (m *meeting) all(attend func(i int, w *worker) error) {
	var all sync.WaitGroup
	for i, w := range m.crew {
		all.Go(func() {
			if attend(i, w) != nil {
				m.breakUp(errOff)
			}
		})
	}
	all.Wait()
}

// cause returns the first error that is not about another worker's.
func cause(errs []error) (err error) {
	for _, e := range errs {
		if e != nil && (err == nil || errors.Is(err, errOff)) {
			err = e
		}
	}
	return err
}

// limit ends workers that do not end by themselves in the planned time. What it returns is for when
// they have.
func (f *Fleet) limit(ctx context.Context, planned time.Duration, m *meeting) (release func()) {
	patience := f.Patience
	if patience == 0 {
		patience = 2 * time.Minute
	}
	late := func() { m.breakUp(errLate) }
	timer := time.AfterFunc(planned+patience, late)
	var mu sync.Mutex // guards timer
	stop := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if timer.Stop() {
			timer = time.AfterFunc(patience, late)
		}
	})
	return func() {
		stop()
		mu.Lock()
		defer mu.Unlock()
		timer.Stop()
	}
}

// attend reads what the worker i reports until its end.
func (m *meeting) attend(i int, w *worker) error {
	for {
		var r report
		if err := w.reports.Decode(&r); err != nil {
			return m.lost(w, err)
		}
		switch {
		case r.Error != "":
			return errors.New(r.Error)
		case r.Load != nil:
			w.load = r.Load
			return nil
		case r.Sample != nil:
			m.sample(*r.Sample)
		case r.Waits:
			if err := m.wait(); err != nil {
				return err
			}
			if _, err := io.WriteString(w.in, "go\n"); err != nil {
				return fmt.Errorf("cannot tell client process %d to go on: %w", i, err)
			}
		}
	}
}

// lost tells why there is nothing more to read from w.
func (m *meeting) lost(w *worker, err error) error {
	broken := !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
	if broken {
		_ = w.child.Kill() // it may go on for ever
	}
	<-w.child.Done
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.off != nil:
		return m.off
	case broken:
		return fmt.Errorf("cannot read what a client process reports: %w", err)
	}
	return w.gone()
}

// gone tells of a worker that ended before its time.
func (w *worker) gone() error {
	<-w.child.Done
	return fmt.Errorf("a client process ended without a result (%s): %s",
		w.child.State(), bytes.TrimSpace(w.said.Bytes()))
}

// wait returns when all workers wait.
func (m *meeting) wait() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	round := m.round
	if m.here++; m.here == len(m.crew) {
		m.here = 0
		m.round++
		m.met.Broadcast()
	}
	for round == m.round && m.off == nil {
		m.met.Wait()
	}
	return m.off
}

// breakUp lets nobody wait any longer, and ends everybody.
func (m *meeting) breakUp(why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.off == nil {
		m.off = why
	}
	m.met.Broadcast()
	for _, w := range m.crew {
		_ = w.child.Kill()
	}
}

// sample tells of a second once every worker has.
func (m *meeting) sample(s result.Sample) {
	if m.tell == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	// Samples of one second differ by less than half a second in their times.
	for i := range m.seconds {
		if d := m.seconds[i][0].At - s.At; d < 0.5 && d > -0.5 {
			m.seconds[i] = append(m.seconds[i], s)
			m.complete(i)
			return
		}
	}
	m.seconds = append(m.seconds, []result.Sample{s})
	m.complete(len(m.seconds) - 1)
}

func (m *meeting) complete(i int) {
	of := m.seconds[i]
	if len(of) < len(m.crew) {
		return
	}
	whole := of[:1]
	for _, s := range of[1:] {
		whole = result.MergeTimelines(whole, []result.Sample{s})
	}
	m.tell(whole[0])
	m.seconds = append(m.seconds[:i], m.seconds[i+1:]...)
}
