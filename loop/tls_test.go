package loop

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestTLSEchoes holds crypto/tls to what secure needs of it: it goes on after a temporary error.
func TestTLSEchoes(t *testing.T) {
	serverCfg, clientCfg := tlsConfigs(t)
	const conns, rounds, size = 500, 5, 60_000
	want := bytes.Repeat([]byte("0123456789"), size/10)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg := clientCfg.Clone()
		cfg.MinVersion, cfg.MaxVersion = version, version
		addr := tlsServer(t, serverCfg, echoTLS)
		before := runtime.NumGoroutine()
		g := start(t, Options{Loops: 2})
		var done sync.WaitGroup
		for range conns {
			done.Add(1)
			round := 0
			dialTLS(t, g, addr, cfg, &hooks{
				data: func(c *Conn, buf, out []byte) (int, []byte) {
					if len(buf) < size {
						return 0, out
					}
					if !bytes.Equal(buf, want) {
						t.Errorf("got %d bytes that are not the echo", len(buf))
					}
					if round++; round < rounds {
						return size, append(out, want...)
					}
					done.Done()
					return size, out
				},
			}).mustSend(t, want)
		}
		done.Wait()
		// Each of the server's has a goroutine; ours are the loops alone.
		limit := before + conns + len(g.Loops()) + 2
		eventually(t, "end of the handshakes' goroutines", func() bool {
			return runtime.NumGoroutine() <= limit
		})
		for _, l := range g.Loops() {
			_ = l.do(l.closeConns)
		}
	}
}

func TestTLSOfSingleBytes(t *testing.T) {
	serverCfg, clientCfg := tlsConfigs(t)
	addr := tcpServer(t, func(c net.Conn) { echoTLS(tls.Server(slicer{c}, serverCfg)) })
	g := start(t, Options{Loops: 1})
	got := make(chan string, 1)
	dialTLS(t, g, addr, clientCfg, &hooks{data: func(c *Conn, buf, out []byte) (int, []byte) {
		if len(buf) < 2000 {
			return 0, out
		}
		got <- string(buf)
		c.Finish()
		return len(buf), out
	}}).mustSend(t, bytes.Repeat([]byte("x"), 2000))
	if s := <-got; s != strings.Repeat("x", 2000) {
		t.Errorf("got %d bytes", len(s))
	}
}

// TestTLSEnds: who ends says so, and who does not is noticed.
func TestTLSEnds(t *testing.T) {
	serverCfg, clientCfg := tlsConfigs(t)
	g := start(t, Options{Loops: 1})

	old := clientCfg.Clone()
	old.MaxVersion = tls.VersionTLS12 // in which alerts can be seen
	ends := make(chan byte, 1)
	addr := tcpServer(t, func(c net.Conn) {
		heard := &hearing{Conn: c}
		_, _ = io.Copy(io.Discard, tls.Server(heard, serverCfg))
		ends <- heard.lastType()
	})
	for _, end := range []func(*Conn){(*Conn).Finish, func(c *Conn) { c.Close(nil) }} {
		h := &hooks{open: end}
		dialTLS(t, g, addr, old, h)
		if kind := <-ends; kind != alertRecord {
			t.Errorf("the last record is of type %d, want close_notify", kind)
		}
		if err := h.reason(t, 1); err != nil {
			t.Errorf("got %v", err)
		}
	}

	h := &hooks{}
	dialTLS(t, g, tlsServer(t, serverCfg, func(c *tls.Conn) {}), clientCfg, h)
	if err := h.reason(t, 1); err != nil || h.eofs.Load() != 1 {
		t.Errorf("after close_notify: got %v and %d EOF, want one", err, h.eofs.Load())
	}

	h = &hooks{}
	cut := tlsServer(t, serverCfg, func(c *tls.Conn) { _ = c.NetConn().Close() })
	dialTLS(t, g, cut, clientCfg, h)
	if err := h.reason(t, 1); !errors.Is(err, ErrTLSCut) || h.eofs.Load() != 0 {
		t.Errorf("got %v and %d EOF, want ErrTLSCut", err, h.eofs.Load())
	}
}

