package doctor

import (
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// healthy is a host with four cores and cgroups of version 2 that lacks nothing for need().
func healthy() map[string]string {
	const net = "/sys/class/net/eth0"
	return map[string]string{
		"/proc/self/limits": "Limit  Soft Limit  Hard Limit  Units\n" +
			"Max processes    96365       96365       processes\n" +
			"Max open files   1048576     1048576     files\n",
		"/proc/self/cgroup": "0::/system.slice/mcploop.service\n",
		"/proc/self/mountinfo": "22 1 0:2 / /proc rw - proc proc rw\n" +
			"31 23 0:28 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n",
		"/proc/self/environ":                         "HOME=/root\x00",
		"/proc/self/status":                          "Cpus_allowed_list:\t0-2,7\n",
		"/proc/meminfo":                              memory("4194304"),
		"/proc/interrupts":                           irqs("virtio2-in", "500", "500", "9", "9"),
		"/proc/sys/fs/file-nr":                       "1000\t0\t9223372036854775807\n",
		"/proc/sys/fs/nr_open":                       "1048576\n",
		"/proc/sys/net/core/somaxconn":               "4096\n",
		"/proc/sys/net/ipv4/tcp_max_syn_backlog":     "4096\n",
		"/proc/sys/net/ipv4/tcp_syncookies":          "1\n",
		"/proc/sys/net/ipv4/ip_local_port_range":     "32768\t60999\n",
		"/proc/sys/net/netfilter/nf_conntrack_max":   "262144\n",
		"/proc/sys/net/netfilter/nf_conntrack_count": "5\n",
		"/proc/sys/kernel/osrelease":                 "6.8.0-31-generic\n",
		"/etc/systemd/system/mcploop.service":        "[Service]\nLimitNOFILE=65536\n",
		"/etc/systemd/system.conf":                   "#DefaultLimitNOFILE=\n",
		unitDir + "/memory.max":                      "max\n",
		unitDir + "/memory.high":                     "max\n",
		unitDir + "/memory.current":                  "104857600\n",
		unitDir + "/memory.stat":                     "anon 5\ninactive_file 52428800\n",
		unitDir + "/cpu.max":                         "max 100000\n",
		unitDir + "/pids.max":                        "max\n",
		unitDir + "/pids.current":                    "10\n",
		net + "/operstate":                           "up\n",
		net + "/device/msi_irqs/38":                  "msix\n",
		net + "/queues/rx-0/rps_cpus":                "00\n",
		"/sys/class/net/lo/operstate":                "unknown\n",
		clockDir + "current_clocksource":             "tsc\n",
		clockDir + "available_clocksource":           "tsc hpet acpi_pm\n",
		hugeDir + "enabled":                          "always [madvise] never\n",
		hugeDir + "khugepaged/max_ptes_none":         "511\n",
	}
}

const (
	clockDir = "/sys/devices/system/clocksource/clocksource0/"
	hugeDir  = "/sys/kernel/mm/transparent_hugepage/"
	unitDir  = "/sys/fs/cgroup/system.slice/mcploop.service"
	sliceDir = "/sys/fs/cgroup/system.slice"
)

// memory is /proc/meminfo of a host with 8 GiB.
func memory(available string) string {
	return "MemTotal: 8388608 kB\nMemAvailable: " + available + " kB\n"
}

// irqs is /proc/interrupts with one interrupt, 38, counted on each core.
func irqs(name string, counts ...string) string {
	head := ""
	for i := range counts {
		head += "  CPU" + strconv.Itoa(i)
	}
	return head + "\n  1: " + strings.Repeat(" 9999", len(counts)) + " IO-APIC 1-edge timer\n" +
		" 38: " + strings.Join(counts, "  ") + " PCI-MSIX-0000:00:04.0 1-edge " + name + "\n" +
		"NMI: " + strings.Repeat(" 0", len(counts)) + "   Non-maskable interrupts\n"
}

func need() Need {
	return Need{
		Connections: 15_000, Rate: 100_000, ConnectionsMax: 15_000, Backlog: 1024, Workers: 64,
	}
}

// scratch writes the files; what is "-" is left out.
func scratch(t *testing.T, files map[string]string) Host {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		full := filepath.Join(root, name)
		if text == "-" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Host{Root: root}
}

// ill is the healthy host with other files.
func ill(t *testing.T, other ...string) Host {
	t.Helper()
	files := healthy()
	for i := 0; i < len(other); i += 2 {
		files[other[i]] = other[i+1]
	}
	return scratch(t, files)
}

func examine(t *testing.T, h Host, n Need) map[string]Finding {
	t.Helper()
	r, err := h.Examine(n)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]Finding{}
	for _, f := range r.Findings {
		if f.Found == "" || f.Wanted == "" || f.Why == "" || (f.Cure == "") != (f.Status == OK) {
			t.Errorf("%s is not whole: %+v", f.Check, f)
		}
		found[f.Check] = f
	}
	if len(found) != len(r.Findings) {
		t.Errorf("%d findings have %d names", len(r.Findings), len(found))
	}
	return found
}

