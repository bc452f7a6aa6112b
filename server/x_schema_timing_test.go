package server

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// cpuNanos is the CPU time that this process has used.
func cpuNanos(b *testing.B) int64 {
	b.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		b.Fatal(err)
	}
	return ts.Nano()
}

// BenchmarkCheckedCallTCP is CheckedCall over a TCP connection, with so many calls in flight: the
// CPU time of the process, that of the client's two system calls for each batch included.
func BenchmarkCheckedCallTCP(b *testing.B) {
	for _, inFlight := range []int{1, 16} {
		for _, name := range []string{"unchecked", "checked"} {
			b.Run(fmt.Sprintf("%s/%d", name, inFlight), func(b *testing.B) {
				s := benchServer(b)
				addCheckedTools(b, s)
				s.group.Start()
				door := &lineDoor{s: s, frameTime: 1 << 40, idle: 1 << 40}
				l, err := s.group.Listen("tcp", "127.0.0.1:0", door)
				if err != nil {
					b.Fatal(err)
				}
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					b.Fatal(err)
				}
				defer c.Close()
				callTCP(b, c, name, inFlight)
			})
		}
	}
}

// callTCP sends b.N calls after initialize, so many at a time.
func callTCP(b *testing.B, c net.Conn, name string, inFlight int) {
	reply := make([]byte, 64<<10)
	ask := func(wire []byte, answers int) []byte {
		if _, err := c.Write(wire); err != nil {
			b.Fatal(err)
		}
		n := 0
		for bytes.Count(reply[:n], []byte("\n")) < answers {
			m, err := c.Read(reply[n:])
			if err != nil {
				b.Fatal(err)
			}
			n += m
		}
		return reply[:n]
	}
	ask([]byte(helloLine), 1)
	var batch strings.Builder
	for i := range inFlight {
		batch.WriteString(strings.Replace(checkedCall(name), "123456", fmt.Sprint(100000+i), 1))
		batch.WriteByte('\n')
	}
	wire := []byte(batch.String())
	if got := ask(wire, inFlight); bytes.Count(got, []byte("abcdefghijklmno")) != inFlight {
		b.Fatalf("answered %s", got)
	}
	before, calls := cpuNanos(b), 0
	for b.Loop() {
		ask(wire, inFlight)
		calls += inFlight
	}
	b.ReportMetric(float64(cpuNanos(b)-before)/float64(calls), "cpu-ns/call")
}

const helloLine = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{` +
	`"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}` +
	"\n"
