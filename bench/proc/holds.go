package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// DescriptorsOf returns how many descriptors process pid has open. Linux 6.2 tells at once, an
// older one lists them, which takes some milliseconds for 10,000.
func DescriptorsOf(pid int) (int, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	info, err := os.Stat(dir)
	if err == nil && info.Size() > 0 {
		return int(info.Size()), nil
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("cannot count the descriptors of process %d: %w", pid, err)
	}
	return len(names), nil
}

// ThreadsOf returns how many threads process pid has.
func ThreadsOf(pid int) (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("cannot count the threads of process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "Threads:"); ok {
			return strconv.Atoi(strings.TrimSpace(v))
		}
	}
	return 0, fmt.Errorf("cannot find the threads of process %d in %.200q", pid, b)
}
