package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/mcploop/mcploop/bench/callers"
	"github.com/mcploop/mcploop/bench/plan"
	"github.com/mcploop/mcploop/bench/proc"
	"github.com/mcploop/mcploop/bench/result"
)

// clientMain measures what calls cost who makes them.
func clientMain(ctx context.Context, args []string, out, errOut io.Writer) error {
	fs := flag.NewFlagSet("bench client", flag.ContinueOnError)
	fs.SetOutput(errOut)
	core, _ := plan.Cores()
	var o callers.Options
	fs.StringVar(&o.URL, "url", "", "http or https `address` of the server; default: one that is "+
		"started, over TLS unless --plain")
	fs.StringVar(&o.TLS.CAFile, "ca-file", "", "PEM `file` of the authorities to trust in place "+
		"of the system's")
	fs.BoolVar(&o.TLS.SkipVerify, "insecure", false, "believe any certificate")
	fs.StringVar(&o.Tool, "tool", "echo", "`name` of the tool")
	fs.StringVar(&o.Args, "args", `{"message":"hello"}`, "its arguments, a JSON `object`")
	fs.StringVar(&o.Expect, "expect", "hello", "`text` that is in each answer")
	fs.IntVar(&o.Conns, "connections", 16, "calls in flight, each on a connection of its own")
	fs.IntVar(&o.Rounds, "rounds", 5, "`runs` of each client, by turns")
	fs.DurationVar(&o.Span, "duration", 2*time.Second, "measured time of a run")
	fs.DurationVar(&o.Warmup, "warmup", 500*time.Millisecond, "time before it")
	plain := fs.Bool("plain", false, "the server that is started speaks no TLS")
	fs.IntVar(&core, "server-core", core, "`core` of the server that is started")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if o.URL == "" {
		stop, err := startServer(&o, args, !*plain, core, errOut)
		if err != nil {
			return err
		}
		defer stop()
	}
	rows, err := callers.Run(ctx, o)
	if err != nil {
		return err
	}
	host := result.DescribeHost()
	host.WriteText(out)
	return callers.WriteTable(out, rows)
}

// startServer starts the server that is called, and has o believe it.
func startServer(
	o *callers.Options, args []string, secure bool, core int, errOut io.Writer,
) (stop func(), err error) {
	command, err := selfCommand(answersName, args)
	if err != nil {
		return nil, err
	}
	if secure {
		command = append(command, "-tls")
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = errOut
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	says, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	child, err := proc.Spawn(cmd, core)
	if err != nil {
		return nil, err
	}
	stop = func() {
		_ = in.Close() // it ends then
		<-child.Done
	}
	var served callers.Served
	line, err := bufio.NewReader(says).ReadString('\n')
	if err = errors.Join(err, json.Unmarshal([]byte(line), &served)); err != nil {
		stop()
		return nil, fmt.Errorf("cannot start the server: %w", err)
	}
	o.URL = served.URL
	if served.CA == "" {
		return stop, nil
	}
	file, err := os.CreateTemp("", "mcploop-ca-*.pem")
	if err == nil {
		_, err = io.Copy(file, strings.NewReader(served.CA))
		err = errors.Join(err, file.Close())
		o.TLS.CAFile = file.Name()
		ends := stop
		stop = func() {
			ends()
			_ = os.Remove(file.Name())
		}
	}
	if err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}