// expect wants one finding with this status, and these words in what it says; all others are as
// on the healthy host, but for those in besides.
func expect(t *testing.T, found map[string]Finding, check string, s Status, words string,
	besides ...string,
) {
	t.Helper()
	f := found[check]
	if f.Status != s {
		t.Errorf("%s: got %q, want %q: %+v", check, f.Status, s, f)
	}
	for word := range strings.SplitSeq(words, "|") {
		if !strings.Contains(f.Found+"\n"+f.Wanted+"\n"+f.Why+"\n"+f.Cure, word) {
			t.Errorf("%s: want it to say %q: %+v", check, word, f)
		}
	}
	others := maps.Clone(found)
	delete(others, check)
	for _, name := range besides {
		if others[name].Status == OK {
			t.Errorf("%s: %s is ok, too", check, name)
		}
		delete(others, name)
	}
	for _, other := range others {
		if other.Status != OK {
			t.Errorf("with %s ill: %+v", check, other)
		}
	}
}

func TestHealthyHostLacksNothing(t *testing.T) {
	h := ill(t)
	r, err := h.Examine(need())
	if err != nil || r.Status != OK || len(r.Findings) != 21 {
		t.Errorf("got %d findings, %v, status %q: %+v", len(r.Findings), err, r.Status, r)
	}
	examine(t, h, need())
	if _, err := (Host{Root: h.Root, PID: 7}).Examine(need()); err == nil ||
		!strings.Contains(err.Error(), "no such process") {
		t.Errorf("got %v for a process that is not there", err)
	}
}

// TestUnreadIsNotWell takes one file after the other away: nobody may hear "ok" of what was not
// looked at.
func TestUnreadIsNotWell(t *testing.T) {
	f := func(file, check string, besides ...string) {
		t.Helper()
		found := examine(t, ill(t, file, "-"), need())
		expect(t, found, check, Warn, "cannot read|run doctor where", besides...)
	}
	f("/proc/self/limits", "descriptors.process")
	f("/proc/sys/fs/file-nr", "descriptors.host")
	f("/proc/sys/fs/nr_open", "descriptors.nr_open")
	f("/etc/systemd/system/mcploop.service", "descriptors.unit")
	f("/proc/sys/net/core/somaxconn", "net.somaxconn")
	f("/proc/sys/net/ipv4/tcp_max_syn_backlog", "net.syn_backlog")
	f("/proc/sys/net/ipv4/ip_local_port_range", "net.local_ports")
	f("/proc/meminfo", "memory.free", "memory.gomemlimit")
	f("/proc/self/status", "cpu.cores", "cpu.gomaxprocs")
	f("/proc/self/environ", "memory.gomemlimit", "cpu.gomaxprocs")
	for _, file := range []string{"/proc/self/cgroup", "/proc/self/mountinfo"} {
		f(file, "pids.max", "memory.cgroup.max", "memory.cgroup.high", "memory.gomemlimit",
			"cpu.quota", "cpu.gomaxprocs")
	}
	f("/proc/interrupts", "irq.eth0")
	f("/proc/sys/kernel/osrelease", "kernel.version")
	f(clockDir+"current_clocksource", "kernel.clock")
	f(hugeDir+"enabled", "kernel.hugepages")
}

