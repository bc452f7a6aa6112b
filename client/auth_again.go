package client

import (
	"context"
	"errors"

	"github.com/mcploop/mcploop/codec"
)

// refusalsMax is how often one request is sent again that was refused for its token: once with a
// valid one, once with one of more scope.
const refusalsMax = 2

// refused has j sent again with another token, if that is what its answer asks for. It then
// answers j's call in any case.
func (p *httpPool) refused(j *job, head *codec.Response, body []byte) bool {
	if !j.authorized || head.Status != 401 && head.Status != 403 || j.refusals >= refusalsMax {
		return false
	}
	why := refusal(head, body)
	if !wantsToken(why.Status, why.Challenge) {
		return false
	}
	j.refusals++
	p.m.opt.Tokens.want(tokenWaiter{
		line: j.token, status: why.Status, challenge: why.Challenge,
		done: func(line *tokenLine, err error) {
			if err == nil {
				err = p.sendAgain(j, line)
			}
			if err != nil {
				p.answer(j, noToken(why, err))
			}
		},
	})
	return true
}

// sendAgain sends j with another line in the place of its token.
func (p *httpPool) sendAgain(j *job, line *tokenLine) error {
	p.mu.Lock()
	rest := j.request[j.tokenAt+len(j.token.bytes):]
	request := make([]byte, 0, len(j.request)+len(line.bytes))
	request = append(append(append(request, j.request[:j.tokenAt]...), line.bytes...), rest...)
	j.request, j.token, j.conn = request, line, nil // lent may be on its way for all that
	j.repeated, j.tries = false, 0
	p.mu.Unlock()
	return p.submit(j)
}

// dialAuthorized dials what begins with a request that may be refused for its token, and dials
// again with another one.
func (m *Mux) dialAuthorized(ctx context.Context, dial func() error) error {
	for tries := 0; ; tries++ {
		line := m.opt.Tokens.now(nil)
		err := dial()
		var why *HTTPError
		if line == nil || tries == refusalsMax || !errors.As(err, &why) ||
			!wantsToken(why.Status, why.Challenge) {
			return err
		}
		fault := m.opt.Tokens.await(ctx, tokenWaiter{
			line: line, status: why.Status, challenge: why.Challenge,
		})
		if fault != nil {
			return noToken(err, fault)
		}
		m.table.reopen()
	}
}
