package doctor

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
)

// Need is what the host is to do.
type Need struct {
	Connections    int // open at once
	Rate           int // messages per second; 0: not asked for
	ConnectionsMax int // the server's own limits.connections
	Backlog        int // loops.backlog
	Workers        int // workers.count; 0: 64 per core

	MemoryLimit int64 // memory.limit in bytes; 0: auto, NoLimit: off
}

// Host is where to look.
type Host struct {
	Root string // in front of /proc, /sys and /etc; empty: this machine
	PID  int    // the process whose limits count; 0: doctor itself, started as the server will be
	Unit string // systemd unit of the server; empty: the one that the process runs in, if any
}

// Examine looks at everything once. It only reads. It fails when there is no such process.
func (h Host) Examine(need Need) (Report, error) {
	if dir := h.Root + h.proc(""); len(h.list(h.proc(""))) == 0 {
		return Report{}, fmt.Errorf("cannot look at %s: there is no such process", dir)
	}
	r := Report{Connections: need.Connections, Rate: need.Rate}
	for _, look := range []func(Need) []Finding{
		h.server, h.descriptors, h.network, h.memory, h.cpu, h.threads, h.interrupts, h.kernel,
	} {
		r.Findings = append(r.Findings, look(need)...)
	}
	r.Status = r.worst()
	return r, nil
}

// server is about the server's own limit.
func (h Host) server(need Need) []Finding {
	f := Finding{
		Check:  "server.connections",
		Found:  "limits.connections: " + strconv.Itoa(need.ConnectionsMax),
		Wanted: "at least " + strconv.Itoa(need.Connections),
		Why:    "one connection more is refused",
		Cure: "in the file of mcploop serve -c FILE: limits: {connections: " +
			strconv.Itoa(need.Connections) + "}",
	}
	return []Finding{f.judge(need.ConnectionsMax >= need.Connections, Fail)}
}

// text returns a file's contents without the white space around it.
func (h Host) text(name string) (string, bool) {
	data, err := os.ReadFile(h.Root + name)
	return strings.TrimSpace(string(data)), err == nil
}

// number returns a file's number. What is no number ("max") is reported as not there.
func (h Host) number(name string) (int64, bool) {
	text, ok := h.text(name)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// list returns the names in a folder, none when there is none. The path is not cleaned, since
// the kernel follows a link before it goes up again.
func (h Host) list(dir string) []string {
	entries, err := os.ReadDir(h.Root + dir)
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// proc is the folder of the process whose limits count.
func (h Host) proc(name string) string {
	if h.PID == 0 {
		return path.Join("/proc/self", name)
	}
	return path.Join("/proc", strconv.Itoa(h.PID), name)
}

// env returns a variable of the environment that the process was started with, "" when it is not
// set. Another user's process does not let its environment be read.
func (h Host) env(name string) (value string, readable bool) {
	text, readable := h.text(h.proc("environ"))
	for entry := range strings.SplitSeq(text, "\x00") {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value, true
		}
	}
	return "", readable
}