// TestHostFindings has one ill file in each call.
func TestHostFindings(t *testing.T) {
	f := func(check string, s Status, words, file, text string) {
		t.Helper()
		expect(t, examine(t, ill(t, file, text), need()), check, s, words)
	}
	const limits = "/proc/self/limits"
	f("descriptors.process", Fail, "soft 1024, hard 4096|15256:15256", limits,
		"Max open files 1024 4096 files\n")
	f("descriptors.process", Warn, "soft 1024, hard unlimited", limits,
		"Max open files 1024 unlimited files\n")
	f("descriptors.process", OK, "", limits, "Max open files 15256 15256 files\n")
	f("descriptors.host", Fail, "fs.file-max 12000, 1000 in use|16256|sysctl -w fs.file-max=",
		"/proc/sys/fs/file-nr", "1000\t0\t12000\n")
	f("descriptors.host", OK, "", "/proc/sys/fs/file-nr", "1000\t0\t16256\n")
	f("descriptors.nr_open", Fail, "sysctl -w fs.nr_open=1048576", "/proc/sys/fs/nr_open", "4096\n")

	const core, ipv4 = "/proc/sys/net/core/", "/proc/sys/net/ipv4/"
	f("net.somaxconn", Fail, "128|at least 1024|sysctl -w net.core.somaxconn=4096",
		core+"somaxconn", "128\n")
	f("net.somaxconn", OK, "", core+"somaxconn", "1024\n")
	f("net.syn_backlog", Warn, "512|tcp_max_syn_backlog=4096", ipv4+"tcp_max_syn_backlog", "512\n")
	f("net.local_ports", Warn, `9000 ports|="32768 65535"`, ipv4+"ip_local_port_range",
		"1000 9999\n")
	f("net.conntrack", Fail, "15004, 5 in use|at least 15005",
		"/proc/sys/net/netfilter/nf_conntrack_max", "15004\n")
	f("memory.free", Fail, "48.8 MiB available", "/proc/meminfo", memory("50000"))
	f("memory.free", Warn, "146.5 MiB|103.7 MiB and as much again|1.12 KiB|5.0 KiB",
		"/proc/meminfo", memory("150000"))

	f("kernel.version", Fail, "3.2.0", "/proc/sys/kernel/osrelease", "3.2.0-4-amd64\n")
	f("kernel.version", Warn, "4.18.0", "/proc/sys/kernel/osrelease", "4.18.0-553.el8\n")
	f("kernel.version", OK, "", "/proc/sys/kernel/osrelease", "4.19.0\n")
	f("kernel.clock", Warn, "hpet|echo tsc >/sys", clockDir+"current_clocksource", "hpet\n")
	f("kernel.hugepages", Warn, "always, khugepaged/max_ptes_none 511|echo 0 >/sys",
		hugeDir+"enabled", "[always] madvise never\n")
}

