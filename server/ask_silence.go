package server

import "github.com/mcploop/mcploop/codec"

// A client that has ended its input still gets its answers, but it cannot give any: what it was
// asked, or would be, ends the call at once. Else that would wait for its time, and with it the
// connection, the process over stdio, and what the call holds elsewhere.

// silence says that nobody answers any more, and returns the calls that wait for an answer.
func (a *asks) silence() (calls []*Call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.silent = true
	for _, one := range a.open {
		calls = append(calls, one.call)
	}
	return calls
}

func (a *asks) isSilent() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.silent
}

// fallSilent is called when the client on a line will send nothing more.
func (p *peer) fallSilent() {
	for _, c := range p.asks.silence() {
		if c.task() == nil { // which another session may answer
			c.failFor(ErrDisconnected, errSilent(), nil)
		}
	}
}

func errSilent() *codec.Error {
	return codec.ErrInternal.With("the client has ended its input, and cannot be asked any more")
}