// TestTLSHandshakesThatFail: each ends with a reason, and Open never comes.
func TestTLSHandshakesThatFail(t *testing.T) {
	serverCfg, clientCfg := tlsConfigs(t)
	g := start(t, Options{Loops: 1})
	f := func(want string, cfg *tls.Config, peer func(net.Conn)) {
		t.Helper()
		h := &hooks{}
		dialTLS(t, g, tcpServer(t, peer), cfg, h)
		err := h.reason(t, 1)
		if err == nil || !strings.Contains(err.Error(), want) || h.opens.Load() != 0 {
			t.Errorf("got %v and %d Open, want %q and none", err, h.opens.Load(), want)
		}
	}
	secured := func(c net.Conn) { _ = tls.Server(c, serverCfg).Handshake() }
	f("unknown authority", &tls.Config{ServerName: "example.com"}, secured)
	other := clientCfg.Clone()
	other.ServerName = "other.test"
	f("not other.test", other, secured)
	f("does not look like a TLS handshake", clientCfg, func(c net.Conn) {
		_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		_, _ = io.Copy(io.Discard, c)
	})
	f("EOF", clientCfg, func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<14)) })
	f("reset", clientCfg, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		_ = c.(*net.TCPConn).SetLinger(0)
	})
	f("protocol version", clientCfg, func(c net.Conn) {
		old := serverCfg.Clone()
		old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
		_ = tls.Server(c, old).Handshake()
	})
	panics := clientCfg.Clone()
	panics.VerifyConnection = func(tls.ConnectionState) error { panic("at night") }
	f("at night", panics, secured)
}

