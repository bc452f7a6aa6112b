package callers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// callNetHTTP calls by net/http, with a goroutine for each connection, and the same headers and
// body.
func callNetHTTP(ctx context.Context, o *Options, answers *tally) error {
	cfg, err := o.config()
	if err != nil {
		return err
	}
	transport := &http.Transport{
		TLSClientConfig: cfg, MaxIdleConnsPerHost: o.Conns, MaxIdleConns: o.Conns,
		DisableCompression: true,
	}
	defer transport.CloseIdleConnections()
	c := &netCaller{o: o, client: &http.Client{Transport: transport}, answers: answers}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var running sync.WaitGroup
	var wrong error
	var once sync.Once
	for n := range o.Conns {
		running.Go(func() {
			if err := c.run(ctx, n); err != nil {
				once.Do(func() { wrong = err })
				stop(err) // the others end, too
			}
		})
	}
	running.Wait()
	return wrong
}

type netCaller struct {
	o       *Options
	client  *http.Client
	answers *tally
}

// run makes one call after the other until ctx ends.
func (c *netCaller) run(ctx context.Context, n int) error {
	var body, answer bytes.Buffer
	expect := []byte(c.o.Expect)
	for id := n; ctx.Err() == nil; id += c.o.Conns {
		body.Reset()
		fmt.Fprintf(&body, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,`+
			`"arguments":%s,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",`+
			`"io.modelcontextprotocol/clientInfo":{"name":"net/http","version":"0.0.0"},`+
			`"io.modelcontextprotocol/clientCapabilities":{}}}}`, id, c.o.Tool, c.o.Args)
		// Not with ctx: a call that is under way is to be answered.
		req, err := http.NewRequest(http.MethodPost, c.o.URL, bytes.NewReader(body.Bytes()))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		req.Header.Set("Mcp-Protocol-Version", "2026-07-28")
		req.Header.Set("Mcp-Method", "tools/call")
		req.Header.Set("Mcp-Name", c.o.Tool)
		resp, err := c.client.Do(req)
		if err != nil {
			return err
		}
		answer.Reset()
		_, err = io.Copy(&answer, resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return err
		}
		own := strconv.AppendInt([]byte(`"id":`), int64(id), 10)
		if !bytes.Contains(answer.Bytes(), expect) || !bytes.Contains(answer.Bytes(), own) {
			return fmt.Errorf("%w: %.200s", errWrong, &answer)
		}
		c.answers.add()
	}
	return nil
}
