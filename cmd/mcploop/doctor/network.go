package doctor

import (
	"fmt"
	"strconv"
	"strings"
)

func (h Host) network(need Need) []Finding {
	found := []Finding{h.somaxconn(need), h.synBacklog(need), h.localPorts(need)}
	if f, ok := h.conntrack(need); ok {
		found = append(found, f)
	}
	return found
}

// waiting is how many connections a door wants to have in its queue at once.
func (n Need) waiting() int64 { return int64(min(n.Connections, n.Backlog)) }

func (h Host) somaxconn(need Need) Finding {
	const name = "/proc/sys/net/core/somaxconn"
	want := need.waiting()
	f := Finding{
		Check:  "net.somaxconn",
		Wanted: fmt.Sprintf("at least %d (connections, at most loops.backlog)", want),
		Why:    "caps loops.backlog: of a wave of clients the rest waits a second or more",
		Cure:   fmt.Sprintf("sysctl -w net.core.somaxconn=%d", max(want, 4096)),
	}
	n, ok := h.number(name)
	if !ok {
		return f.unread(name)
	}
	f.Found = fmt.Sprintf("net.core.somaxconn %d", n)
	return f.judge(n >= want, Fail)
}

// synBacklog matters less where SYN cookies step in, as they do by default.
func (h Host) synBacklog(need Need) Finding {
	const name = "/proc/sys/net/ipv4/tcp_max_syn_backlog"
	want := need.waiting()
	f := Finding{
		Check:  "net.syn_backlog",
		Wanted: fmt.Sprintf("at least %d", want),
		Why:    "handshakes above it are dropped, or get cookies, which forget TCP options",
		Cure:   fmt.Sprintf("sysctl -w net.ipv4.tcp_max_syn_backlog=%d", max(want, 4096)),
	}
	n, ok := h.number(name)
	if !ok {
		return f.unread(name)
	}
	bad := Warn
	cookies, ok := h.number("/proc/sys/net/ipv4/tcp_syncookies")
	if ok && cookies == 0 {
		bad = Fail
	}
	f.Found = fmt.Sprintf("net.ipv4.tcp_max_syn_backlog %d, tcp_syncookies %d", n, cookies)
	return f.judge(n >= want, bad)
}

// localPorts is for clients on this host only, hence no more than a warning.
func (h Host) localPorts(need Need) Finding {
	const name = "/proc/sys/net/ipv4/ip_local_port_range"
	const widest = 65535 - 32768 + 1 // as tuning/ has it: servers and NodePorts live below
	f := Finding{
		Check:  "net.local_ports",
		Wanted: fmt.Sprintf("at least %d", need.Connections),
		Why:    "a client on this host, as mcploop bench, has so many to one address of a door",
		Cure:   `sysctl -w net.ipv4.ip_local_port_range="32768 65535"`,
	}
	if need.Connections > widest {
		f.Cure += fmt.Sprintf(", and clients on %d source addresses (127.0.0.x)",
			(need.Connections+widest-1)/widest)
	}
	text, _ := h.text(name)
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return f.unread(name)
	}
	low, errLow := strconv.Atoi(fields[0])
	high, errHigh := strconv.Atoi(fields[1])
	if errLow != nil || errHigh != nil {
		return f.unread(name)
	}
	count := high - low + 1
	f.Found = fmt.Sprintf("%d ports (%d to %d)", count, low, high)
	return f.judge(count >= need.Connections, Warn)
}

// conntrack is there only where netfilter follows connections.
func (h Host) conntrack(need Need) (Finding, bool) {
	most, ok := h.number("/proc/sys/net/netfilter/nf_conntrack_max")
	if !ok || most == 0 {
		return Finding{}, false
	}
	used, _ := h.number("/proc/sys/net/netfilter/nf_conntrack_count")
	want := used + int64(need.Connections)
	f := Finding{
		Check:  "net.conntrack",
		Found:  fmt.Sprintf("nf_conntrack_max %d, %d in use", most, used),
		Wanted: fmt.Sprintf("at least %d", want),
		Why:    "netfilter drops the packets of connections that find no room in its table",
		Cure:   fmt.Sprintf("sysctl -w net.netfilter.nf_conntrack_max=%d", 2*want),
	}
	bad := Fail
	if used == 0 { // it may be loaded and follow nothing
		bad = Warn
	}
	return f.judge(most >= want, bad), true
}
