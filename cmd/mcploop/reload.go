package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/admin"
	"github.com/mcploop/mcploop/server/config"
)

// reloader takes a changed configuration file over into the server that runs with it. It is built
// and checked as a whole before anything is changed.
type reloader struct {
	f     *serveFlags
	s     *server.Server // set before anybody can ask
	level slog.LevelVar

	mu      sync.Mutex     // guards the rest; one reload at a time
	started *config.Config // what cold keys are still at
	now     *config.Config // what hot keys are at
	sum     config.Sum     // of the file in use
	tried   config.Sum     // of the file as it was read last
	loaded  time.Time      // when the file in use was read
	restart int            // cold keys that wait
	counts  map[string]int // by the report's result
}

// loadFunc is config.LoadFirst or config.LoadAgain.
type loadFunc func(path string) (*config.Config, config.Sum, error)

// Results of a reload.
const (
	resultChanged   = "changed"
	resultUnchanged = "unchanged"
	resultFailed    = "failed"
)

// reloadReport is what a reload has done.
type reloadReport struct {
	File   string `json:"file"`
	Result string `json:"result"`
	Sum    string `json:"sha256,omitempty"` // its beginning
	Error  string `json:"error,omitempty"`  // why nothing was changed

	server.UpstreamChanges
	Keys    map[string][]string `json:"keys,omitempty"`    // of each changed upstream
	Views   []string            `json:"views,omitempty"`   // that came, went or changed
	Applied []string            `json:"applied,omitempty"` // other keys, with their values
	Restart []string            `json:"restart,omitempty"` // those that wait for a restart
}

func newReloader(f *serveFlags, cfg *config.Config, sum config.Sum) *reloader {
	return &reloader{
		f: f, started: cfg, now: cfg, sum: sum, tried: sum, loaded: time.Now(),
		counts: map[string]int{resultChanged: 0, resultUnchanged: 0, resultFailed: 0},
	}
}

// begin takes changes over from now on, until ctx ends and end was called. Without a file there are
// none.
func (re *reloader) begin(ctx context.Context, s *server.Server) (end func(), err error) {
	re.s = s
	if re.f.file == "" {
		return func() {}, nil
	}
	shut, err := re.open()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	hups := make(chan os.Signal, 1)
	signal.Notify(hups, syscall.SIGHUP)
	var all sync.WaitGroup
	all.Go(func() { re.onSignal(ctx, hups) })
	all.Go(func() { watchFile(ctx, re.f.file, re.onChange, s.Log()) })
	return func() {
		signal.Stop(hups)
		stop()
		shut()
		all.Wait()
	}, nil
}

// open opens the endpoint of mcploop reload. One that nobody asked for may be missing.
func (re *reloader) open() (end func(), err error) {
	addr, ok := admin.For(re.started.Admin.Listen, re.f.file)
	if !ok {
		return func() {}, nil
	}
	endpoint, err := admin.Open(addr, re)
	if err == nil {
		return endpoint.Close, nil
	}
	if re.started.Admin.Listen != config.Auto {
		return nil, err
	}
	re.s.Log().Warn("mcploop reload and explain will not find this server; SIGHUP works",
		"reason", err)
	return func() {}, nil
}

// onSignal reloads at each SIGHUP, until ctx ends.
func (re *reloader) onSignal(ctx context.Context, hups <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hups:
			re.reload(false)
		}
	}
}

// onChange is told that the file may have changed.
func (re *reloader) onChange() { re.reload(true) }

// Reload implements admin.Controls.
func (re *reloader) Reload() (report any, ok bool) {
	r := re.reload(false)
	return r, r.Result != resultFailed
}

// reload takes the file over, or says why not. One that was only seen to change, and has the bytes
// that were looked at before, is left alone.
func (re *reloader) reload(seen bool) *reloadReport {
	re.mu.Lock()
	defer re.mu.Unlock()
	report := &reloadReport{File: re.f.file, Result: resultUnchanged}
	if seen && !re.now.Reload.Watch {
		return report
	}
	cfg, sum, err := re.f.config(config.LoadAgain)
	if seen && sum == re.tried {
		return report
	}
	re.tried = sum
	if err == nil {
		report.Sum = sum.String()
		err = re.apply(cfg, report)
	}
	if err != nil {
		report.Result, report.Error = resultFailed, err.Error()
	} else {
		re.sum, re.loaded = sum, time.Now()
	}
	re.counts[report.Result]++
	re.tell(report)
	return report
}

