package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/mcploop/mcploop/bench/proc"
	"github.com/mcploop/mcploop/bench/tunnel"
)

// secure has a tunnel of ours, in a process beside the clients, speak TLS for them.
func (t *target) secure(s *Settings, command []string, log io.Writer) error {
	dir, err := os.MkdirTemp("", "mcploop-tls-")
	if err != nil {
		return fmt.Errorf("cannot make a socket: %w", err)
	}
	t.undo = append(t.undo, func() { _ = os.RemoveAll(dir) })
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = log
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	child, err := proc.Spawn(cmd, s.Core)
	if err != nil {
		return err
	}
	t.undo = append(t.undo, func() {
		_ = in.Close() // it ends then
		child.Stop()
	})
	t.opt.Via = filepath.Join(dir, "socket")
	err = json.NewEncoder(in).Encode(tunnel.Config{Socket: t.opt.Via, Addr: t.opt.Addr, TLS: s.TLS})
	if err = errors.Join(err, tunnel.AwaitReady(out)); err != nil {
		return err
	}
	t.notes = append(t.notes, "TLS is spoken by a process between the clients and the server: "+
		"what it takes is in the latency, and no CPU of the server's")
	return nil
}
