package history

import (
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// cutter forwards bytes between clients and one door, splits them anywhere, and ends
// connections after a random number of bytes: by FIN, by RST, or by half.
type cutter struct {
	addr  string
	least int64 // bytes that every connection carries
	spans int   // the bytes behind these are up to 2^(spans-1) as many
	cuts  atomic.Int64
	conns sync.WaitGroup
	dial  func() (net.Conn, error)
}

func startCutter(
	t *testing.T, network, target string, least int64, spans int, seed uint64,
) *cutter {
	in, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{addr: in.Addr().String(), least: least, spans: spans}
	t.Cleanup(func() { in.Close(); c.conns.Wait() })
	c.dial = func() (net.Conn, error) { return net.Dial(network, target) }
	c.listen(in, rand.New(rand.NewPCG(seed, 1)))
	return c
}

func (c *cutter) listen(in net.Listener, random *rand.Rand) {
	c.conns.Go(func() {
		for {
			client, err := in.Accept()
			if err != nil {
				return
			}
			server, err := c.dial()
			if err != nil {
				client.Close()
				continue
			}
			c.forward(client, server, random.Uint64())
		}
	})
}

// alsoUnix has it listen on a unix socket, too, whose path is returned.
func (c *cutter) alsoUnix(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "cut")
	in, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	c.listen(in, rand.New(rand.NewPCG(1, 5)))
	return path
}

// forward serves one connection until it ends; seed decides how.
func (c *cutter) forward(client, server net.Conn, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 2))
	var left atomic.Int64 // bytes until the cut, both directions together
	left.Store(c.least + random.Int64N(c.least<<random.IntN(c.spans)))
	way := random.IntN(3)
	end := sync.OnceFunc(func() {
		if tcp, ok := client.(*net.TCPConn); ok && way == 0 {
			_ = tcp.SetLinger(0) // by RST, which drops what the client has not read yet
		}
		if tcp, ok := server.(*net.TCPConn); ok && way == 1 {
			_ = tcp.SetLinger(0)
		}
		client.Close()
		server.Close()
	})
	cut := func() {
		c.cuts.Add(1)
		half, ok := server.(interface{ CloseWrite() error })
		if way == 2 && ok { // what was asked is still answered; the server ends the connection
			_ = half.CloseWrite()
			left.Store(1 << 60)
			return
		}
		end()
	}
	copyTo := func(from, to net.Conn, up bool, random *rand.Rand) {
		buf := make([]byte, 4096)
		for {
			n, err := from.Read(buf[:1+random.IntN(len(buf))])
			for at := 0; at < n; {
				part := min(n-at, 1+random.IntN(2000))
				if left.Add(int64(-part)) < 0 {
					if cut(); way != 2 || up {
						return // of a half-close only the answers get on
					}
				}
				if _, err := to.Write(buf[at : at+part]); err != nil {
					end()
					return
				}
				at += part
			}
			if err != nil {
				end()
				return
			}
		}
	}
	c.conns.Go(func() { copyTo(client, server, true, rand.New(rand.NewPCG(seed, 3))) })
	c.conns.Go(func() { copyTo(server, client, false, rand.New(rand.NewPCG(seed, 4))) })
}