func TestWhatElseDecides(t *testing.T) {
	found := examine(t, ill(t, "/proc/sys/net/ipv4/tcp_max_syn_backlog", "512\n",
		"/proc/sys/net/ipv4/tcp_syncookies", "0\n"), need())
	expect(t, found, "net.syn_backlog", Fail, "tcp_syncookies 0")
	found = examine(t, ill(t, "/proc/sys/net/netfilter/nf_conntrack_max", "100\n",
		"/proc/sys/net/netfilter/nf_conntrack_count", "0\n"), need())
	expect(t, found, "net.conntrack", Warn, "nf_conntrack_max 100, 0 in use")
	found = examine(t, ill(t, hugeDir+"enabled", "[always] madvise never\n",
		hugeDir+"khugepaged/max_ptes_none", "0\n"), need())
	expect(t, found, "kernel.hugepages", OK, "max_ptes_none 0")
	found = examine(t, ill(t, clockDir+"current_clocksource", "xen\n",
		clockDir+"available_clocksource", "xen\n"), need())
	expect(t, found, "kernel.clock", Warn, "hypervisor")
	n := need()
	n.ConnectionsMax = 14_999
	expect(t, examine(t, ill(t), n), "server.connections", Fail, "14999|15000")
	n = need()
	n.Connections, n.ConnectionsMax = 100_000, 100_000
	found = examine(t, ill(t, "/etc/systemd/system/mcploop.service",
		"[Service]\nLimitNOFILE=infinity\n"), n)
	expect(t, found, "net.local_ports", Warn, "4 source addresses")
}

func TestInterrupts(t *testing.T) {
	const rps = "/sys/class/net/eth0/queues/rx-0/rps_cpus"
	f := func(s Status, words string, files ...string) {
		t.Helper()
		expect(t, examine(t, ill(t, files...), need()), "irq.eth0", s, words)
	}
	one := irqs("virtio2-input.0", "0", "5000", "0", "10")
	f(Warn, "CPU1 has 99 % of 5010|echo f >$q/rps_cpus", "/proc/interrupts", one)
	f(OK, "RPS", "/proc/interrupts", one, rps, "00000000,0000000f\n")
	f(Warn, "no RPS", "/proc/interrupts", one, rps, "00000000,00000000\n")
	f(Warn, "irqbalance", "/proc/interrupts", one,
		"/sys/class/net/eth0/queues/rx-1/rps_cpus", "0\n")
	f(OK, "too few", "/proc/interrupts", irqs("virtio2-input.0", "0", "999", "0", "0"))
	f(OK, "one core", "/proc/interrupts", irqs("virtio2-input.0", "5000"))
	// By its name, and above the device as virtio has it; what only sends does not count.
	f(Warn, "CPU0", "/proc/interrupts", irqs("eth0-TxRx-0", "5000", "0"),
		"/sys/class/net/eth0/device/msi_irqs/38", "-",
		"/sys/class/net/eth0/device/vendor", "0x1\n")
	f(Warn, "CPU1 has 99 %", "/proc/interrupts", one, "/sys/class/net/eth0/msi_irqs/38", "\n",
		"/sys/class/net/eth0/device/msi_irqs/38", "-",
		"/sys/class/net/eth0/device/vendor", "0x1\n")
	f(Warn, "cannot read", "/proc/interrupts", irqs("eth0-tx-0", "5000", "0"))
	f(Warn, "cannot read", "/proc/interrupts", irqs("eth01-rx-0", "5000", "0"),
		"/sys/class/net/eth0/device/msi_irqs/38", "-",
		"/sys/class/net/eth0/device/vendor", "0x1\n")

	found := examine(t, ill(t, "/sys/class/net/eth0/operstate", "down\n"), need())
	if _, there := found["irq.eth0"]; there {
		t.Error("a card that is down was looked at")
	}
	for cores, want := range map[int]string{1: "1", 4: "f", 32: "ffffffff", 40: "ff,ffffffff"} {
		if got := coreMask(cores); got != want {
			t.Errorf("mask of %d cores: got %s, want %s", cores, got, want)
		}
	}
}

