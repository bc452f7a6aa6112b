package doctor

import (
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
)

// NoLimit is a soft limit that is switched off.
const NoLimit = -1

// softLimit is the soft limit that the server will have.
type softLimit struct {
	bytes int64 // NoLimit: none
	found string
	bad   string // why Go cannot read it
}

// soft is GOMEMLIMIT or, without it, what mcploop serve sets.
func (n Need) soft(env string, limit MemoryLimit) softLimit {
	switch {
	case env == "off":
		return softLimit{bytes: NoLimit, found: "GOMEMLIMIT=off"}
	case env != "":
		bytes, ok := parseGoBytes(env)
		s := softLimit{bytes: bytes, found: "GOMEMLIMIT=" + env}
		if !ok {
			s.bad = "Go does not start a program with a value it cannot read"
		}
		return s
	case n.MemoryLimit == NoLimit:
		return softLimit{bytes: NoLimit, found: "not set, and memory.limit is off"}
	case n.MemoryLimit > 0:
		return softLimit{
			bytes: n.MemoryLimit,
			found: "not set; memory.limit is " + SizeText(n.MemoryLimit),
		}
	}
	bytes := limit.Soft(n.ConnectionsMax)
	return softLimit{bytes: bytes, found: fmt.Sprintf("not set; mcploop serve takes %s of %s (%s)",
		SizeText(bytes), SizeText(limit.Bytes), limit.File)}
}

// goMemory looks at the soft limit of Go's runtime: with a cgroup's limit the collector ought to
// know of it.
func (h Host) goMemory(need Need) Finding {
	limit, known := h.MemoryLimit()
	least, most := need.processBytes(), limit.Soft(need.Connections)
	f := Finding{
		Check: "memory.gomemlimit",
		Wanted: fmt.Sprintf("%s to %s (90 %% of %s, or what the sockets leave of it)",
			SizeText(least), SizeText(most), SizeText(limit.Bytes)),
		Why: "the collector lets the heap double, and then the kernel kills the server",
		Cure: fmt.Sprintf("memory: {limit: auto} in the server's file, or GOMEMLIMIT=%dMiB in its "+
			"environment (Environment=GOMEMLIMIT=%[1]dMiB in its unit)", most>>20),
	}
	switch {
	case !limit.Group: // the host's memory is nobody's in particular
		f.Wanted = fmt.Sprintf("none, or %s to %s", SizeText(least), SizeText(limit.Bytes))
		most = limit.Bytes
	case most < least:
		f.Wanted = "at least " + SizeText(least)
	}
	env, readable := h.env("GOMEMLIMIT")
	switch {
	case !readable:
		return f.unread(h.proc("environ"))
	case len(h.hierarchyOf("memory").dirs) == 0:
		return f.unread(noGroups)
	case !known:
		f.Wanted = "at least " + SizeText(least)
		return f.unread("/proc/meminfo")
	}
	s := need.soft(env, limit)
	f.Found = s.found
	switch {
	case s.bad != "":
		f.Why = s.bad
		return f.judge(false, Fail)
	case s.bytes == NoLimit:
		return f.judge(!limit.Group || 4*least <= limit.Bytes, Warn)
	case s.bytes < least:
		return f.tooLow(need, limit, most)
	}
	return f.judge(s.bytes <= most, Warn)
}

// tooLow is f when the soft limit is below what the connections take; most is what it may be.
func (f Finding) tooLow(need Need, limit MemoryLimit, most int64) Finding {
	f.Why = "below what the connections take the collector runs all the time"
	switch {
	case most >= need.processBytes():
		f.Cure = fmt.Sprintf("GOMEMLIMIT=%dMiB", min(2*need.processBytes(), most)>>20)
	case limit.Group:
		f.Cure = raiseMemory(path.Dir(limit.File), path.Base(limit.File), 2*need.totalBytes())
	default:
		f.Cure = "a host with more memory"
	}
	return f.judge(false, Fail)
}

// parseGoBytes reads a size as Go's runtime does: a number and B, KiB, MiB, GiB, TiB or nothing.
func parseGoBytes(text string) (int64, bool) {
	digits, shift := text, 0
	for i, unit := range []string{"B", "KiB", "MiB", "GiB", "TiB"} {
		number, ok := strings.CutSuffix(text, unit)
		if _, err := strconv.ParseUint(number, 10, 63); ok && err == nil {
			digits, shift = number, 10*i
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift {
		return 0, false
	}
	return n << shift, true
}
