package doctor

import (
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
)

// messageMicros is the server's CPU for a call over HTTP, modern, with 256 connections, on the
// machine of docs/numbers.md: the dearest of its inline calls with one in flight.
const messageMicros = 4.5

// cores is the CPU time that the process can have.
type cores struct {
	allowed int     // by affinity and cpuset
	quota   float64 // CPUs' worth of time for each period; 0: no quota
	leaf    bool    // the quota is the process's own group's, where Go looks for it
	dir     string  // the folder that has the quota
	v2      bool
	known   bool // whether there is a quota could be told
}

// most is how many cores' worth of time there is.
func (c cores) most() float64 {
	if c.quota > 0 {
		return min(c.quota, float64(c.allowed))
	}
	return float64(c.allowed)
}

// cores reads affinity and quota; allowed is 0 when it cannot be read.
func (h Host) cores() cores {
	hi := h.hierarchyOf("cpu")
	c := cores{allowed: h.allowed(), v2: hi.v2, known: len(hi.dirs) > 0}
	for i, dir := range hi.dirs {
		quota, ok := h.quota(dir, hi.v2)
		if ok && (c.quota == 0 || quota < c.quota) {
			c.quota, c.dir, c.leaf = quota, dir, i == 0
		}
	}
	return c
}

// quota returns how many CPUs' worth of time a group has, if it is bounded.
func (h Host) quota(dir string, v2 bool) (float64, bool) {
	if !v2 {
		quota, ok := h.number(path.Join(dir, "cpu.cfs_quota_us"))
		period, okPeriod := h.number(path.Join(dir, "cpu.cfs_period_us"))
		return float64(quota) / float64(max(period, 1)), ok && okPeriod && quota > 0
	}
	var quota, period float64
	text, _ := h.text(path.Join(dir, "cpu.max"))
	if n, _ := fmt.Sscanf(text, "%g %g", &quota, &period); n != 2 || period <= 0 {
		return 0, false // "max"
	}
	return quota / period, true
}

// allowed counts the cores that the process may run on.
func (h Host) allowed() int {
	text, _ := h.text(h.proc("status"))
	for line := range strings.SplitSeq(text, "\n") {
		list, ok := strings.CutPrefix(line, "Cpus_allowed_list:")
		if !ok {
			continue
		}
		count := 0
		for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
			first, last, isRange := strings.Cut(part, "-")
			low, err := strconv.Atoi(first)
			high := low
			if isRange && err == nil {
				high, err = strconv.Atoi(last)
			}
			if err != nil {
				return 0
			}
			count += high - low + 1
		}
		return count
	}
	return 0
}

func (h Host) cpu(need Need) []Finding {
	c := h.cores()
	return []Finding{h.enoughCores(need, c), h.quotaFinding(c), h.goCores(need, c)}
}

// enoughCores compares the rate with what the cores can do at 70 % of their time.
func (h Host) enoughCores(need Need, c cores) Finding {
	busy := float64(need.Rate) * messageMicros / 1e6
	f := Finding{
		Check:  "cpu.cores",
		Found:  fmt.Sprintf("%.4g cores", c.most()),
		Wanted: fmt.Sprintf("%.2f, which are then busy for 70 %%", busy/0.7),
		Why: fmt.Sprintf("docs/numbers.md: %.1f us for an inline call over HTTP on its machine; "+
			"%d a second take %.2f cores, tools of your own come on top",
			messageMicros, need.Rate, busy),
		Cure: fmt.Sprintf("a host with %.0f cores, or a lower rate for each host",
			math.Ceil(busy/0.7)),
	}
	if need.Rate == 0 {
		f.Wanted, f.Why = "nothing: no --rate was given", "a rate of messages takes cores"
	}
	switch {
	case c.allowed == 0:
		return f.unread(h.proc("status"))
	case c.quota > 0 && float64(c.allowed) >= busy/0.7:
		f.Cure = c.raise(math.Ceil(busy / 0.7))
	}
	if c.most() < busy {
		return f.judge(false, Fail)
	}
	return f.judge(c.most() >= busy/0.7, Warn)
}

