package proc

import (
	"os"
	"testing"
	"time"

	"github.com/mcploop/mcploop/bench/result"
)

func TestParseStat(t *testing.T) {
	f := func(line string, user, system time.Duration) {
		t.Helper()
		u, s, err := parseStat([]byte(line))
		if err != nil || u != user || s != system {
			t.Errorf("got %v, %v, %v, want %v, %v", u, s, err, user, system)
		}
	}
	tail := " S 1 2 3 0 -1 4194560 100 0 0 0 250 75 9 9 20 0 4 0 1 1000 10 18446744073709551615\n"
	f("42 (server)"+tail, 2500*time.Millisecond, 750*time.Millisecond)
	f("42 (a (bad) name) )"+tail, 2500*time.Millisecond, 750*time.Millisecond)
	long := "42 (x) S 1 2 3 4 5 6 7 8 9 0 x y"
	for _, bad := range []string{"", "42 server S 1", "42 (x) S 1 2 3", long} {
		if _, _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("got no error for %q", bad)
		}
	}
}

func TestParseMemory(t *testing.T) {
	rollup := "00400000-7fff r-xp 00000000 00:00 0 [rollup]\nRss:    1536 kB\nPss:     512 kB\n" +
		"Pss_Dirty: 3 kB\n"
	m, err := parseRollup([]byte(rollup))
	if err != nil || m != (result.Memory{RSS: 1536 << 10, PSS: 512 << 10}) {
		t.Errorf("got %+v, %v", m, err)
	}
	v, err := parseKB([]byte("Name:\tx\nVmHWM:\t  9 kB\nVmRSS:\t  1024 kB\n"), "VmRSS:")
	if err != nil || v != 1<<20 {
		t.Errorf("got %d, %v, want 1 MiB", v, err)
	}
	for _, bad := range []string{"", "Rss: 5 kB\n", "Rss: x kB\nPss: 1 kB\n", "Rss: 5\nPss: 5\n"} {
		if _, err := parseRollup([]byte(bad)); err == nil {
			t.Errorf("got no error for %q", bad)
		}
	}
}

func TestParseHostStat(t *testing.T) {
	got, err := parseHostStat([]byte("cpu  100 1 20 9000 50 2 3 4 0 0\ncpu0 1 2 3\n"))
	if want := 1300 * time.Millisecond; err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, bad := range []string{"", "cpu 1 2 3", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2 3 4 5 6 7 x"} {
		if _, err := parseHostStat([]byte(bad)); err == nil {
			t.Errorf("got no error for %q", bad)
		}
	}
}

func TestOwnProcess(t *testing.T) {
	before, err := CPUTime(os.Getpid())
	if err != nil || before <= 0 {
		t.Fatalf("got %v, %v, want some CPU time", before, err)
	}
	for after := before; after == before; {
		if after, err = CPUTime(os.Getpid()); err != nil {
			t.Fatal(err)
		}
		if after < before {
			t.Fatalf("CPU time fell from %v to %v", before, after)
		}
	}
	m, err := MemoryOf(os.Getpid())
	if err != nil || m.RSS < 1<<20 {
		t.Errorf("got %+v, %v, want more than 1 MiB", m, err)
	}
	if _, _, err := CPUSplit(os.Getpid()); err != nil {
		t.Error(err)
	}
}

func TestNoSuchProcess(t *testing.T) {
	const nobody = 1 << 22 // above the kernel's largest pid
	if _, err := CPUTime(nobody); err == nil {
		t.Error("got CPU time of nobody")
	}
	if _, err := MemoryOf(nobody); err == nil {
		t.Error("got memory of nobody")
	}
}