// apply makes the server one of cfg, as far as it can while it serves; after an error nothing has
// changed. mu is held.
func (re *reloader) apply(cfg *config.Config, report *reloadReport) error {
	list, err := upstreamList(cfg, hostOf(re.s))
	if err != nil {
		return err
	}
	changes, err := re.s.Configure(server.Configuration{
		Upstreams: list, Views: viewOptions(cfg), Adjustable: adjustable(cfg),
	})
	if err != nil {
		return err
	}
	re.level.Set(logLevel(cfg.Log))
	report.UpstreamChanges, report.Keys = changes.UpstreamChanges, map[string][]string{}
	report.Views = changes.Views
	for _, ch := range cfg.Diff(re.now) {
		if name, key, ok := ch.OfUpstream(); ok {
			report.Keys[name] = append(report.Keys[name], key)
		} else if ch.Hot && !ch.OfView() {
			report.Applied = append(report.Applied, ch.Values())
		}
	}
	for name := range report.Keys {
		if !slices.Contains(changes.Changed, name) {
			delete(report.Keys, name)
		}
	}
	for _, ch := range cfg.Diff(re.started) {
		if !ch.Hot {
			report.Restart = append(report.Restart, ch.Values())
		}
	}
	re.now, re.restart = cfg, len(report.Restart)
	if len(changes.Added)+len(changes.Removed)+len(changes.Changed)+len(changes.Views)+
		len(report.Applied) > 0 {
		report.Result = resultChanged
	}
	return nil
}

// adjustable are the keys, beside upstreams and the log's level, that are hot.
func adjustable(cfg *config.Config) server.Adjustable {
	opt := serverOptions(cfg, io.Discard)
	return server.Adjustable{
		Security: opt.Security, DrainTimeout: opt.DrainTimeout, SessionsMax: opt.Sessions.Max,
		SessionsMaxPerPrincipal: opt.Sessions.MaxPerPrincipal,
		SessionsIdleTTL:         opt.Sessions.IdleTTL,
		CallTimeout:             opt.CallTimeout,
		ListTTL:                 opt.Lists.TTL, CacheScope: opt.Lists.CacheScope,
		InputTimeout: opt.Input.Timeout, StateTTL: opt.Input.StateTTL,
	}
}

// tell logs what a reload has done.
func (re *reloader) tell(r *reloadReport) {
	log := re.s.Log().With("file", r.File)
	if r.Result == resultFailed {
		log.Error("configuration was not taken over, everything stays as it is", "reason", r.Error)
		return
	}
	log.Info("configuration was read again", "result", r.Result, "sha256", r.Sum,
		"added", commas(r.Added), "removed", commas(r.Removed), "changed", commas(r.Changed),
		"kept", len(r.Kept), "views", commas(r.Views), "applied", commas(r.Applied))
	if len(r.Restart) > 0 {
		log.Warn("keys wait for a restart", "keys", strings.Join(r.Restart, "; "))
	}
}

// writeMetrics writes what is known of reloads. Safe for concurrent use.
func (re *reloader) writeMetrics(w io.Writer) {
	re.mu.Lock()
	defer re.mu.Unlock()
	for _, result := range []string{resultChanged, resultFailed, resultUnchanged} {
		fmt.Fprintf(w, "mcploop_reloads_total{result=%q} %d\n", result, re.counts[result])
	}
	fmt.Fprintf(w, "mcploop_config_hash %d\n", re.sum.Number())
	fmt.Fprintf(w, "mcploop_config_loaded_timestamp_seconds %d\n", re.loaded.Unix())
	fmt.Fprintf(w, "mcploop_config_restart_keys %d\n", re.restart)
}

func commas(names []string) string { return strings.Join(names, ", ") }
