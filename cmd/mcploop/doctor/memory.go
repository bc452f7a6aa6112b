package doctor

import (
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
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
			"%.2f + %.1f KiB)", SizeText(want), need.Connections, connKiB, socketKiB),
		Why: fmt.Sprintf("docs/numbers.md: %.2f KiB of the server for an idle legacy GET stream, "+
			"the largest idle connection; %.1f KiB of the kernel for its socket", connKiB,
			socketKiB),
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
	f.Found = SizeText(free) + " available (MemAvailable)"
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
	if above, ok := h.hiddenLimit(hi); ok && limit == "memory.max" {
		used, _ := h.number(path.Join(hi.dirs[0], usage))
		room, most, where, file = above-used, above, hi.dirs[0], hiddenFile
	}
	f := memoryFinding(need, check, room)
	if where == "" {
		f.Found = "no limit (" + file + ")"
		return f, true
	}
	f.Found = fmt.Sprintf("%s left of %s (%s)", SizeText(room), SizeText(most),
		path.Join(where, file))
	if f.Status == OK {
		return f, true
	}
	f.Cure = raiseMemory(where, file, most-room+2*need.totalBytes())
	if limit == "memory.high" { // above it the kernel slows down, it does not kill
		f.Status, f.Why = Warn, "above memory.high the kernel slows every allocation down; "+f.Why
	}
	return f, true
}

// raiseMemory is the command that sets the limit in a group's file.
func raiseMemory(dir, file string, want int64) string {
	value := strconv.FormatInt(want, 10)
	if file == hiddenFile {
		return "raise the memory limit of the container or pod to " + value + " bytes"
	}
	property := "MemoryMax"
	if file == "memory.high" {
		property = "MemoryHigh"
	}
	return groupCure(dir, file, value, property, value)
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
