package doctor

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// descriptorsSpare is for doors, pollers, timers, logs and the binary itself.
const descriptorsSpare = 256

func (h Host) descriptors(need Need) []Finding {
	want := int64(need.Connections) + descriptorsSpare
	found := []Finding{h.openFiles(want)}
	if f, ok := h.unitFiles(want); ok {
		found = append(found, f)
	}
	return append(found, h.fileMax(want), h.nrOpen(want))
}

// openFiles looks at RLIMIT_NOFILE. The hard limit decides: a Go program raises its soft limit
// to it when it starts.
func (h Host) openFiles(want int64) Finding {
	name := h.proc("limits")
	f := Finding{
		Check:  "descriptors.process",
		Wanted: fmt.Sprintf("hard and soft at least %d (connections + %d)", want, descriptorsSpare),
		Why:    "a connection is a descriptor; mcploop raises soft to hard when it starts",
		Cure: fmt.Sprintf("prlimit --pid $$ --nofile=%d:%d, then start the server from that "+
			"shell; LimitNOFILE=%d in its unit", want, want, want),
	}
	soft, hard, ok := h.limit(name, "Max open files")
	if !ok {
		return f.unread(name)
	}
	f.Found = fmt.Sprintf("soft %s, hard %s", limitText(soft), limitText(hard))
	if hard < want {
		return f.judge(false, Fail)
	}
	return f.judge(soft >= want, Warn)
}

// limit returns one line of /proc/PID/limits.
func (h Host) limit(name, what string) (soft, hard int64, ok bool) {
	text, _ := h.text(name)
	for line := range strings.SplitSeq(text, "\n") {
		rest, ok := strings.CutPrefix(line, what)
		if fields := strings.Fields(rest); ok && len(fields) >= 2 {
			soft, okSoft := parseLimit(fields[0])
			hard, okHard := parseLimit(fields[1])
			return soft, hard, okSoft && okHard
		}
	}
	return 0, 0, false
}

// parseLimit reads a limit of the kernel or of systemd; no limit is the largest number.
func parseLimit(text string) (int64, bool) {
	if text == "unlimited" || text == "infinity" || text == "max" {
		return math.MaxInt64, true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

func limitText(n int64) string {
	if n == math.MaxInt64 {
		return "unlimited"
	}
	return strconv.FormatInt(n, 10)
}

// fileMax looks at the sum over all processes.
func (h Host) fileMax(want int64) Finding {
	const name = "/proc/sys/fs/file-nr" // allocated, free, fs.file-max
	f := Finding{
		Check:  "descriptors.host",
		Wanted: fmt.Sprintf("at least %d more than are in use", want),
		Why:    "fs.file-max bounds the open files of all processes together",
	}
	text, _ := h.text(name)
	fields := strings.Fields(text)
	if len(fields) != 3 {
		return f.unread(name)
	}
	used, _ := parseLimit(fields[0])
	most, ok := parseLimit(fields[2])
	if !ok { // since Linux 5.2 the maximum may pass what fits into 63 bits
		most = math.MaxInt64
	}
	f.Found = fmt.Sprintf("fs.file-max %s, %d in use", limitText(most), used)
	f.Wanted = fmt.Sprintf("at least %d", used+want)
	f.Cure = fmt.Sprintf("sysctl -w fs.file-max=%d", 2*(used+want))
	return f.judge(most >= used+want, Fail)
}

// nrOpen looks at what a hard limit can be raised to.
func (h Host) nrOpen(want int64) Finding {
	const name = "/proc/sys/fs/nr_open"
	f := Finding{
		Check:  "descriptors.nr_open",
		Wanted: fmt.Sprintf("at least %d", want),
		Why:    "no process may raise its hard limit above fs.nr_open",
		Cure:   fmt.Sprintf("sysctl -w fs.nr_open=%d", max(want, 1<<20)),
	}
	n, ok := h.number(name)
	if !ok {
		return f.unread(name)
	}
	f.Found = fmt.Sprintf("fs.nr_open %d", n)
	return f.judge(n >= want, Fail)
}