// TestTLSHandshakeThatHangs is ended by its deadline, by Close and by the drain of the group.
func TestTLSHandshakeThatHangs(t *testing.T) {
	_, clientCfg := tlsConfigs(t)
	addr := tcpServer(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	g := start(t, Options{Loops: 1, Tick: 10 * time.Millisecond})
	h := &hooks{}
	if _, err := g.DialTLS("tcp", addr, clientCfg, 50*time.Millisecond, h, nil); err != nil {
		t.Fatal(err)
	}
	if err := h.reason(t, 1); !errors.Is(err, ErrDialTimeout) ||
		!strings.Contains(err.Error(), "TLS handshake") {
		t.Errorf("got %v, want ErrDialTimeout", err)
	}
	for range 2 {
		c := dialTLS(t, g, addr, clientCfg, h)
		eventually(t, "handshake", func() bool {
			var securing bool
			_ = c.Loop().do(func() { securing = c.securing() })
			return securing
		})
		if h.closes.Load() < 2 {
			c.Close(io.ErrNoProgress)
			if err := h.reason(t, 2); !errors.Is(err, io.ErrNoProgress) {
				t.Errorf("got %v", err)
			}
		}
	} // the second is left to the drain
}

// TestTLSOutbox: a peer that reads nothing costs as much as without TLS, and is cut.
func TestTLSOutbox(t *testing.T) {
	serverCfg, clientCfg := tlsConfigs(t)
	release := make(chan struct{})
	total := make(chan int64, 1)
	addr := tlsServer(t, serverCfg, func(c *tls.Conn) {
		<-release
		n, _ := io.Copy(io.Discard, c)
		total <- n
	})
	g := start(t, Options{Loops: 1})
	h := &hooks{}
	c := dialTLS(t, g, addr, clientCfg, h)
	h.opened(t)
	block, sent := bytes.Repeat([]byte("b"), 50_000), int64(0)
	for c.Queued() < 500_000 {
		c.mustSend(t, block)
		sent += int64(len(block))
	}
	close(release) // all of it arrives, in order
	eventually(t, "empty outbox", func() bool { return c.Queued() == 0 })
	c.Finish()
	if n := <-total; n != sent {
		t.Errorf("the peer got %d bytes of %d", n, sent)
	}

	stuck := make(chan struct{})
	defer close(stuck)
	addr = tlsServer(t, serverCfg, func(*tls.Conn) { <-stuck })
	h = &hooks{}
	c = dialTLS(t, g, addr, clientCfg, h)
	h.opened(t)
	for c.Send(block) == nil {
		if c.Queued() > 3*mib {
			t.Fatal("the outbox has no limit")
		}
	}
	if err := h.reason(t, 1); !errors.Is(err, ErrSlowConsumer) {
		t.Errorf("got %v, want ErrSlowConsumer", err)
	}
}

// TestTLSPause: a held conn reads ahead no more than another, and gets all of it after Resume,
// whatever other conns of its loop read meanwhile.
func TestTLSPause(t *testing.T) {
	serverCfg, clientCfg := tlsConfigs(t)
	const conns, size = 4, 3 * mib
	g := start(t, Options{Loops: 1})
	var all sync.WaitGroup
	for i := range conns {
		each := byte('a' + i)
		addr := tlsServer(t, serverCfg, func(c *tls.Conn) {
			_, _ = c.Write(bytes.Repeat([]byte{each}, size))
		})
		var got int
		h := &hooks{data: func(c *Conn, buf, out []byte) (int, []byte) {
			if bytes.Count(buf, []byte{each}) != len(buf) {
				t.Errorf("got what was not sent to this conn")
			}
			if got += len(buf); got < size && got%7 < 3 {
				c.Pause()
				go c.Resume()
			}
			return len(buf), out
		}}
		h.open = func(c *Conn) { c.Pause() }
		all.Go(func() {
			c := dialTLS(t, g, addr, clientCfg, h)
			h.opened(t)
			eventually(t, "reading ahead", func() bool {
				var carry int
				_ = c.Loop().do(func() { carry = len(c.carry) })
				return carry == c.loop.opt.ReadBytes
			})
			c.Resume()
			if err := h.reason(t, 1); err != nil || got != size {
				t.Errorf("got %v and %d bytes, want %d", err, got, size)
			}
		})
	}
	all.Wait()
}

// TestTLSSenders: whole messages of many goroutines arrive, whoever reads meanwhile.
func TestTLSSenders(t *testing.T) {
	serverCfg, clientCfg := tlsConfigs(t)
	g := start(t, Options{Loops: 1})
	const senders, each = 8, 200
	var all sync.WaitGroup
	all.Add(senders * each)
	c := dialTLS(t, g, tlsServer(t, serverCfg, echoTLS), clientCfg, &hooks{
		data: func(_ *Conn, buf, out []byte) (n int, reply []byte) {
			for {
				i := bytes.IndexByte(buf[n:], '\n')
				if i < 0 {
					return n, out
				}
				if want := strings.Repeat(string(buf[n]), i); want != string(buf[n:n+i]) {
					t.Errorf("got %q", buf[n:n+i])
				}
				n += i + 1
				all.Done()
			}
		},
	})
	for i := range senders {
		go func() {
			line := append(bytes.Repeat([]byte{byte('a' + i)}, 100*(i+1)), '\n')
			for k := range each {
				if k%2 == 0 {
					_ = c.SendSoon(line, 4*mib, true)
				} else {
					_ = c.SendWithin(line, 4*mib)
				}
			}
		}()
	}
	all.Wait()
}

// TestTLSOfBrokenRecords: a record that nobody has sealed ends the conn.
func TestTLSOfBrokenRecords(t *testing.T) {
	serverCfg, clientCfg := tlsConfigs(t)
	addr := tlsServer(t, serverCfg, func(c *tls.Conn) {
		_, _ = c.Write([]byte("well"))
		_, _ = c.NetConn().Write([]byte("\x17\x03\x03\x00\x20" + strings.Repeat("?", 32)))
		_, _ = io.Copy(io.Discard, c)
	})
	g := start(t, Options{Loops: 1})
	h := &hooks{data: func(_ *Conn, buf, out []byte) (int, []byte) { return len(buf), out }}
	dialTLS(t, g, addr, clientCfg, h)
	if err := h.reason(t, 1); err == nil || !strings.Contains(err.Error(), "bad record MAC") {
		t.Errorf("got %v", err)
	}
}

// TestTLSWithoutDescriptors: one that is missing ends the dial, not the loop.
func TestTLSWithoutDescriptors(t *testing.T) {
	_, clientCfg := tlsConfigs(t)
	g := start(t, Options{Loops: 1})
	h := &hooks{}
	c := g.Loops()[0].newConn(-1, peer{family: unix.AF_UNIX}, h)
	c.tls = newSecure(c, clientCfg)
	if err := c.beginHandshake(); !errors.Is(err, os.ErrInvalid) && !errors.Is(err, unix.EBADF) {
		t.Errorf("got %v", err)
	}
}
