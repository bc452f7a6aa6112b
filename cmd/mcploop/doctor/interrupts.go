package doctor

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// interruptsMin is how many there must be before their spread means something.
const interruptsMin = 1000

// interrupts looks at every network card that is up: whether one core receives all of its
// packets, by interrupts and by RPS.
func (h Host) interrupts(Need) []Finding {
	var found []Finding
	for _, card := range h.list("/sys/class/net") {
		dir := path.Join("/sys/class/net", card)
		state, _ := h.text(dir + "/operstate")
		if state != "up" || len(h.list(dir+"/device")) == 0 { // loopback, bridges, tunnels
			continue
		}
		found = append(found, h.cardInterrupts(card, dir))
	}
	return found
}

func (h Host) cardInterrupts(card, dir string) Finding {
	f := Finding{
		Check:  "irq." + card,
		Wanted: "received packets on more than one core",
		Why:    "one core takes all packets out of the card, and the loop on it starves",
	}
	perCore, ok := h.received(card, dir)
	if !ok {
		return f.unread("interrupts of " + card + " in /proc/interrupts")
	}
	var sum, most int64
	core := 0
	for i, n := range perCore {
		sum += n
		if n > most {
			most, core = n, i
		}
	}
	queues, steered := h.steering(dir)
	switch {
	case len(perCore) < 2:
		f.Found = "one core"
	case sum < interruptsMin:
		f.Found = fmt.Sprintf("%d interrupts so far, too few to tell", sum)
	case steered:
		f.Found = "RPS spreads what comes in"
	default:
		f.Found = fmt.Sprintf("CPU%d has %d %% of %d receive interrupts, no RPS", core,
			most*100/sum, sum)
		f.Cure = fmt.Sprintf("for q in /sys/class/net/%s/queues/rx-*; do "+
			"echo %s >$q/rps_cpus; done", card, coreMask(len(perCore)))
		if queues > 1 {
			f.Cure = "systemctl enable --now irqbalance, or " + f.Cure
		}
		return f.judge(most*10 <= sum*9, Warn)
	}
	return f.judge(true, OK)
}

// received sums the interrupts of a card that bring packets, for each core.
func (h Host) received(card, dir string) (perCore []int64, ok bool) {
	numbers := h.list(dir + "/device/msi_irqs")
	if len(numbers) == 0 { // virtio: the interrupts belong to the PCI device above
		numbers = h.list(dir + "/device/../msi_irqs")
	}
	text, _ := h.text("/proc/interrupts")
	head, rest, _ := strings.Cut(text, "\n")
	perCore = make([]int64, len(strings.Fields(head)))
	for line := range strings.SplitSeq(rest, "\n") {
		number, tail, _ := strings.Cut(strings.TrimSpace(line), ":")
		fields := strings.Fields(tail)
		if len(fields) <= len(perCore) {
			continue
		}
		name := fields[len(fields)-1]
		mine := slices.Contains(numbers, number) || namedFor(name, card)
		if !mine || sendsOnly(name) {
			continue
		}
		ok = true
		for i := range perCore {
			n, _ := strconv.ParseInt(fields[i], 10, 64)
			perCore[i] += n
		}
	}
	return perCore, ok
}

// namedFor says whether an interrupt has the name of the card, eth1-rx-0 that of eth1 and
// eth10 another one.
func namedFor(name, card string) bool {
	rest, ok := strings.CutPrefix(name, card)
	return ok && (rest == "" || strings.ContainsAny(rest[:1], "-_:."))
}

// sendsOnly says whether an interrupt is not for packets that come in, by its name.
func sendsOnly(name string) bool {
	lower := strings.ToLower(name)
	if strings.Contains(lower, "rx") || strings.Contains(lower, "input") {
		return false
	}
	for _, word := range []string{"tx", "output", "config", "control"} {
		if strings.Contains(lower, word) {
			return true
		}
	}
	return false
}

// steering counts the receive queues, and says whether each has cores to steer packets to.
func (h Host) steering(dir string) (queues int, steered bool) {
	steered = true
	for _, queue := range h.list(dir + "/queues") {
		if !strings.HasPrefix(queue, "rx-") {
			continue
		}
		queues++
		mask, _ := h.text(path.Join(dir, "queues", queue, "rps_cpus"))
		steered = steered && strings.Trim(mask, "0,") != ""
	}
	return queues, steered && queues > 0
}

// coreMask is the mask of the first cores: hexadecimal words of 32 bits, the highest first.
func coreMask(cores int) string {
	var words []string
	for ; cores > 0; cores -= 32 {
		words = append(words, fmt.Sprintf("%x", uint64(1)<<min(cores, 32)-1))
	}
	slices.Reverse(words)
	return strings.Join(words, ",")
}
