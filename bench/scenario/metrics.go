package scenario

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/bench/proc"
	"github.com/mcploop/mcploop/bench/prom"
	"github.com/mcploop/mcploop/bench/result"
)

// The metrics that are looked for. Those of the Go runtime are VictoriaMetrics' names, which the
// official client shares in part; what a server does not tell is not measured.
const (
	metricGCPauses   = "go_gc_pauses_seconds" // histogram
	metricGCCPU      = "go_gc_cpu_seconds_total"
	metricHeap       = "go_memstats_heap_inuse_bytes"
	metricGoroutines = "go_goroutines"
	metricProcs      = "go_gomaxprocs"
	metricLoops      = "mcploop_loop_wakeups_total" // has a label loop
)

// askMetrics finds the server's metrics, at the given URL or, by default, where an HTTP server
// usually has them, and takes from them what the server is.
func (t *target) askMetrics(ctx context.Context, url string) error {
	given := url != ""
	if !given {
		if !strings.HasPrefix(t.opt.Transport, "http-") || t.tls {
			return nil
		}
		url = "http://" + t.opt.Addr + "/metrics"
	}
	page, err := prom.Get(ctx, url)
	if err != nil {
		if given {
			return err
		}
		return nil // the server has none
	}
	t.metrics = url
	t.said.Loops = page.Labels(metricLoops, "loop")
	if v, ok := page.Value(metricProcs); ok && t.said.Procs == "" {
		t.said.Procs = strconv.Itoa(int(v))
	}
	return nil
}

// processes returns those of the server that are known, each once.
func (t *target) processes() []int {
	var known []int
	for _, pid := range append(t.pids[:len(t.pids):len(t.pids)], t.opt.PID) {
		if pid > 0 && !slices.Contains(known, pid) {
			known = append(known, pid)
		}
	}
	return known
}

// watch looks at the server while a step runs: at its descriptors each second, at its metrics at
// the begin and before the end of the measured time. Between, they are not read: making them is
// work for the server that the step would measure.
type watch struct {
	t     *target
	span  time.Duration
	asked sync.WaitGroup

	mu       sync.Mutex // guards what follows
	from, to *prom.Page
	fds      []int
}

// watchStep begins to look; the metrics of short steps are those before and after it.
func (t *target) watchStep(ctx context.Context, o *load.Options) *watch {
	w := &watch{t: t, span: o.Span}
	w.from = w.page(ctx)
	return w
}

func (w *watch) page(ctx context.Context) *prom.Page {
	if w.t.metrics == "" {
		return nil
	}
	page, _ := prom.Get(ctx, w.t.metrics) // a page that is missing is a figure that is
	return page
}

// second is told of each second of the step.
func (w *watch) second(ctx context.Context, s *result.Sample) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, pid := range w.t.processes() {
		n, _ := proc.DescriptorsOf(pid) // of another user: 0
		s.FDs += n
	}
	w.fds = append(w.fds, s.FDs)
	left := w.span.Seconds() - s.At
	const near = 0.5
	switch {
	case s.At > -near && s.At <= near:
		w.ask(ctx, &w.from)
	case left > near && left <= 1+near && w.span > 3*time.Second:
		w.ask(ctx, &w.to)
	}
}

// ask reads the metrics into at; w.asked says when. Nobody who measures waits for it.
func (w *watch) ask(ctx context.Context, at **prom.Page) {
	w.asked.Go(func() {
		if page := w.page(ctx); page != nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			*at = page
		}
	})
}

// end adds what was seen to the step.
func (w *watch) end(ctx context.Context, step *result.Step) {
	w.asked.Wait()
	for i, n := range w.fds {
		if i < len(step.Load.Timeline) {
			step.Load.Timeline[i].FDs = n
		}
	}
	if n := len(w.fds); n > 0 && w.fds[n-1] > 0 {
		step.Add("descriptors", "", float64(w.fds[n-1]), result.Neither)
	}
	threads := 0
	for _, pid := range w.t.processes() {
		n, _ := proc.ThreadsOf(pid)
		threads += n
	}
	if threads > 0 {
		step.Add("threads", "", float64(threads), result.Neither)
	}
	if w.to == nil {
		w.to = w.page(ctx)
	}
	if w.to != nil {
		addMetrics(step, w.from, w.to)
	}
}

// addMetrics adds what the pages before and after a step tell of it.
func addMetrics(step *result.Step, from, to *prom.Page) {
	if p99, ok := prom.Quantile(from, to, metricGCPauses, 0.99); ok && !math.IsInf(p99, 1) {
		step.Add("GC pause p99", "us", p99*1e6, result.Less)
	}
	if gc, ok := to.Value(metricGCCPU); ok && from != nil && step.Load.Server.CPUSeconds > 0 {
		before, _ := from.Value(metricGCCPU)
		step.Add("GC share of CPU", "", (gc-before)/step.Load.Server.CPUSeconds, result.Less)
	}
	if v, ok := to.Value(metricHeap); ok {
		step.Add("heap", "MB", v/(1<<20), result.Neither)
	}
	if v, ok := to.Value(metricGoroutines); ok {
		step.Add("goroutines", "", v, result.Neither)
	}
}
