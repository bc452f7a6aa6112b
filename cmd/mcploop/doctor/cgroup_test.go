package doctor

import (
	"strings"
	"testing"
)

func TestCgroupMemory(t *testing.T) {
	f := func(check string, s Status, words string, besides []string, files ...string) {
		t.Helper()
		expect(t, examine(t, ill(t, files...), need()), check, s, words, besides...)
	}
	goLimit := []string{"memory.gomemlimit"}
	const max, high = "memory.cgroup.max", "memory.cgroup.high"
	// 100 MiB are used, 50 of them can be given back.
	f(max, Fail, "46.0 MiB left of 96.0 MiB|systemctl set-property mcploop.service MemoryMax=",
		nil, unitDir+"/memory.max", "100663296\n")
	f(max, Warn, "146.0 MiB left", nil, unitDir+"/memory.max", "205520896\n")
	f(max, OK, "974.0 MiB left", nil, unitDir+"/memory.max", "1073741824\n")
	f(max, Fail, "system.slice MemoryMax=", goLimit, sliceDir+"/memory.max", "8388608\n",
		sliceDir+"/memory.current", "8000000\n", unitDir+"/memory.max", "1073741824\n")
	f(high, Warn, "slows|MemoryHigh=", nil, unitDir+"/memory.high", "100663296\n")
	f("memory.gomemlimit", Fail, "not set; mcploop serve takes 8.0 MiB of 16.0 MiB|"+unitDir+
		"/memory.high|at least 30.4 MiB|MemoryHigh=", []string{high}, unitDir+"/memory.high",
		"16777216\n")
}

