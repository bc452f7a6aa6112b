package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"

	"github.com/mcploop/mcploop/cmd/mcploop/doctor"
	"github.com/mcploop/mcploop/server/config"
)

// Where a setting of Go's runtime came from, as the metrics have it.
const (
	fromEnvironment = "environment"
	fromConfig      = "config"
	fromCgroup      = "cgroup"
	fromHost        = "host" // its whole memory, which nobody set aside
	fromNowhere     = "none"
	fromDefault     = "default"
)

// memory is what Go's runtime was told of memory, and by whom.
type memory struct {
	limit, limitFrom string // in words; a from... above
	gogc, gogcFrom   string
}

// setMemory tells Go's runtime what the configuration says of memory, unless the environment has
// told it already. It is for the whole process: call it once, before the server is made.
func setMemory(cfg *config.Config, host doctor.Host) (memory, error) {
	var m memory
	m.setLimit(cfg, host)
	err := m.setGOGC(cfg)
	m.gogc = config.Off
	if percent := runtimeMemory().gogc; percent != math.MaxUint64 {
		m.gogc = fmt.Sprint(percent)
	}
	return m, err
}

func (m *memory) setLimit(cfg *config.Config, host doctor.Host) {
	n, isNumber := cfg.Memory.LimitBytes()
	switch env := os.Getenv("GOMEMLIMIT"); { // Go takes an empty one for none, too
	case env != "":
		m.limit, m.limitFrom = "GOMEMLIMIT="+env, fromEnvironment
	case isNumber:
		debug.SetMemoryLimit(n)
		m.limit, m.limitFrom = doctor.SizeText(n)+" (memory.limit)", fromConfig
	case cfg.Memory.Limit == config.Off:
		m.limit, m.limitFrom = "none (memory.limit off)", fromConfig
	default:
		m.setAuto(cfg, host)
	}
}

// setAuto takes the limit from the cgroup or the host.
func (m *memory) setAuto(cfg *config.Config, host doctor.Host) {
	limit, known := host.MemoryLimit()
	if !known {
		m.limit, m.limitFrom = "none (neither cgroup nor host tell one)", fromNowhere
		return
	}
	soft := limit.Soft(cfg.Limits.Connections)
	debug.SetMemoryLimit(soft)
	m.limit = fmt.Sprintf("%s of %s (%s)", doctor.SizeText(soft), doctor.SizeText(limit.Bytes),
		limit.File)
	if m.limitFrom = fromHost; limit.Group {
		m.limitFrom = fromCgroup
	}
}

func (m *memory) setGOGC(cfg *config.Config) error {
	soft := runtimeMemory().limit
	n, isNumber := cfg.Memory.GOGCPercent()
	switch {
	case os.Getenv("GOGC") != "":
		m.gogcFrom = fromEnvironment
		return nil
	case isNumber:
		m.gogcFrom = fromConfig
	case cfg.Memory.GOGC == config.Off:
		if soft == math.MaxInt64 {
			return fmt.Errorf("cannot use memory.gogc off: the memory limit is %s, so nothing "+
				"would ever be collected; set memory.limit or GOMEMLIMIT, or a number", m.limit)
		}
		n, m.gogcFrom = -1, fromConfig
	default:
		n, m.gogcFrom = doctor.DefaultGOGC, fromDefault
		if soft != math.MaxInt64 && m.limitFrom != fromHost { // somebody set it aside
			n, m.gogcFrom = int64(doctor.GOGC(int64(soft), cfg.Limits.Connections)), m.limitFrom
		}
	}
	debug.SetGCPercent(int(n))
	return nil
}

// String is for the greeting.
func (m memory) String() string {
	return fmt.Sprintf("limit %s, GOGC %s (%s)", m.limit, m.gogc, m.gogcFrom)
}

// writeMetrics writes what the runtime keeps to at the moment, and what counts against the limit.
// Safe for concurrent use.
func (m memory) writeMetrics(w io.Writer) {
	now := runtimeMemory()
	fmt.Fprintf(w, "mcploop_memory_bytes %d\n", now.used)
	fmt.Fprintf(w, "mcploop_memory_bytes_max{source=%q} %s\n", m.limitFrom,
		orInf(now.limit, math.MaxInt64))
	fmt.Fprintf(w, "mcploop_memory_gogc_percent{source=%q} %s\n", m.gogcFrom,
		orInf(now.gogc, math.MaxUint64))
}

// orInf writes what stands for no limit as Prometheus has it.
func orInf(n, none uint64) string {
	if n == none {
		return "+Inf"
	}
	return fmt.Sprint(n)
}

// runtimeState is what Go's runtime says of its memory.
type runtimeState struct {
	used  uint64 // bytes that count against the limit
	limit uint64 // bytes; math.MaxInt64: none
	gogc  uint64 // percent; math.MaxUint64: off
}

func runtimeMemory() runtimeState {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/gc/gomemlimit:bytes"},
		{Name: "/gc/gogc:percent"},
	}
	metrics.Read(samples)
	value := func(i int) uint64 { return samples[i].Value.Uint64() }
	return runtimeState{used: value(0) - value(1), limit: value(2), gogc: value(3)}
}
