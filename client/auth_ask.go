package client

import (
	"context"
	"errors"
	"slices"
	"time"
)

// tokenWaiter is somebody who needs another token than line.
type tokenWaiter struct {
	line      *tokenLine
	status    int // of the refusal; 0: nobody has refused it
	challenge string
	// done gets the line to send, or why there is none. It runs on any goroutine, loops included,
	// and must not block.
	done func(*tokenLine, error)
}

// same: the answer to one is that to the other.
func (w *tokenWaiter) same(o *tokenWaiter) bool {
	return w.line == o.line && w.status == o.status && w.challenge == o.challenge
}

// Bounds of the pause after a failure, and of the time to a renewal.
const (
	tokenPauseMin = time.Second
	tokenPauseMax = time.Minute
	tokenAskMin   = time.Second

	tokenReplacedMax = 10 // refused tokens in tokenPauseMax
)

var (
	errSameToken  = errors.New("client: the source of tokens has no other one")
	errRefusesAll = errors.New("client: server refuses one token after the other")
)

// want has w.done called when there is another line than w.line: at once when there is one, else
// when the source has answered. Who asks what it has just failed to answer is told so.
func (t *Tokens) want(w tokenWaiter) {
	if w.status != 0 {
		t.refusals.Add(1)
	}
	t.mu.Lock()
	line, err := t.line.Load(), t.life.Err()
	f := &t.failed
	switch {
	case err != nil:
		err = ErrClosed
	case line != w.line:
	case f.err != nil && f.line == w.line && f.challenge == w.challenge &&
		time.Now().Before(f.until):
		err = f.err
	default:
		t.waiting = append(t.waiting, w)
		if !t.asking {
			t.asking = true
			go t.ask()
		}
		t.mu.Unlock()
		return
	}
	t.mu.Unlock()
	w.done(line, err)
}

// await is want for who may wait.
func (t *Tokens) await(ctx context.Context, w tokenWaiter) error {
	ended := make(chan error, 1)
	w.done = func(_ *tokenLine, err error) { ended <- err }
	t.want(w)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ask asks the source until nobody waits. There is one goroutine of it at a time.
func (t *Tokens) ask() {
	for {
		t.mu.Lock()
		if len(t.waiting) == 0 {
			t.asking = false
			if t.ended != nil {
				close(t.ended)
			}
			t.mu.Unlock()
			return
		}
		w := t.waiting[0]
		t.mu.Unlock()
		line, err := t.replace(&w)
		t.mu.Lock()
		var told []tokenWaiter
		t.waiting = slices.DeleteFunc(t.waiting, func(other tokenWaiter) bool {
			if !w.same(&other) {
				return false
			}
			told = append(told, other)
			return true
		})
		t.mu.Unlock()
		for _, other := range told {
			other.done(line, err)
		}
	}
}

// replace asks the source for another line than that of w.
func (t *Tokens) replace(w *tokenWaiter) (*tokenLine, error) {
	if line := t.line.Load(); line != w.line {
		return line, nil
	}
	err := t.meter(w)
	if err == nil && w.status != 0 {
		err = t.src.Refused(t.life, w.status, w.challenge)
	}
	var renew time.Time
	if err == nil {
		renew, err = t.take()
	}
	line := t.line.Load()
	if err == nil && line == w.line && w.status != 0 {
		err = errSameToken
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.failures.Add(1)
		t.fails(w, err)
		return nil, err
	}
	t.failed = tokenFailure{}
	t.renewAt(renew)
	return line, nil
}

// meter bounds how often the token is replaced as the server refuses it: one that refuses all of
// them shall not have this client ask for another one with each request.
func (t *Tokens) meter(w *tokenWaiter) error {
	if w.status == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if now.Sub(t.since) > tokenPauseMax {
		t.since, t.replaced = now, 0
	}
	if t.replaced++; t.replaced > tokenReplacedMax {
		return errRefusesAll
	}
	return nil
}

// take asks for the token and puts it in the place of the one before, unless it is the same.
func (t *Tokens) take() (renew time.Time, err error) {
	value, renew, err := t.src.Token(t.life)
	if err != nil {
		return renew, err
	}
	next, err := newTokenLine(value)
	if err != nil {
		return renew, err
	}
	last := t.line.Load()
	if last.bytes != nil && string(last.bytes) == string(next.bytes) {
		return renew, nil
	}
	t.line.Store(next)
	if len(last.bytes) > 0 {
		t.renewed.Add(1)
	}
	return renew, nil
}

// fails takes note of a failure, and has the source asked again after a pause if there is a token
// that is going to end. mu is held.
func (t *Tokens) fails(w *tokenWaiter, err error) {
	pause := min(max(2*t.failed.pause, tokenPauseMin), tokenPauseMax)
	t.failed = tokenFailure{
		line: w.line, challenge: w.challenge, err: err, pause: pause,
		until: time.Now().Add(pause),
	}
	if w.status == 0 && t.timer != nil {
		t.renewAt(t.failed.until)
	}
}

// renewAt has the token renewed then. mu is held.
func (t *Tokens) renewAt(at time.Time) {
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	if at.IsZero() || t.life.Err() != nil {
		return
	}
	t.timer = time.AfterFunc(max(time.Until(at), tokenAskMin), func() {
		t.want(tokenWaiter{line: t.line.Load(), done: func(*tokenLine, error) {}})
	})
}
