package client

import (
	"errors"
	"testing"
)

// TestLentWhileItIsSent: a request's bytes are given back once, and by nobody while another one may
// still send them: the server may answer, or refuse its token, before it has read them.
func TestLentWhileItIsSent(t *testing.T) {
	opt := Options{}.withDefaults()
	m := newMux(&opt, nil)
	p := &httpPool{m: m, closed: true}
	line := &tokenLine{bytes: []byte("Authorization: Bearer one\r\n")}
	accepted := func(j *job) { p.accepted(j) }
	sent := func(j *job) { p.sent(j) }
	ended := func(j *job) { m.letGo(j) } // the exchange
	refused := func(j *job) {
		if err := p.sendAgain(j, line); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want a pool that is closed", err)
		}
	}
	type step struct {
		does func(*job)
		lent int // then
	}
	for name, steps := range map[string][]step{
		"sent, answered":           {{sent, 1}, {accepted, 0}, {ended, 0}},
		"answered, sent":           {{accepted, 1}, {ended, 1}, {sent, 0}},
		"answered, sent, ended":    {{accepted, 1}, {sent, 1}, {ended, 0}},
		"sent, refused, answered":  {{sent, 1}, {refused, 1}, {accepted, 0}, {ended, 0}},
		"refused, sent, answered":  {{refused, 1}, {sent, 1}, {accepted, 0}, {ended, 0}},
		"refused, answered, sent":  {{refused, 1}, {accepted, 1}, {ended, 1}, {sent, 0}},
		"refused twice, then sent": {{refused, 1}, {refused, 1}, {sent, 1}, {ended, 0}},
	} {
		before := m.requests.Stats()
		j := m.newJob()
		j.large, j.authorized, j.token, j.lent = true, true, line, m.requests.Get()
		j.lent.B = append(append(j.lent.B, line.bytes...), "\r\n"...)
		j.request = j.lent.B
		j.take()
		for i, s := range steps {
			s.does(j)
			now := m.requests.Stats()
			lent := int(now.Gets-before.Gets) - int(now.Puts-before.Puts)
			if lent != s.lent {
				t.Errorf("%s: %d are lent after step %d, want %d", name, lent, i, s.lent)
			}
		}
	}
}
