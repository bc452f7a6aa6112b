package result

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Host is where and with what figures were made; without it they are not to be printed.
type Host struct {
	Name    string    `json:"host"`
	Kernel  string    `json:"kernel"`
	TCP     string    `json:"tcp_congestion_control"`
	CPU     string    `json:"cpu"`
	Cores   int       `json:"cores"`
	Go      string    `json:"go"`
	Commit  string    `json:"commit"`
	Command string    `json:"command"`
	Date    time.Time `json:"date"`
}

// DescribeHost fills in a Host for the running command; the commit is that of the working
// directory's repository, or of the build when there is none.
func DescribeHost() Host {
	h := Host{
		CPU: cpuModel(), Cores: runtime.NumCPU(), Go: runtime.Version(),
		Commit: commit(), Command: commandLine(), Date: time.Now().UTC(),
	}
	// An unknown host name stays empty; the rest still says where.
	h.Name, _ = os.Hostname()
	// So does the congestion control, which shows in figures taken over loopback too.
	tcp, _ := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
	h.TCP = string(bytes.TrimSpace(tcp))
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		h.Kernel = unix.ByteSliceToString(u.Release[:]) + " " +
			unix.ByteSliceToString(u.Machine[:])
	}
	return h
}

// commandLine is how this program was called; where its binary lies is this machine's business.
func commandLine() string {
	args := slices.Clone(os.Args)
	args[0] = filepath.Base(args[0])
	return strings.Join(args, " ")
}

func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.HasPrefix(name, "model name") {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err == nil {
		return string(bytes.TrimSpace(out))
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}

// WriteText prints where and when, in two lines.
func (h *Host) WriteText(w io.Writer) {
	fmt.Fprintf(w, "%s\n%s, %s, %d cores, kernel %s, tcp %s, %s, commit %s, %s\n",
		h.Command, h.Name, h.CPU, h.Cores, h.Kernel, h.TCP, h.Go, h.Commit,
		h.Date.Format("2006-01-02 15:04 MST"))
}
