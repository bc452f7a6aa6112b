package client_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/mcploop/mcploop/client"
)

// oversizePeer is a server whose answers are too large for its client.
type oversizePeer struct {
	request func() (id string) // of the next call
	large   func(before string, size int, after string)
	small   func(message string)
}

// oversizeLimit is what clients of such servers take, in bytes.
const oversizeLimit = 64 << 10

// writeText writes size bytes of text.
func writeText(w io.Writer, size int) {
	text := bytes.Repeat([]byte("x"), 32<<10)
	for size > 0 {
		n := min(size, len(text))
		if _, err := w.Write(text[:n]); err != nil {
			return
		}
		size -= n
	}
}

// largeWS sends large messages in one frame, or in several with a ping between them.
func largeWS(t *testing.T, fragments bool, play func(p oversizePeer)) (url string) {
	return rawWS(t, func(p *wsPeer) {
		header := func(op ws.OpCode, fin bool, size int) {
			_ = ws.WriteHeader(p, ws.Header{Fin: fin, OpCode: op, Length: int64(size)})
		}
		pings := 0
		play(oversizePeer{
			request: p.request,
			small:   p.text,
			large: func(before string, size int, after string) {
				if !fragments {
					header(ws.OpText, true, len(before)+size+len(after))
					_, _ = io.WriteString(p, before)
					writeText(p, size)
					_, _ = io.WriteString(p, after)
					return
				}
				p.frame(ws.OpText, false, before)
				header(ws.OpContinuation, false, size)
				writeText(p, size)
				p.frame(ws.OpPing, true, "?")
				pings++
				p.frame(ws.OpContinuation, true, after)
			},
		})
		p.closeCode()
		if p.pongs != pings {
			t.Errorf("%d of %d pings were answered", p.pongs, pings)
		}
	})
}

// largeSSE sends large messages in one line of data, or in several.
func largeSSE(t *testing.T, lines bool, play func(p oversizePeer)) (url string) {
	s := rawSSE(t, endpointEvent, takes)
	cut := ""
	if lines {
		cut = "\ndata: "
	}
	go func() {
		stream := <-s.stream
		play(oversizePeer{
			request: func() string {
				post, ok := <-s.posts
				if !ok {
					return ""
				}
				return post.id
			},
			small: func(message string) { fmt.Fprintf(stream, "data: %s\n\n", message) },
			large: func(before string, size int, after string) {
				before = strings.Replace(before, ",", ","+cut, 1)
				fmt.Fprint(stream, "event: message\ndata: ", before)
				writeText(stream, size)
				fmt.Fprint(stream, strings.Replace(after, ",", cut+",", 1), "\n\n")
			},
		})
	}()
	return s.url
}

// eachOversize runs f for each wire and way on which a large message can come.
func eachOversize(t *testing.T, play func(p oversizePeer), f func(t *testing.T, c *client.Client)) {
	for name, serve := range map[string]func(*testing.T, func(oversizePeer)) string{
		"ws": func(t *testing.T, play func(oversizePeer)) string {
			return largeWS(t, false, play)
		},
		"ws in fragments": func(t *testing.T, play func(oversizePeer)) string {
			return largeWS(t, true, play)
		},
		"sse": func(t *testing.T, play func(oversizePeer)) string {
			return largeSSE(t, false, play)
		},
		"sse in lines": func(t *testing.T, play func(oversizePeer)) string {
			return largeSSE(t, true, play)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f(t, connect(t, client.Options{
				URL: serve(t, play), MessageBytesMax: oversizeLimit, CloseGrace: patience,
			}))
		})
	}
}

// TestOversizeOnASharedWire: an answer that is too large fails its call alone, wherever its id
// stands; the others on the connection get theirs, and so does the next call.
func TestOversizeOnASharedWire(t *testing.T) {
	const size = 4 * oversizeLimit
	arrived := make(chan struct{})
	eachOversize(t, func(p oversizePeer) {
		for _, inFront := range []bool{true, false} {
			large := p.request()
			arrived <- struct{}{}
			other := p.request()
			if inFront {
				p.large(`{"jsonrpc":"2.0","id":`+large+`,"result":{"x":"`, size, `"},"y":1}`)
			} else {
				p.large(`{"jsonrpc":"2.0","result":{"x":"`, size, `"},"id":`+large+`}`)
			}
			p.large(`{"jsonrpc":"2.0","method":"notifications/message","params":{"x":"`, size,
				`"},"id":`+other+`}`)
			p.small(`{"jsonrpc":"2.0","id":` + other + `,"result":{"n":2}}`)
			p.small(`{"jsonrpc":"2.0","id":` + p.request() + `,"result":{"n":3}}`)
		}
	}, func(t *testing.T, c *client.Client) {
		for range 2 {
			failed := make(chan error, 1)
			go func() {
				_, err := c.Raw(testContext(t), "tools/call", nil)
				failed <- err
			}()
			await(t, "the first call", arrived)
			wantRaw(t, c, `{"n":2}`)
			wantError(t, await(t, "the large answer", failed), client.ErrTooLarge)
			wantRaw(t, c, `{"n":3}`)
		}
		if got := c.Stats(); got.TooLarge != 4 || got.Strays != 0 {
			t.Errorf("got %+v, want 4 too large and no strays", got)
		}
	})
}

// TestOversizeLateOnASharedWire: an answer that is too large, of a call that was given up, costs
// the only one in flight nothing.
func TestOversizeLateOnASharedWire(t *testing.T) {
	arrived := make(chan struct{})
	eachOversize(t, func(p oversizePeer) {
		late := p.request()
		arrived <- struct{}{}
		other := ""
		for range 2 { // behind the news that the first one is given up
			if other == "" {
				other = p.request()
			}
		}
		p.large(`{"jsonrpc":"2.0","result":{"x":"`, 4*oversizeLimit, `"},"id":`+late+`}`)
		p.small(`{"jsonrpc":"2.0","id":` + other + `,"result":{"n":2}}`)
		p.small(`{"jsonrpc":"2.0","id":` + p.request() + `,"result":{"n":3}}`)
	}, func(t *testing.T, c *client.Client) {
		ctx, cancel := context.WithCancel(testContext(t))
		failed := make(chan error, 1)
		go func() {
			_, err := c.Raw(ctx, "tools/call", nil)
			failed <- err
		}()
		await(t, "the first call", arrived)
		cancel()
		wantError(t, await(t, "its end", failed), context.Canceled)
		wantRaw(t, c, `{"n":2}`)
		wantRaw(t, c, `{"n":3}`)
	})
}

// TestOversizeTakesNoMemory: of an answer of 256 MB nothing is kept.
func TestOversizeTakesNoMemory(t *testing.T) {
	const size, most = 256 << 20, 16 << 20
	eachOversize(t, func(p oversizePeer) {
		p.large(`{"jsonrpc":"2.0","result":{"x":"`, size, `"},"id":`+p.request()+`}`)
		p.small(`{"jsonrpc":"2.0","id":` + p.request() + `,"result":{"n":2}}`)
	}, func(t *testing.T, c *client.Client) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := c.Raw(testContext(t), "tools/call", nil)
		wantError(t, err, client.ErrTooLarge)
		wantRaw(t, c, `{"n":2}`)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > most {
			t.Errorf("%d bytes were allocated for an answer of %d, want %d at most",
				got, size, most)
		}
	})
}