func TestUnit(t *testing.T) {
	const unit = "/etc/systemd/system/mcploop.service"
	f := func(s Status, words string, files ...string) {
		t.Helper()
		expect(t, examine(t, ill(t, files...), need()), "descriptors.unit", s, words)
	}
	const plain = "[Service]\nExecStart=/x\n"
	f(Fail, "LimitNOFILE=4096 in "+unit+"|mcploop.service.d/nofile.conf", unit,
		"[Service]\nLimitNOFILE = 4096\n")
	f(Fail, "1024:4096", unit, "[Service]\nLimitNOFILE=1024:4096\n")
	f(OK, "1024:65536", unit, "[Service]\nLimitNOFILE=1024:65536\n")
	f(OK, "sets none", unit, plain)
	f(Fail, "100 in /etc/systemd/system.conf", unit, plain, "/etc/systemd/system.conf",
		"DefaultLimitNOFILE=100\n")
	f(Fail, "LimitNOFILE=7 in "+unit+".d/b.conf", unit+".d/a.conf", "LimitNOFILE=900000\n",
		unit+".d/b.conf", "LimitNOFILE=7\n", "/usr/lib/systemd/system/mcploop.service.d/c", "x")
	f(OK, "", unit, "-", "/lib/systemd/system/mcploop.service", "LimitNOFILE=20000\n")

	h := ill(t, "/proc/self/cgroup", "0::/user.slice/session-1.scope\n",
		"/etc/systemd/system/other.service", "LimitNOFILE=9\n")
	if f, there := examine(t, h, need())["descriptors.unit"]; there {
		t.Errorf("no unit is known, but: %+v", f)
	}
	h.Unit = "other.service"
	expect(t, examine(t, h, need()), "descriptors.unit", Fail, "LimitNOFILE=9")
}

// TestTemplateUnit: an instance has the file and the drop-ins of its template, and its own.
func TestTemplateUnit(t *testing.T) {
	const etc, lib = "/etc/systemd/system/", "/usr/lib/systemd/system/"
	const template = lib + "mcp-loop@.service"
	f := func(s Status, words, unit string, files ...string) {
		t.Helper()
		h := ill(t, append(files, "/proc/self/cgroup", "0::/system.slice/mcp-loop@1.service\n")...)
		h.Unit = unit
		expect(t, examine(t, h, need()), "descriptors.unit", s, words)
	}
	file := []string{template, "[Service]\nLimitNOFILE=20000\n"}
	f(OK, "LimitNOFILE=20000 in "+template, "", file...)
	f(OK, "LimitNOFILE=20000 in "+template, "mcp-loop@1", file...)
	f(OK, "LimitNOFILE=20000 in "+template, "mcp-loop@a.b", file...)
	f(Warn, "cannot read a unit file mcp-loop@2.service", "mcp-loop@2")
	f(Fail, "LimitNOFILE=9 in "+etc+"mcp-loop@1.service", "",
		append(file, etc+"mcp-loop@1.service", "LimitNOFILE=9\n")...)
	const dropIn = "mcp-loop@.service.d/a.conf"
	f(Fail, "LimitNOFILE=8 in "+lib+dropIn+"|mkdir -p /etc/systemd/system/mcp-loop@1.service.d", "",
		append(file, lib+dropIn, "LimitNOFILE=8\n")...)
	f(OK, "LimitNOFILE=30000 in "+etc+"mcp-loop@1.service.d/a.conf", "", append(file,
		etc+dropIn, "LimitNOFILE=8\n", etc+"mcp-loop@1.service.d/a.conf",
		"LimitNOFILE=30000\n")...)
	f(Fail, "LimitNOFILE=7 in "+lib+"mcp-.service.d/b.conf", "", append(file, lib+
		"mcp-.service.d/b.conf", "LimitNOFILE=7\n", lib+"service.d/a.conf", "LimitNOFILE=6\n")...)
	f(Fail, "LimitNOFILE=7 in "+lib+"mcp-@1.service.d/b.conf", "", append(file, lib+
		"mcp-@1.service.d/b.conf", "LimitNOFILE=7\n")...)
	f(OK, "LimitNOFILE=20000", "", append(file, lib+"loop@.service.d/b.conf", "LimitNOFILE=7\n",
		lib+"mcp-loop.service.d/b.conf", "LimitNOFILE=7\n")...)
}
