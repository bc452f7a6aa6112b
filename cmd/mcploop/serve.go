package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/mcploop/mcploop/cmd/mcploop/doctor"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/config"
	"github.com/spf13/cobra"
)

// serveFlags are the doors that the command line may name instead of a file.
type serveFlags struct {
	file  string
	http  []string
	tcp   []string
	unix  []string
	stdio bool

	profiles profiles
}

func newServeCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve MCP; without an argument on http://127.0.0.1:9999/mcp with sample tools",
		Example: "  mcploop serve\n" +
			"  mcploop serve -c mcploop.yaml\n" +
			"  mcploop serve -c ~/.cursor/mcp.json --http 127.0.0.1:8080\n" +
			"  mcploop serve --http 127.0.0.1:8080 --tcp 127.0.0.1:9000 --unix /run/mcp.sock\n" +
			"  mcploop serve --stdio",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd, &f) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "config", "c", "", configUsage)
	flags.StringArrayVar(&f.http, "http", nil, "address of an HTTP door, host:port (repeatable)")
	flags.StringArrayVar(&f.tcp, "tcp", nil, "address of a TCP door, host:port (repeatable)")
	flags.StringArrayVar(&f.unix, "unix", nil, "path of a unix socket door (repeatable)")
	flags.BoolVar(&f.stdio, "stdio", false, "serve standard input and output")
	f.profiles.flags(cmd)
	return cmd
}

func serve(cmd *cobra.Command, f *serveFlags) error {
	cfg, sum, err := f.config(config.LoadFirst)
	if err != nil {
		return err
	}
	mem, err := setMemory(cfg, doctor.Host{})
	if err != nil {
		return err
	}
	re := newReloader(f, cfg, sum)
	opt := serverOptions(cfg, cmd.ErrOrStderr())
	opt.Log = newLog(cfg.Log, cmd.ErrOrStderr(), &re.level)
	opt.Metrics = func(w io.Writer) {
		mem.writeMetrics(w)
		re.writeMetrics(w)
	}
	opt.Keeper = newKeeper(opt.Log)
	defer opt.Keeper.Close()
	s, err := server.New(opt)
	if err != nil {
		return err
	}
	if cfg.Tools.Samples {
		if err := addSamples(s); err != nil {
			return err
		}
	}
	behind, err := addUpstreams(s, cfg)
	if err != nil {
		return err
	}
	if _, err := s.SetViews(viewOptions(cfg)); err != nil {
		return err
	}
	stop, err := f.profiles.start()
	if err != nil {
		return err
	}
	defer stop()
	if err := s.Start(); err != nil {
		return err
	}
	end, err := re.begin(cmd.Context(), s)
	if err != nil {
		return errors.Join(err, s.Drain(cmd.Context()))
	}
	defer end()
	if cfg.Listen.Stdio { // standard output belongs to the protocol
		opt.Log.Info("memory", "limit", mem.limit, "gogc", mem.gogc, "from", mem.gogcFrom)
		if behind > 0 {
			opt.Log.Info("connecting to upstreams", "upstreams", behind)
		}
	} else {
		greet(cmd.OutOrStdout(), s.Addrs(), mem, behind)
	}
	return s.Wait(cmd.Context())
}

// config is the file's configuration as load reads it, or the default, with the doors of the
// command line in place of those it has.
func (f *serveFlags) config(load loadFunc) (cfg *config.Config, sum config.Sum, err error) {
	cfg = config.Default()
	if f.file != "" {
		if cfg, sum, err = load(f.file); err != nil {
			return nil, sum, err
		}
	}
	if len(f.http)+len(f.tcp)+len(f.unix) > 0 || f.stdio {
		cfg.ReplaceListen(config.Listen{HTTP: f.http, TCP: f.tcp, Unix: f.unix, Stdio: f.stdio})
	}
	return cfg, sum, cfg.Validate()
}

