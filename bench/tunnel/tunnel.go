package tunnel

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/mcploop/mcploop/client"
)

// Config says where to.
type Config struct {
	Socket string     `json:"socket"` // path of the socket, which must not be there
	Addr   string     `json:"addr"`   // host:port of the server
	TLS    client.TLS `json:"tls"`    // without a ServerName the host is to prove its own name
}

// ready is what Worker says when it listens, or cannot.
type ready struct {
	Fault string `json:"fault,omitempty"`
}

// dialTime bounds one connect and its handshake.
const dialTime = 10 * time.Second

// Worker is the other process: it reads a Config, says when it listens, and carries connections
// until in has ended.
func Worker(in io.Reader, out io.Writer) error {
	var c Config
	dec := json.NewDecoder(in)
	if err := dec.Decode(&c); err != nil {
		return fmt.Errorf("cannot read what the tunnel is to do: %w", err)
	}
	listener, dialer, err := c.open()
	if err != nil {
		err := json.NewEncoder(out).Encode(ready{Fault: err.Error()})
		_, _ = io.Copy(io.Discard, in) // until it was read
		return err
	}
	if err := json.NewEncoder(out).Encode(ready{}); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, in)
		stop()
		_ = listener.Close()
	}()
	var all sync.WaitGroup
	defer all.Wait()
	for {
		near, err := listener.AcceptUnix()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		all.Go(func() { carry(ctx, near, dialer, c.Addr) })
	}
}

// AwaitReady reads what Worker says.
func AwaitReady(out io.Reader) error {
	var r ready
	if err := json.NewDecoder(out).Decode(&r); err != nil {
		return fmt.Errorf("cannot start the tunnel for TLS: %w", err)
	}
	if r.Fault != "" {
		return fmt.Errorf("cannot speak TLS: %s", r.Fault)
	}
	return nil
}

// open listens when the server has answered a first handshake.
func (c *Config) open() (*net.UnixListener, *tls.Dialer, error) {
	cfg, err := c.TLS.Config()
	if err != nil {
		return nil, nil, err
	}
	cfg.NextProtos = []string{"http/1.1"}
	d := &tls.Dialer{NetDialer: &net.Dialer{Timeout: dialTime}, Config: cfg}
	conn, err := d.Dial("tcp", c.Addr)
	if err != nil {
		return nil, nil, err
	}
	_ = conn.Close() // it was for the handshake alone
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: c.Socket})
	return l, d, err
}

// carry brings what comes on either side to the other one until both have ended.
func carry(ctx context.Context, near *net.UnixConn, d *tls.Dialer, addr string) {
	defer func() { _ = near.Close() }()
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return // the load tells that the server has ended it
	}
	far := conn.(*tls.Conn)
	defer func() { _ = far.Close() }()
	stop := context.AfterFunc(ctx, func() { _, _ = near.Close(), far.Close() })
	defer stop()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(near, far)
		_ = near.CloseWrite()
	})
	_, _ = io.Copy(far, near)
	_ = far.CloseWrite()
	back.Wait()
}
