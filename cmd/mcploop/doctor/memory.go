package doctor

import (
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
)

// What a connection costs, from docs/numbers.md: the largest idle figure of the server's own
// resident memory, a legacy GET stream with its session; and the kernel's part of a socket,
// which no figure of the process has in it.
const (
	connBytes   = 1475     // 1.44 KiB
	socketBytes = 5120     // 5.0 KiB
	serverBytes = 14 << 20 // without connections
)

func (n Need) processBytes() int64 { return serverBytes + int64(n.Connections)*connBytes }

func (n Need) totalBytes() int64 { return n.processBytes() + int64(n.Connections)*socketBytes }

func (h Host) memory(need Need) []Finding {
	found := []Finding{h.freeMemory(need)}
	for _, name := range []string{"memory.max", "memory.high"} {
		if f, ok := h.groupMemory(need, name); ok {
			found = append(found, f)
		}
	}
	return append(found, h.goMemory(need))
}

// memoryFinding is what all memory checks want: room is bytes that may still be used.
func memoryFinding(need Need, check string, room int64) Finding {
	want := need.totalBytes()
	f := Finding{
		Check: check,
		Wanted: fmt.Sprintf("%s and as much again for calls in flight (%d connections of "+
			"1.44 + 5.0 KiB)", bytesText(want), need.Connections),
		Why: "docs/numbers.md: 1.44 KiB of the server for an idle legacy GET stream, the largest " +
			"idle connection; 5.0 KiB of the kernel for its socket",
	}
	if room < want {
		return f.judge(false, Fail)
	}
	return f.judge(room >= 2*want, Warn)
}

func (h Host) freeMemory(need Need) Finding {
	const name = "/proc/meminfo"
	free, ok := h.meminfo("MemAvailable:")
	f := memoryFinding(need, "memory.free", free)
	if !ok {
		return f.unread(name)
	}
	f.Found = bytesText(free) + " available (MemAvailable)"
	if f.Status != OK {
		f.Cure = "ps -eo rss,comm --sort=-rss | head shows who has it; else a host with more"
	}
	return f
}

// meminfo returns a line of /proc/meminfo in bytes.
func (h Host) meminfo(key string) (int64, bool) {
	text, _ := h.text("/proc/meminfo")
	for line := range strings.SplitSeq(text, "\n") {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == key {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			return n * 1024, err == nil
		}
	}
	return 0, false
}

// groupMemory looks at the cgroup with the least room under limit, which is memory.max or
// memory.high; version 1 has the first only, under another name.
func (h Host) groupMemory(need Need, limit string) (Finding, bool) {
	hi := h.hierarchyOf("memory")
	usage, cache, file := "memory.current", "inactive_file", limit
	if !hi.v2 {
		usage, cache, file = "memory.usage_in_bytes", "total_inactive_file", "memory.limit_in_bytes"
		if limit == "memory.high" {
			return Finding{}, false
		}
	}
	check := "memory.cgroup." + strings.TrimPrefix(limit, "memory.")
	if len(hi.dirs) == 0 {
		return memoryFinding(need, check, 0).unread(noGroups), true
	}
	room, most, where := int64(math.MaxInt64), int64(0), ""
	for _, dir := range hi.dirs {
		n, ok := h.number(path.Join(dir, file))
		if !ok || n >= noLimit {
			continue
		}
		used, _ := h.number(path.Join(dir, usage))
		used -= h.statLine(path.Join(dir, "memory.stat"), cache) // given back when it is wanted
		if n-used < room {
			room, most, where = n-used, n, dir
		}
	}
	f := memoryFinding(need, check, room)
	if where == "" {
		f.Found = "no limit (" + file + ")"
		return f, true
	}
	f.Found = fmt.Sprintf("%s left of %s (%s)", bytesText(room), bytesText(most),
		path.Join(where, file))
	if f.Status == OK {
		return f, true
	}
	want := most - room + 2*need.totalBytes()
	property := map[string]string{"memory.max": "MemoryMax", "memory.high": "MemoryHigh"}[limit]
	f.Cure = groupCure(where, file, strconv.FormatInt(want, 10), property,
		strconv.FormatInt(want, 10))
	if limit == "memory.high" { // above it the kernel slows down, it does not kill
		f.Status, f.Why = Warn, "above memory.high the kernel slows every allocation down; "+f.Why
	}
	return f, true
}

func (h Host) statLine(name, key string) int64 {
	text, _ := h.text(name)
	for line := range strings.SplitSeq(text, "\n") {
		if value, ok := strings.CutPrefix(line, key+" "); ok {
			n, _ := strconv.ParseInt(value, 10, 64)
			return n
		}
	}
	return 0
}

// groupCure raises a limit the way the owner of the folder wants: systemd owns its units.
func groupCure(dir, file, value, property, propertyValue string) string {
	unit := path.Base(dir)
	switch path.Ext(unit) {
	case ".service", ".slice", ".scope":
		return fmt.Sprintf("systemctl set-property %s %s=%s", unit, property, propertyValue)
	}
	return fmt.Sprintf("echo %s >%s (or the container's own setting)", value, path.Join(dir, file))
}

// groupLimit is the smaller of memory.max and memory.high over all levels.
func (h Host) groupLimit(hi hierarchy) (limit int64, limited bool) {
	if !hi.v2 {
		n, _, ok := h.tightest(hi.dirs, "memory.limit_in_bytes")
		return n, ok
	}
	most, _, okMost := h.tightest(hi.dirs, "memory.max")
	high, _, okHigh := h.tightest(hi.dirs, "memory.high")
	return min(most, high), okMost || okHigh
}

// goMemory looks at GOMEMLIMIT: with a cgroup's limit the collector ought to know of it.
func (h Host) goMemory(need Need) Finding {
	f := Finding{
		Check: "memory.gomemlimit",
		Why:   "the collector lets the heap double, and then the kernel kills the server",
	}
	hi := h.hierarchyOf("memory")
	limit, limited := h.groupLimit(hi)
	wanted := limit / 10 * 9
	f.Wanted = "not above 90 % of the cgroup's limit"
	if !limited {
		total, _ := h.meminfo("MemTotal:")
		wanted, f.Wanted = total, "nothing: the cgroup has no limit"
	}
	f.Cure = fmt.Sprintf("GOMEMLIMIT=%dMiB in the environment of mcploop serve "+
		"(Environment=GOMEMLIMIT=%[1]dMiB in its unit)", wanted>>20)
	text, readable := h.env("GOMEMLIMIT")
	switch {
	case !readable:
		return f.unread(h.proc("environ"))
	case len(hi.dirs) == 0:
		return f.unread(noGroups)
	case text == "" || text == "off":
		f.Found = "not set"
		return f.judge(!limited || 4*need.processBytes() <= limit, Warn)
	}
	f.Found = "GOMEMLIMIT=" + text
	if !limited {
		f.Wanted = "not above the host's memory"
		if wanted == 0 {
			return f.unread("/proc/meminfo")
		}
	}
	n, ok := parseGoBytes(text)
	if !ok {
		f.Why = "Go does not start a program with a value it cannot read"
		return f.judge(false, Fail)
	}
	if n < need.processBytes() {
		f.Wanted = "at least " + bytesText(need.processBytes())
		f.Why = "below what the connections take the collector runs all the time"
		f.Cure = fmt.Sprintf("GOMEMLIMIT=%dMiB", 2*need.processBytes()>>20+1)
		return f.judge(false, Fail)
	}
	return f.judge(n <= wanted, Warn)
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
