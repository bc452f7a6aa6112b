package callers

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/mcploop/mcploop/client"
)

// callMux calls by the async core of package client, as the gateway does.
func callMux(ctx context.Context, o *Options, answers *tally) error {
	c, err := client.Connect(ctx, client.Options{
		URL: o.URL, TLS: o.TLS, Era: client.Modern, HTTPConnsMax: o.Conns,
		InFlightMax: max(64, 2*o.Conns),
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	params := fmt.Appendf(nil, `{"name":%q,"arguments":%s}`, o.Tool, o.Args)
	expect := []byte(o.Expect)
	var flying sync.WaitGroup
	var once sync.Once
	var wrong error // written once, before flying is done
	fail := func(err error) {
		once.Do(func() { wrong = err })
		flying.Done()
	}
	next := func(call *client.Call) {
		if ctx.Err() != nil {
			flying.Done()
		} else if err := c.Mux().Start(call); err != nil {
			fail(err)
		}
	}
	for range o.Conns {
		flying.Add(1)
		next(&client.Call{
			Method: "tools/call", Params: params,
			Done: func(call *client.Call, a client.Answer) {
				switch {
				case a.Err != nil:
					fail(a.Err)
				case !bytes.Contains(a.Result, expect):
					fail(fmt.Errorf("%w: %.200s%.200s", errWrong, a.Result, a.Error))
				default:
					answers.add()
					next(call)
				}
			},
		})
	}
	flying.Wait()
	return wrong
}
