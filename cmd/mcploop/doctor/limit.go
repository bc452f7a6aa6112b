package doctor

import (
	"math"
	"path"
)

// What a connection costs. connBytes is the largest idle figure of docs/numbers.md, section
// "Listeners": 15,000 legacy GET streams, sessions included. socketBytes is the kernel's part of a
// TCP connection, section "Memory": no figure of the process has it in it, but a cgroup counts it.
// serverBytes is the process before they come, of the same section.
const (
	connBytes   int64 = 1147     // 1.12 KiB
	socketBytes int64 = 5120     // 5.0 KiB
	serverBytes int64 = 14 << 20 // 13.2 MB, and some more

	connKiB   = float64(connBytes) / 1024
	socketKiB = float64(socketBytes) / 1024
)

// MemoryLimit is the least of what bounds the memory of a process.
type MemoryLimit struct {
	Bytes int64
	File  string // what says so: memory.max, memory.high or that of version 1; /proc/meminfo
	Group bool   // File is a cgroup's: somebody set this memory aside
}

// MemoryLimit looks at every level of the process's cgroups, in both versions, and at the memory
// of the host. known is false when nothing could be read.
func (h Host) MemoryLimit() (least MemoryLimit, known bool) {
	least = MemoryLimit{Bytes: math.MaxInt64, File: "/proc/meminfo"}
	if total, ok := h.meminfo("MemTotal:"); ok {
		least.Bytes = total
	}
	hi := h.hierarchyOf("memory")
	names := []string{"memory.limit_in_bytes"}
	if hi.v2 {
		names = []string{"memory.max", "memory.high"}
	}
	for _, name := range names {
		if n, dir, ok := h.tightest(hi.dirs, name); ok && n < least.Bytes {
			least = MemoryLimit{n, path.Join(dir, name), true}
		}
	}
	if n, ok := h.hiddenLimit(hi); ok && n < least.Bytes {
		least = MemoryLimit{n, path.Join(hi.dirs[0], hiddenFile), true}
	}
	return least, least.Bytes != math.MaxInt64
}

const hiddenFile = "memory.stat"

// hiddenLimit is that of a group which a container does not see, if it is below all that it does
// see: version 1 has it in the statistics of the groups below.
func (h Host) hiddenLimit(hi hierarchy) (int64, bool) {
	if hi.v2 || len(hi.dirs) == 0 {
		return 0, false
	}
	seen, _, _ := h.tightest(hi.dirs, "memory.limit_in_bytes")
	n := h.statLine(path.Join(hi.dirs[0], hiddenFile), "hierarchical_memory_limit")
	return n, n > 0 && n < noLimit && n < seen
}

// Soft is what mcploop serve makes of the limit with memory.limit auto: 90 %, or what the sockets
// of so many connections leave, which are the kernel's memory and which Go does not count; half
// of it at least.
func (l MemoryLimit) Soft(connections int) int64 {
	left := l.Bytes - int64(connections)*socketBytes
	return max(l.Bytes/2, min(l.Bytes/10*9, left))
}

// GOGC is what mcploop serve takes with memory.gogc auto below a soft limit of so many bytes, which
// somebody set: memory that is set aside saves CPU. With 400 the heap grows to five times what is
// alive, that is to half of the limit at most, and calls in flight have the other half.
// docs/numbers.md, section "Garbage collector", has what each value costs.
func GOGC(soft int64, connections int) int {
	need := Need{Connections: connections}
	switch live := need.processBytes(); {
	case soft >= 10*live:
		return 400
	case soft >= 6*live:
		return 200
	}
	return DefaultGOGC
}

// DefaultGOGC is Go's own: the heap grows to twice what is alive.
const DefaultGOGC = 100