// serverOptions turns a configuration into the server's options, key by key.
func serverOptions(cfg *config.Config, logTo io.Writer) server.Options {
	l := &cfg.Limits
	keys, _ := cfg.Input.Keys() // Validate has passed them
	return server.Options{
		Name: cfg.Name, Version: orElse(cfg.Version, version),
		HTTP: cfg.Listen.HTTP, TCP: cfg.Listen.TCP, Unix: cfg.Listen.Unix, Stdio: cfg.Listen.Stdio,
		Limits: server.Limits{
			Connections: l.Connections, MessageBytes: l.MessageBytes, Depth: l.JSONDepth,
			BatchMessages: l.Batch, InFlightPerConn: l.InFlightPerConn,
			InFlightBytes: l.InFlightBytes,
			HeadBytes:     l.HeaderBytes, Headers: l.Headers, TargetBytes: l.URIBytes,
			HeadTimeout: l.HeadTimeout, BodyTimeout: l.BodyTimeout, FrameTimeout: l.FrameTimeout,
			FirstTimeout: l.FirstTimeout, IdleTimeout: l.IdleTimeout,
			OutboxHighBytes: l.OutboxHigh, OutboxLowBytes: l.OutboxLow, OutboxMaxBytes: l.OutboxMax,
			WriteTimeout: l.WriteTimeout, Streams: l.Streams,
			Subscriptions: l.Subscriptions, ProgressInterval: orNever(l.Progress),
		},
		Queue: server.Queue{
			Max: cfg.Queue.Max, Workers: cfg.Workers.Count,
			WarnPercent: cfg.Queue.WarnPercent, RejectPercent: cfg.Queue.RejectPercent,
		},
		Loops: server.Loops{
			Count: cfg.Loops.Count, ReadBytes: cfg.Loops.ReadBuffer, Backlog: cfg.Loops.Backlog,
			Pin: cfg.Loops.Pin,
		},
		Sessions: server.Sessions{
			Max: cfg.Sessions.Max, MaxPerPrincipal: cfg.Sessions.MaxPerPrincipal,
			IdleTTL: cfg.Sessions.IdleTTL, Sweep: cfg.Sessions.Sweep, Shards: cfg.Registry.Shards,
			ReplayEvents: cfg.Sessions.ReplayEvents, ReplayBytes: cfg.Sessions.ReplayBytes,
			ReplayTotal: cfg.Sessions.ReplayTotal, ReplayTime: cfg.Sessions.ReplayTime,
		},
		Lists: server.Lists{
			PageSize: cfg.Lists.PageSize, TTL: cfg.Lists.TTL, CacheScope: cfg.Lists.CacheScope,
		},
		Security: server.Security{
			AllowedHosts: cfg.Security.AllowedHosts, AllowedOrigins: cfg.Security.AllowedOrigins,
			Off: !cfg.Security.Check,
		},
		Input: server.Input{
			StateKeys: keys, StateTTL: cfg.Input.StateTTL, StateBytes: cfg.Input.StateBytes,
			Timeout: cfg.Input.Timeout, OpenMax: cfg.Input.Open,
		},
		WebSocket: server.WebSocket{
			PingInterval: cfg.WebSocket.PingInterval, PongTimeout: cfg.WebSocket.PongTimeout,
			Compression: cfg.WebSocket.Compression, CompressionMin: cfg.WebSocket.CompressionMin,
		},
		Tasks: server.Tasks{
			Max: cfg.Tasks.Max, MaxPerPrincipal: cfg.Tasks.MaxPerPrincipal,
			ResultBytes: cfg.Tasks.ResultBytes, ResultTotal: cfg.Tasks.ResultTotal,
			TTL: cfg.Tasks.TTL, PollInterval: cfg.Tasks.PollInterval,
		},
		KeepAlive:    cfg.Timeouts.KeepAlive,
		CallTimeout:  orNever(cfg.Timeouts.Call),
		DrainTimeout: cfg.Timeouts.Drain,
		Log:          newLog(cfg.Log, logTo, nil),
		LogLines:     cfg.Log.Lines,
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// orNever: 0 in a file switches a timeout off; in the options 0 is the default.
func orNever(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// newLog makes the log; its level can be changed by level, which may be nil.
func newLog(cfg config.Log, to io.Writer, level *slog.LevelVar) *slog.Logger {
	if level == nil {
		level = new(slog.LevelVar)
	}
	level.Set(logLevel(cfg))
	opt := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(to, opt))
	}
	return slog.New(slog.NewTextHandler(to, opt))
}

func logLevel(cfg config.Log) (level slog.Level) {
	if level.UnmarshalText([]byte(cfg.Level)) != nil {
		return slog.LevelInfo
	}
	return level
}

// greet prints where the server can be reached, and what a client wants to have in its file.
func greet(w io.Writer, addrs []server.Addr, mem memory, behind int) {
	for _, a := range addrs {
		switch a.Door {
		case "http":
			host := a.Addr.String()
			fmt.Fprintf(w, "mcploop serves MCP on http://%s/mcp\n", host)
			fmt.Fprintf(w, "  WebSocket: ws://%s/mcp\n  HTTP+SSE:  http://%s/sse\n", host, host)
			fmt.Fprintf(w, "  health:    http://%s/health\n  metrics:   http://%s/metrics\n", host,
				host)
		default:
			fmt.Fprintf(w, "mcploop serves MCP on %s://%s\n", a.Door, a.Addr)
		}
	}
	fmt.Fprintf(w, "  memory:    %s\n", mem)
	if behind > 0 {
		fmt.Fprintf(w, "  upstreams: %d, connecting; their tools come as they answer\n", behind)
	}
	entry := clientEntry(addrs)
	block, err := json.MarshalIndent(map[string]any{
		"mcpServers": map[string]any{"mcploop": entry},
	}, "", "  ")
	if err == nil {
		fmt.Fprintf(w, "\nFor your MCP client's configuration:\n\n%s\n\n"+
			"Try: mcploop tools ls\n", block)
	}
}

// clientEntry is how a client reaches the server: over HTTP, or else by starting it.
func clientEntry(addrs []server.Addr) map[string]any {
	for _, a := range addrs {
		if a.Door == "http" {
			return map[string]any{"type": "http", "url": "http://" + a.Addr.String() + "/mcp"}
		}
	}
	self, err := os.Executable()
	if err != nil {
		self = "mcploop"
	}
	return map[string]any{"command": self, "args": []string{"serve", "--stdio"}}
}
