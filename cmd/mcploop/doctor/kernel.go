package doctor

import (
	"fmt"
	"slices"
	"strings"
)

func (h Host) kernel(Need) []Finding {
	return []Finding{h.release(), h.clock(), h.hugePages()}
}

// release looks at the kernel's version.
func (h Host) release() Finding {
	const name = "/proc/sys/kernel/osrelease"
	f := Finding{
		Check:  "kernel.version",
		Wanted: "4.19 or newer",
		Why: "loops need epoll, timerfd and SO_REUSEPORT (3.9); TCP_USER_TIMEOUT, which finds " +
			"vanished peers, keeps its time since 4.19",
		Cure: "install a newer kernel and boot it",
	}
	text, _ := h.text(name)
	var major, minor int
	if _, err := fmt.Sscanf(text, "%d.%d", &major, &minor); err != nil {
		return f.unread(name)
	}
	f.Found = text
	if major*1000+minor < 3009 {
		return f.judge(false, Fail)
	}
	return f.judge(major*1000+minor >= 4019, Warn)
}

// clock looks at the clock source: only some can be read without a system call.
func (h Host) clock() Finding {
	const dir = "/sys/devices/system/clocksource/clocksource0/"
	quick := []string{"tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter"}
	f := Finding{
		Check:  "kernel.clock",
		Wanted: "one of " + strings.Join(quick, ", "),
		Why:    "with others each look at the clock is a system call, some of them slow",
		Cure:   "ask whoever runs the hypervisor for a TSC that is stable",
	}
	text, ok := h.text(dir + "current_clocksource")
	if !ok {
		return f.unread(dir + "current_clocksource")
	}
	f.Found = text
	available, _ := h.text(dir + "available_clocksource")
	for _, source := range quick {
		if slices.Contains(strings.Fields(available), source) {
			f.Cure = "echo " + source + " >" + dir + "current_clocksource"
			break
		}
	}
	return f.judge(slices.Contains(quick, text), Warn)
}

// hugePages looks at transparent huge pages: they matter when the kernel makes them of memory
// that Go has given back.
func (h Host) hugePages() Finding {
	const dir = "/sys/kernel/mm/transparent_hugepage/"
	f := Finding{
		Check:  "kernel.hugepages",
		Wanted: "madvise or never, or khugepaged/max_ptes_none 0",
		Why: "with always, khugepaged fills holes that Go gave back, and memory grows again " +
			"(https://go.dev/doc/gc-guide#Linux_transparent_huge_pages)",
		Cure: "echo 0 >" + dir + "khugepaged/max_ptes_none",
	}
	text, ok := h.text(dir + "enabled")
	if !ok {
		return f.unread(dir + "enabled")
	}
	_, rest, _ := strings.Cut(text, "[")
	mode, _, _ := strings.Cut(rest, "]")
	f.Found = mode
	holes, _ := h.number(dir + "khugepaged/max_ptes_none")
	if mode == "always" {
		f.Found = fmt.Sprintf("always, khugepaged/max_ptes_none %d", holes)
	}
	return f.judge(mode != "always" || holes == 0, Warn)
}
