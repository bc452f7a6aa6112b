package gateway

import (
	"context"
	"errors"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
)

// verdict is what the end of a call says about the next one.
type verdict uint8

const (
	verdictGood   verdict = iota // the upstream works: a result, or an error of the caller's making
	verdictNone                  // nothing: it was cancelled, or refused for another reason
	verdictFailed                // no answer in time, or none that can be used
	verdictLost                  // the connection went in the middle of the call
	verdictAway                  // there was no connection to be had, or only a proxy was there
)

// judge says what an answer means for the breakers. Who asks wrongly, too often, or gives up, is no
// failure of the upstream.
func judge(a client.Answer) verdict {
	err := a.Err
	if err == nil { // Fast path.
		return judgeStatus(a.Status, judgeError(a.Error))
	}
	refusal := refusalIn(err)
	switch {
	case refusal != nil:
		return judgeStatus(refusal.Status, verdictNone)
	case errors.Is(err, client.ErrUnreachable):
		return verdictAway
	case errors.Is(err, client.ErrGone):
		return verdictLost
	case errors.Is(err, client.ErrTimeout), errors.Is(err, client.ErrAnswer),
		errors.Is(err, client.ErrTooLarge):
		return verdictFailed
	}
	return verdictNone
}

// refusalIn is the refusal of HTTP in err's chain, or nil.
func refusalIn(err error) *client.HTTPError {
	if err == nil { // Fast path: what errors.As needs is allocated.
		return nil
	}
	var refusal *client.HTTPError
	errors.As(err, &refusal)
	return refusal
}

// judgeProvider judges a call of a Provider: ctx is that of the call, caller that of its client.
// What a provider says of its own failures it says by the errors of package client.
func judgeProvider(ctx, caller context.Context, err error) verdict {
	switch {
	case err == nil:
		return verdictGood
	case errors.Is(context.Cause(caller), context.DeadlineExceeded):
		return verdictFailed
	case caller.Err() != nil:
		return verdictNone
	case errors.Is(context.Cause(ctx), client.ErrTimeout):
		return verdictFailed
	}
	return judge(client.Answer{Err: err})
}

// judgeStatus judges an HTTP status, 0 elsewhere; rest is for those that say nothing.
func judgeStatus(status int, rest verdict) verdict {
	switch {
	case status == 429:
		return verdictNone
	case status == 502, status == 503, status == 504:
		return verdictAway
	case status >= 500, status == 408:
		return verdictFailed
	case status >= 300 && status < 400:
		return verdictFailed // redirects are not followed: nothing that can be used
	}
	return rest
}

// judgeError judges a raw JSON-RPC error, nil for a result. A server that has said that it cannot
// is alive; whether it is well is not known.
func judgeError(raw []byte) verdict {
	if raw == nil {
		return verdictGood
	}
	switch errorCode(raw) {
	case codec.ErrInternal.Code, codec.ErrOverloaded.Code, codec.ErrTimeout.Code,
		codec.ErrUpstream.Code:
		return verdictNone
	}
	return verdictGood
}

// errorCode reads the code of a raw JSON-RPC error; 0 when there is none that can be read.
func errorCode(raw []byte) (code int) {
	_ = eachMember(raw, func(m member) { // the client has scanned it
		if string(m.key) != `"code"` {
			return
		}
		sign, digits := 1, m.value
		if len(digits) > 0 && digits[0] == '-' {
			sign, digits = -1, digits[1:]
		}
		n := 0
		for _, c := range digits {
			if c < '0' || c > '9' || n > 1<<30 {
				return
			}
			n = 10*n + int(c-'0')
		}
		code = sign * n
	})
	return code
}
