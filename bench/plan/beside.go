package plan

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/client"
)

// words are what stands for the {words} of a row.
type words map[string]string

func (opt *Options) words(addr string, size int) words {
	_, port, _ := net.SplitHostPort(addr) // a unix socket has none
	return words{
		"{bin}": opt.Bin, "{addr}": addr, "{port}": port, "{size}": strconv.Itoa(size),
	}
}

// fill puts words into command.
func (Row) fill(command []string, w words) []string {
	var pairs []string
	for word, text := range w {
		pairs = append(pairs, word, text)
	}
	fill := strings.NewReplacer(pairs...)
	args := make([]string, len(command))
	for i, a := range command {
		args[i] = fill.Replace(a)
	}
	return args
}

// prepare starts what runs beside the row's server and writes its file; w learns both. end takes
// them away.
func (opt *Options) prepare(ctx context.Context, row Row, w words) (end func(), err error) {
	var beside func()
	end = func() {
		if beside != nil {
			beside()
		}
		if w["{config}"] != "" {
			// What stays in the place for temporary files hurts nobody.
			_ = os.RemoveAll(filepath.Dir(w["{config}"]))
		}
	}
	defer func() {
		if err != nil {
			end()
		}
	}()
	if len(row.Beside) > 0 {
		addr, _, err := freeAddr(load.TransportTCP)
		if err != nil {
			return nil, err
		}
		args := row.fill(row.Beside, opt.words(addr, 0))
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
		cmd.Stdout, cmd.Stderr = opt.ServerLog, opt.ServerLog
		_, core := opt.cores(row)
		child, err := start(ctx, cmd, core, addr)
		if err != nil {
			return nil, fmt.Errorf("cannot start what runs beside: %w", err)
		}
		beside, w["{beside}"] = child.Stop, addr
	}
	if row.Config == "" {
		return end, nil
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, fmt.Errorf("cannot make a place for the row's file: %w", err)
	}
	w["{config}"] = filepath.Join(dir, "config.json")
	text := row.fill([]string{row.Config}, w)[0]
	if err := os.WriteFile(w["{config}"], []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("cannot write the row's file: %w", err)
	}
	return end, nil
}

// needsTool tells whether the row's server may listen before its tool is there: a gateway.
func (r *Row) needsTool() bool { return r.Config != "" || len(r.Beside) > 0 }

// awaitTool waits until the tool that is about to be called is listed.
func awaitTool(ctx context.Context, o *load.Options) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for {
		err := listed(ctx, o)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not have the tool %q: %w", o.Addr, o.Tool, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func listed(ctx context.Context, o *load.Options) error {
	c, err := client.Connect(ctx, client.Options{URL: "http://" + o.Addr + o.Path})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // nothing is in flight
	tools, err := c.ListTools(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, t := range tools {
		if t.Name == o.Tool {
			return nil
		}
		names = append(names, t.Name)
	}
	return fmt.Errorf("it lists %.256q", names)
}
