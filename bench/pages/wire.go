package pages

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/mcploop/mcploop/bench/result"
)

// packetBytes is what a packet costs on Ethernet beside its payload: preamble, gap, head and check
// sum 38, IPv4 20, TCP with timestamps 32.
const packetBytes = 38 + 20 + 32

// writeWire writes the bandwidth that the calls of a comparison's first case need, when each
// request and each answer is a packet of its own, as with one call in flight on a connection.
func writeWire(b *bytes.Buffer, f *result.File) error {
	c := f.Comparison
	if c == nil || len(c.Cases) == 0 {
		return errors.New("it compares nothing")
	}
	b.WriteString("| server | request | answer | 10,000 calls/s, each way | 250,000 calls/s |\n" +
		"|---|---|---|---|---|\n")
	for i := range c.Cases[0].Rows {
		r := &c.Cases[0].Rows[i]
		if len(r.Runs) == 0 {
			continue
		}
		l := &r.Runs[0]
		in, out := l.CallBytes+packetBytes, l.ReplyBytes+packetBytes
		mbit := func(calls, size int) float64 { return float64(calls*size*8) / 1e6 }
		fmt.Fprintf(b, "| %s | %d B | %d B | %s in, %s out Mbit/s | %s in, %s out Mbit/s |\n",
			r.Name, l.CallBytes, l.ReplyBytes,
			result.Number(mbit(10_000, in)), result.Number(mbit(10_000, out)),
			result.Number(mbit(250_000, in)), result.Number(mbit(250_000, out)))
	}
	source(b, f)
	return nil
}