// raise is the command that gives the group so many CPUs' worth of time.
func (c cores) raise(count float64) string {
	percent := fmt.Sprintf("%.0f%%", count*100)
	if c.v2 {
		value := fmt.Sprintf("'%.0f 100000'", count*100_000)
		return groupCure(c.dir, "cpu.max", value, "CPUQuota", percent)
	}
	period := "$(($(cat " + path.Join(c.dir, "cpu.cfs_period_us") + ")*" +
		strconv.Itoa(int(count)) + "))"
	return groupCure(c.dir, "cpu.cfs_quota_us", period, "CPUQuota", percent)
}

// quotaFinding is about a quota of a broken number of CPUs, which GOMAXPROCS cannot fit.
func (h Host) quotaFinding(c cores) Finding {
	f := Finding{
		Check:  "cpu.quota",
		Found:  "no quota",
		Wanted: "no quota, or whole CPUs",
		Why: "GOMAXPROCS is rounded up; a group that has used up its time stands still until the " +
			"next period, 100 ms by default, with all its connections",
	}
	if !c.known {
		return f.unread(noGroups)
	}
	if c.quota == 0 {
		return f.judge(true, OK)
	}
	f.Found = fmt.Sprintf("%.4g CPUs (%s)", c.quota, c.dir)
	f.Cure = c.raise(math.Ceil(c.quota))
	return f.judge(c.quota == math.Floor(c.quota) || c.quota >= float64(c.allowed), Warn)
}

// goCores looks at GOMAXPROCS, the variable or what Go makes of the quota: its own group's,
// rounded up, not below 2.
func (h Host) goCores(need Need, c cores) Finding {
	want := max(1, int(math.Ceil(c.most()-0.01)))
	f := Finding{
		Check:  "cpu.gomaxprocs",
		Wanted: fmt.Sprintf("%d", want),
		Why:    "more than the quota stops all loops within a period; fewer leave cores idle",
		Cure: fmt.Sprintf("GOMAXPROCS=%d in the environment of mcploop serve "+
			"(Environment=GOMAXPROCS=%[1]d in its unit)", want),
	}
	text, readable := h.env("GOMAXPROCS")
	switch {
	case c.allowed == 0:
		return f.unread(h.proc("status"))
	case !readable:
		return f.unread(h.proc("environ"))
	case !c.known:
		return f.unread(noGroups)
	}
	procs := c.allowed
	if c.quota > 0 && c.leaf {
		procs = min(procs, max(2, int(math.Ceil(c.quota))))
	}
	f.Found = fmt.Sprintf("not set; Go takes %d", procs)
	if text != "" {
		f.Found = "GOMAXPROCS=" + text
		n, err := strconv.Atoi(text)
		if err == nil && n > 0 { // Go ignores the others
			procs = n
		}
	}
	busy := float64(need.Rate) * messageMicros / 1e6
	if procs < want && float64(procs) < busy {
		return f.judge(false, Fail)
	}
	return f.judge(procs == want, Warn)
}

// threads looks at pids.max: a thread is a pid.
func (h Host) threads(need Need) []Finding {
	c := h.cores()
	workers := need.Workers
	if workers == 0 {
		workers = 64 * max(c.allowed, 1)
	}
	const spare = 32 // of Go's runtime, and for the loops
	least := int64(max(c.allowed, 1) + spare)
	want := least + int64(workers)
	f := Finding{
		Check:  "pids.max",
		Found:  "no limit",
		Wanted: fmt.Sprintf("%d more (workers.count %d + cores + %d)", want, workers, spare),
		Why:    "a worker whose tool is in a system call has a thread; Go dies when it gets none",
	}
	hi := h.hierarchyOf("pids")
	if len(hi.dirs) == 0 {
		return []Finding{f.unread(noGroups)}
	}
	room := int64(math.MaxInt64)
	for _, dir := range hi.dirs {
		n, ok := h.number(path.Join(dir, "pids.max"))
		used, _ := h.number(path.Join(dir, "pids.current"))
		if !ok || n-used >= room {
			continue
		}
		room = n - used
		f.Found = fmt.Sprintf("pids.max %d, %d in use (%s)", n, used, dir)
		more := strconv.FormatInt(used+want, 10)
		f.Cure = groupCure(dir, "pids.max", more, "TasksMax", more)
	}
	if room < least {
		return []Finding{f.judge(false, Fail)}
	}
	return []Finding{f.judge(room >= want, Warn)}
}
