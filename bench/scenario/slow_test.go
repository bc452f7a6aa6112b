package scenario

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcploop/mcploop/bench/fake"
)

func TestSlowComparesWithCalm(t *testing.T) {
	o := serve(t)
	for name, set := range map[string]func(*Settings){
		"tcp":  func(s *Settings) { s.TCP = o.tcp },
		"http": func(s *Settings) { s.URL = "http://" + o.http + "/mcp" },
	} {
		t.Run(name, func(t *testing.T) {
			f := mustRun(t, "slow", func(s *Settings) {
				set(s)
				s.Connections, s.Rate = 18, 1000
				s.Duration = 200 * time.Millisecond
			})
			s := step(t, f, "hostile")
			if value(t, s, "p99 against calm") <= 0 || value(t, s, "rate against calm") <= 0 {
				t.Errorf("got %+v", s.Measures)
			}
			for _, kind := range []string{"silent", "slowloris", "drip", "deaf", "garbage"} {
				if n := value(t, s, kind+" opened"); n < 3 {
					t.Errorf("got %v connections of kind %q, want 3 at least", n, kind)
				}
			}
			value(t, step(t, f, "afterwards"), "p99 against calm")
		})
	}
}

// touchy serves lines until one is no JSON; from then on it ends every connection that calls.
func touchy(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	offended := new(atomic.Bool)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go serveTouchily(c, offended)
		}
	}()
	return ln.Addr().String()
}

func serveTouchily(c net.Conn, offended *atomic.Bool) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		out, call := fake.AnswerLine(line)
		if bytes.HasPrefix(line, []byte{'{', 0xff}) {
			offended.Store(true)
		}
		if call && offended.Load() {
			return
		}
		if out == "" {
			continue
		}
		if _, err := io.WriteString(c, out+"\n"); err != nil {
			return
		}
	}
}

func TestSlowFindsAServerThatLetsGoodOnesPay(t *testing.T) {
	addr := touchy(t)
	f, err := Do(t.Context(), quickly(t, "slow", func(s *Settings) {
		s.TCP, s.Connections, s.Rate, s.Era = addr, 12, 200, "legacy"
	}))
	if err == nil && f.Err() == nil {
		t.Error("a server that ends good connections for the bad ones was not found out")
	}
	if s := step(t, f, "calm"); s.Fault != "" {
		t.Errorf("calm was no measurement: %s", s.Fault)
	}
}