func TestGoMemoryLimit(t *testing.T) {
	n := need()
	f := func(s Status, words, value string, files ...string) {
		t.Helper()
		files = append(files, "/proc/self/environ", "A=b\x00GOMEMLIMIT="+value+"\x00")
		expect(t, examine(t, ill(t, files...), n), "memory.gomemlimit", s, words)
	}
	const gib = "1073741824\n"
	f(OK, "", "900MiB", unitDir+"/memory.max", gib)
	f(Warn, "30.4 MiB to 921.6 MiB (90 % of 1.0 GiB|GOMEMLIMIT=921MiB", "1000MiB",
		unitDir+"/memory.max", gib)
	f(Warn, "GOMEMLIMIT=921MiB", "1000MiB", unitDir+"/memory.high", gib)
	f(OK, "", "off")
	f(OK, "", "8GiB")
	f(Warn, "16GiB", "16GiB")
	f(Fail, "all the time|30.4 MiB to 8.0 GiB|GOMEMLIMIT=60MiB", "30MiB")
	// Without it, what mcploop serve takes by its file: the least of all levels, and the host's.
	f(OK, "serve takes 921.6 MiB of 1.0 GiB ("+sliceDir+"/memory.max)", "", unitDir+"/memory.max",
		"8000000000\n", sliceDir+"/memory.max", gib)
	f(OK, "serve takes 7.2 GiB of 8.0 GiB (/proc/meminfo)", "", unitDir+"/memory.max",
		"9000000000\n")
	f(OK, "serve takes 438.8 MiB of 512.0 MiB", "", unitDir+"/memory.max", "536870912\n")
	f(OK, "GOMEMLIMIT=off", "off", unitDir+"/memory.max", gib)
	expect(t, examine(t, ill(t, "/proc/self/environ", "GOMEMLIMIT=off\x00", unitDir+"/memory.max",
		"127000000\n", unitDir+"/memory.current", "0\n"), n), "memory.gomemlimit", Warn,
		"GOMEMLIMIT=off|memory: {limit: auto}", "memory.cgroup.max")
	n.MemoryLimit = NoLimit
	f(OK, "memory.limit is off", "", unitDir+"/memory.max", gib)
	n.MemoryLimit = 1000 << 20
	f(Warn, "memory.limit is 1000.0 MiB|limit: auto", "", unitDir+"/memory.max", gib)
	f(OK, "GOMEMLIMIT=900MiB", "900MiB", unitDir+"/memory.max", gib)
	f(Fail, "does not start", "1G")
	f(Fail, "does not start", "-1")

	for text, want := range map[string]int64{"1": 1, "5B": 5, "3KiB": 3072, "2TiB": 2 << 40} {
		if got, ok := parseGoBytes(text); !ok || got != want {
			t.Errorf("%q: got %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "B", "KiB", "1.5GiB", "9000000000GiB", "1 GiB"} {
		if got, ok := parseGoBytes(text); ok {
			t.Errorf("%q: got %d", text, got)
		}
	}
}

// TestMemoryLimit: who counts as the least, and what is made of it.
func TestMemoryLimit(t *testing.T) {
	f := func(want int64, file string, files ...string) {
		t.Helper()
		limit, known := ill(t, files...).MemoryLimit()
		if !known || limit.Bytes != want || limit.File != file ||
			limit.Group == (file == "/proc/meminfo") {
			t.Errorf("got %+v, %v, want %d of %s", limit, known, want, file)
		}
	}
	f(8<<30, "/proc/meminfo")
	f(8<<30, "/proc/meminfo", unitDir+"/memory.max", "8589934593\n")
	f(5, unitDir+"/memory.high", unitDir+"/memory.high", "5\n", sliceDir+"/memory.max", "6\n")
	f(6, sliceDir+"/memory.max", unitDir+"/memory.high", "7\n", sliceDir+"/memory.max", "6\n")
	const v1 = "/sys/fs/cgroup/memory"
	box := []string{
		"/proc/self/cgroup", "4:memory:/pod/box\n0::/\n",
		"/proc/self/mountinfo", "1 1 0:1 /pod/b " + v1 + "/wrong rw - cgroup cgroup rw,memory\n" +
			"1 1 0:1 /pod/box /sys/my\\040fs rw - cgroup cgroup rw,memory\n",
		"/sys/my fs/memory.limit_in_bytes", "100000000\n",
		v1 + "/wrong/memory.limit_in_bytes", "1\n",
	}
	f(100_000_000, "/sys/my fs/memory.limit_in_bytes", box...)
	f(99_000_000, "/sys/my fs/memory.stat", append(box, "/sys/my fs/memory.stat",
		"hierarchical_memory_limit 99000000\n")...)
	hidden := examine(t, ill(t, append(box, "/sys/my fs/memory.stat",
		"hierarchical_memory_limit 99000000\n")...), need())["memory.cgroup.max"]
	if hidden.Status != Fail || !strings.Contains(hidden.Found, "(/sys/my fs/memory.stat)") ||
		!strings.Contains(hidden.Cure, "limit of the container or pod to ") {
		t.Errorf("a limit that the container does not see: %+v", hidden)
	}
	if limit, known := ill(t, "/proc/meminfo", "-").MemoryLimit(); known {
		t.Errorf("nothing tells, but: %+v", limit)
	}

	for connections, want := range map[int]int64{0: 900, 20_000: 900, 40_000: 800, 200_000: 500} {
		limit := MemoryLimit{Bytes: 1000 * socketBytes * 200}
		if got := limit.Soft(connections) / (socketBytes * 200); got != want {
			t.Errorf("%d connections leave %d of 1000, want %d", connections, got, want)
		}
	}
	need := Need{Connections: 15_000}
	for times, want := range map[int64]int{1: 100, 5: 100, 6: 200, 9: 200, 10: 400, 99: 400} {
		if got := GOGC(times*need.processBytes(), 15_000); got != want {
			t.Errorf("%d times what lives: got GOGC %d, want %d", times, got, want)
		}
	}
}

func TestCgroupCPU(t *testing.T) {
	f := func(check string, s Status, words string, besides []string, files ...string) {
		t.Helper()
		expect(t, examine(t, ill(t, files...), need()), check, s, words, besides...)
	}
	const cpu = unitDir + "/cpu.max"
	environ := func(procs string) []string {
		return []string{"/proc/self/environ", "GOMAXPROCS=" + procs + "\x00"}
	}
	f("cpu.gomaxprocs", OK, "Go takes 2", nil, cpu, "200000 100000\n")
	f("cpu.gomaxprocs", Warn, "Go takes 4|GOMAXPROCS=2", nil, sliceDir+"/cpu.max",
		"200000 100000\n")
	f("cpu.gomaxprocs", Warn, "GOMAXPROCS=4 in", nil, environ("2")...)
	f("cpu.gomaxprocs", Warn, "GOMAXPROCS=8", nil, environ("8")...)
	f("cpu.gomaxprocs", OK, "GOMAXPROCS=4", nil, environ("4")...)
	f("cpu.gomaxprocs", OK, "GOMAXPROCS=x", nil, environ("x")...)
	f("cpu.quota", Warn, "2.5 CPUs|mcploop.service CPUQuota=300%", nil, cpu, "250000 100000\n")
	f("cpu.cores", Fail, "0.4 cores|set-property mcploop.service CPUQuota=100%",
		[]string{"cpu.quota", "cpu.gomaxprocs"}, cpu, "40000 100000\n")
	f("cpu.cores", Warn, "0.5 cores", []string{"cpu.quota", "cpu.gomaxprocs"}, cpu,
		"50000 100000\n")

	n := need()
	n.Rate = 1_000_000
	expect(t, examine(t, ill(t), n), "cpu.cores", Fail, "4 cores|6.43|a host with 7 cores")
	n.Rate = 700_000
	expect(t, examine(t, ill(t), n), "cpu.cores", Warn, "4 cores")
	n.Rate = 500_000
	expect(t, examine(t, ill(t, environ("1")...), n), "cpu.gomaxprocs", Fail, "GOMAXPROCS=1")
}

func TestCgroupPids(t *testing.T) {
	f := func(s Status, words, most string) {
		t.Helper()
		expect(t, examine(t, ill(t, unitDir+"/pids.max", most), need()), "pids.max", s, words)
	}
	f(OK, "", "110\n") // 10 in use, 64 workers, 4 cores, 32
	f(Warn, "pids.max 109, 10 in use|set-property mcploop.service TasksMax=110", "109\n")
	f(Fail, "pids.max 45", "45\n")
}

// TestCgroupVersion1 has the same limits where version 1 keeps them, seen from a container whose
// mounts begin at its own group, and from the host.
func TestCgroupVersion1(t *testing.T) {
	const dir = "/sys/fs/cgroup/"
	files := []string{
		"/proc/self/cgroup", "4:memory:/docker/abc/in\n3:cpu,cpuacct:/docker/abc/in\n" +
			"2:pids:/docker/abc/in\n1:name=systemd:/\n0::/\n",
		"/proc/self/mountinfo", "33 31 0:30 /docker/abc " + dir + "cpu r - cgroup cgroup rw,cpu\n" +
			"35 31 0:32 /docker/abc " + dir + "memory rw shared:9 - cgroup cgroup rw,memory\n" +
			"39 31 0:36 /docker/abc " + dir + "pids rw - cgroup cgroup rw,pids\n" +
			"41 31 0:38 / " + dir + "unified rw - cgroup2 cgroup2 rw\n",
		dir + "memory/in/memory.limit_in_bytes", "9223372036854771712\n",
		dir + "memory/memory.limit_in_bytes", "100663296\n",
		dir + "memory/memory.usage_in_bytes", "104857600\n",
		dir + "memory/memory.stat", "total_inactive_file 52428800\n",
		dir + "cpu/in/cpu.cfs_quota_us", "250000\n",
		dir + "cpu/in/cpu.cfs_period_us", "100000\n",
		dir + "cpu/cpu.cfs_quota_us", "-1\n",
		dir + "cpu/cpu.cfs_period_us", "100000\n",
		dir + "pids/in/pids.max", "12\n",
		dir + "pids/in/pids.current", "3\n",
	}
	f := func() {
		t.Helper()
		found := examine(t, ill(t, files...), need())
		expect(t, found, "memory.cgroup.max", Fail, "46.0 MiB left of 96.0 MiB|>"+dir+
			"memory/memory.limit_in_bytes", "cpu.quota", "pids.max")
		expect(t, found, "cpu.quota", Warn, "2.5 CPUs|>"+dir+"cpu/in/cpu.cfs_quota_us",
			"memory.cgroup.max", "pids.max")
		expect(t, found, "pids.max", Fail, "pids.max 12, 3 in use|>"+dir+"pids/in/pids.max",
			"memory.cgroup.max", "cpu.quota")
		if _, there := found["memory.cgroup.high"]; there {
			t.Error("version 1 has no memory.high")
		}
	}
	f()
	files[1] = strings.ReplaceAll(files[1], "/docker/abc", "")
	files[3] = strings.ReplaceAll(files[3], "/docker/abc", "/")
	f()
}
