package proc

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// errNoListener is what ListenerOf returns when nobody that it may look at listens.
var errNoListener = errors.New("no process of this machine that can be looked into listens there")

// ListenerOf returns the process that listens on addr, host:port or the path of a unix socket: the
// first of those that share it. Processes of other users can only be found as root.
func ListenerOf(addr string) (pid int, err error) {
	inodes, err := listeningInodes(addr)
	if err == nil && len(inodes) == 0 {
		err = errNoListener
	}
	if err != nil {
		return 0, fmt.Errorf("cannot find the process behind %q: %w", addr, err)
	}
	dirs, err := filepath.Glob("/proc/[0-9]*/fd")
	if err != nil {
		return 0, fmt.Errorf("cannot list processes: %w", err)
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // it has ended, or is another user's
		}
		for _, e := range entries {
			link, err := os.Readlink(filepath.Join(dir, e.Name()))
			inode := strings.TrimSuffix(strings.TrimPrefix(link, "socket:["), "]")
			if err == nil && inodes[inode] {
				return strconv.Atoi(filepath.Base(filepath.Dir(dir)))
			}
		}
	}
	return 0, fmt.Errorf("cannot find the process behind %q: %w", addr, errNoListener)
}

// listeningInodes returns the inodes of sockets that listen on addr.
func listeningInodes(addr string) (map[string]bool, error) {
	if strings.Contains(addr, "/") {
		b, err := os.ReadFile("/proc/net/unix")
		return inodesOf(b, func(f []string) string {
			const flags, inode, path = 3, 6, 7
			if len(f) > path && f[path] == addr && f[flags] == "00010000" { // __SO_ACCEPTCON
				return f[inode]
			}
			return ""
		}), err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		return nil, err
	}
	suffix := fmt.Sprintf(":%04X", n)
	four, err := os.ReadFile("/proc/net/tcp")
	six, _ := os.ReadFile("/proc/net/tcp6") // absent without IPv6
	return inodesOf(append(four, six...), func(f []string) string {
		const local, state, inode, listen = 1, 3, 9, "0A"
		if len(f) > inode && f[state] == listen && strings.HasSuffix(f[local], suffix) {
			return f[inode]
		}
		return ""
	}), err
}

func inodesOf(table []byte, of func(fields []string) string) map[string]bool {
	found := map[string]bool{}
	for line := range strings.Lines(string(table)) {
		if inode := of(strings.Fields(line)); inode != "" {
			found[inode] = true
		}
	}
	return found
}

// Describe returns what is known of process pid: its command, the number of cores that it may run
// on and the GOMAXPROCS of its environment.
func Describe(pid int) (command string, cores int, procs string) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // what cannot be read stays empty
	command = strings.TrimSpace(string(bytes.ReplaceAll(b, []byte{0}, []byte{' '})))
	var set unix.CPUSet
	if unix.SchedGetaffinity(pid, &set) == nil {
		cores = set.Count()
	}
	env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	for _, v := range bytes.Split(env, []byte{0}) {
		if value, ok := strings.CutPrefix(string(v), "GOMAXPROCS="); ok {
			procs = value
		}
	}
	return command, cores, procs
}
