package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/bench/proc"
	"github.com/mcploop/mcploop/bench/result"
)

// The eras of the flag --era.
const (
	eraAuto   = "auto"
	eraModern = load.EraModern
	eraLegacy = load.EraLegacy
)

// target is the server under load, as the options of a load name it.
type target struct {
	opt   load.Options // Transport, Addr, Path, Era, Command, PID, what is called
	addrs []string     // more than one: a server in several processes
	pids  []int        // of all its processes that are known, by address; 0: seen before
	child *proc.Child  // when its command was given with an address
	// metrics is the URL of its metrics; empty: it has none.
	metrics string
	said    result.Server
	notes   []string // what readers must know of what is called
	tls     bool     // it speaks TLS
	undo    []func() // what stop does, last first
}

// aim makes a target of the settings. command is what came after "--": a stdio server, or, when
// an address is given as well, the server to start there. tunnel is how what speaks TLS is started.
func aim(
	ctx context.Context, s *Settings, command, tunnel []string, log io.Writer,
) (*target, error) {
	t := &target{opt: load.DefaultOptions()}
	o := &t.opt
	o.Tool, o.Args, o.Expect, o.Header = s.Tool, s.Args, s.Expect, s.Header
	o.Parts = s.Parts
	o.PID = s.PID
	if err := t.address(s, command); err != nil {
		return nil, err
	}
	if o.Transport == load.TransportStdio {
		o.Command, o.Stderr = command, log
		t.said.Target = strings.Join(command, " ")
	} else if len(command) > 0 {
		if err := t.start(ctx, command, log); err != nil {
			return nil, err
		}
	}
	if t.tls {
		if err := t.secure(s, tunnel, log); err != nil {
			t.stop()
			return nil, err
		}
	}
	settle := t.settle
	if s.Parts > 0 { // a gateway, which gets its tools from others
		settle = t.settleSoon
	}
	if err := settle(ctx, s.Era); err != nil {
		t.stop()
		return nil, err
	}
	t.look()
	if err := t.askMetrics(ctx, s.Metrics); err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}

// address reads which of the address flags was given.
func (t *target) address(s *Settings, command []string) error {
	o := &t.opt
	given := 0
	for _, a := range []string{s.URL, s.WS, s.TCP, s.Unix} {
		if a != "" {
			given++
			t.said.Target = a
		}
	}
	switch {
	case given > 1:
		return errors.New("cannot load two servers: give one of --url, --ws, --tcp, --unix")
	case given == 0 && len(command) == 0:
		return errors.New("no server given: give --url, --ws, --tcp or --unix, " +
			"or the command of a stdio server after --")
	case s.URL != "":
		o.Transport = load.TransportHTTPModern
		return t.web(s.URL, "http")
	case s.WS != "":
		o.Transport = load.TransportWS
		return t.web(s.WS, "ws")
	case s.TCP != "":
		o.Transport = load.TransportTCP
		t.addrs = strings.Split(s.TCP, ",")
		o.Addr = t.addrs[0]
	case s.Unix != "":
		o.Transport, o.Addr = load.TransportUnix, s.Unix
		if !strings.Contains(s.Unix, "/") {
			o.Addr = "./" + s.Unix
		}
	default:
		o.Transport = load.TransportStdio
	}
	return nil
}

// web reads an http or ws URL.
func (t *target) web(raw, scheme string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("cannot use URL %q: %w", raw, err)
	}
	t.tls = u.Scheme == scheme+"s"
	if u.Scheme != scheme && !t.tls || u.Host == "" {
		return fmt.Errorf("cannot use URL %q: give %s://host:port/path, or %ss", raw, scheme,
			scheme)
	}
	t.opt.Addr = u.Host
	switch {
	case u.Port() != "":
	case t.tls:
		t.opt.Addr += ":443"
	default:
		t.opt.Addr += ":80"
	}
	if t.opt.Path = u.RequestURI(); u.Path == "" {
		t.opt.Path = "/mcp"
	}
	return nil
}

// listenTime is how long a started server may take until it listens.
const listenTime = 60 * time.Second

// start starts the server and waits until it listens.
func (t *target) start(ctx context.Context, command []string, log io.Writer) error {
	args := make([]string, len(command))
	for i, a := range command {
		args[i] = strings.ReplaceAll(a, "{addr}", t.opt.Addr)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = os.Environ(), log, log
	child, err := proc.Spawn(cmd, -1)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, listenTime)
	defer cancel()
	if err := child.AwaitListen(ctx, t.opt.Addr); err != nil {
		child.Stop()
		return err
	}
	t.child = child
	return nil
}

// stop ends a server that start started.
func (t *target) stop() {
	for _, f := range slices.Backward(t.undo) {
		f()
	}
	if t.child != nil {
		t.child.Stop()
	}
}

// look finds the process of the server and what is known of it.
func (t *target) look() {
	if t.opt.Transport == load.TransportStdio {
		return
	}
	if t.opt.PID == 0 {
		// One that is elsewhere, or another user's, is measured without CPU and memory.
		t.opt.PID, _ = proc.ListenerOf(t.opt.Addr)
	}
	if t.said.PID = t.opt.PID; t.said.PID > 0 {
		t.said.Command, t.said.Cores, t.said.Procs = proc.Describe(t.said.PID)
	}
	t.pids = append(t.pids, t.opt.PID)
	for _, addr := range t.addrs[min(1, len(t.addrs)):] {
		pid, _ := proc.ListenerOf(addr) // as above
		if slices.Contains(t.pids, pid) {
			pid = 0
		}
		t.pids = append(t.pids, pid)
	}
}
