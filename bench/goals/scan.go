package goals

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/mcploop/mcploop/codec"
)

// scanSource is the source that is no command.
const scanSource = "scan"

// scanMicros times the strict scan of a tools/call of 120 bytes, rounds times.
func scanMicros(rounds int) ([]float64, error) {
	const size, scans = 120, 1_000_000
	head, tail := `{"jsonrpc":"2.0","id":10000000,"method":"tools/call","params":{"name":"echo",`+
		`"arguments":{"message":"`, `"}}}`
	frame := []byte(head + strings.Repeat("x", size-len(head)-len(tail)) + tail)
	// The scanner compares a call with the one before; so that each is read anew they differ.
	other := bytes.Replace(frame, []byte("echo"), []byte("ohce"), 1)
	var s codec.Scanner
	var m codec.Message
	var out []float64
	for range rounds {
		began := time.Now()
		for range scans / 2 {
			for _, f := range [][]byte{frame, other} {
				if err := s.Scan(f, &m); err != nil {
					return nil, fmt.Errorf("cannot scan %s: %w", f, err)
				}
			}
		}
		out = append(out, float64(time.Since(began).Microseconds())/scans)
	}
	return out, nil
}
