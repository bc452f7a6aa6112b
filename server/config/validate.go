package config

import (
	"fmt"
	"maps"
	"math/bits"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// unixPathMax is what fits in a Linux sockaddr_un beside its closing zero.
const unixPathMax = 107

// Validate returns Faults with everything that is wrong, or nil. Load and Parse have called
// it; call it again after changing a Config, for example from flags.
func (c *Config) Validate() error {
	faults := append(c.fieldFaults(nil), c.crossFaults()...)
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// ReplaceListen puts the doors of a command line in place of those of the file, so that a
// fault in them is not blamed on a line of the file.
func (c *Config) ReplaceListen(doors Listen) {
	c.Listen = doors
	maps.DeleteFunc(c.origin, func(path string, _ origin) bool {
		return strings.HasPrefix(path, "listen")
	})
}

// fieldFaults compares each field with its own limits; skip holds paths that are known bad.
func (c *Config) fieldFaults(skip map[string]bool) Faults {
	var faults Faults
	eachLeaf(c, func(path string, v reflect.Value) {
		if skip[path] {
			return
		}
		f := fieldAt(path)
		switch {
		case v.CanInt():
			if text := f.checkInt(v.Int()); text != "" {
				faults = append(faults, c.fault(path, f.format(v.Int()), text))
			}
		case v.Kind() == reflect.String && f.enum != nil:
			if !slices.Contains(f.enum, v.String()) {
				text := "write " + strings.Join(f.enum, " or ")
				faults = append(faults, c.fault(path, v.String(), text))
			}
		case v.Kind() == reflect.String && f.word != nil:
			if text := f.checkWord(v.String()); text != "" {
				faults = append(faults, c.fault(path, v.String(), text))
			}
		}
	})
	return faults
}

// checkWord checks a string that holds a word or a number.
func (f *field) checkWord(text string) string {
	n, isNumber := numberAt(f.path, text)
	if slices.Contains(f.word, text) || isNumber && f.checkInt(n) == "" {
		return ""
	}
	return fmt.Sprintf("write %s, or %s to %s", strings.Join(f.word, " or "), f.format(f.min),
		f.format(f.max))
}

func (f *field) checkInt(n int64) string {
	if n == 0 && f.zero != "" || n >= f.min && n <= f.max {
		return ""
	}
	text := fmt.Sprintf("write %s to %s", f.format(f.min), f.format(f.max))
	if f.zero != "" {
		text += fmt.Sprintf(", or 0 for %s", f.zero)
	}
	return text
}

// fault makes a Fault that shows the value, or its ${VAR}, and its line if known.
func (c *Config) fault(path, value, cure string) *Fault {
	from, known := c.origin[path]
	if !known && !strings.HasPrefix(path, "listen") {
		from = c.origin[""]
	}
	text := cure
	if value != "" {
		text = fmt.Sprintf("%s: %s", from.show(value), cure)
	}
	return &Fault{File: from.file, Line: from.line, Path: path, Text: text}
}

// crossFaults checks what one field's limits cannot say.
func (c *Config) crossFaults() Faults {
	var faults Faults
	report := func(path, value, cure string) {
		faults = append(faults, c.fault(path, value, cure))
	}
	if c.Name == "" {
		report("name", "", "it is empty; write a name, clients show it")
	}
	c.checkDoors(report)
	c.checkPairs(report)
	c.checkSecurity(report)
	c.checkAdmin(report)
	c.checkUpstreams(report)
	c.checkViews(report)
	if _, err := c.Input.Keys(); err != nil {
		report("input.state_keys", "", err.Error()+"; make one with: openssl rand -base64 32")
	}
	if n := c.Registry.Shards; n > 0 && bits.OnesCount(uint(n)) != 1 {
		report("registry.shards", strconv.Itoa(n), "write a power of two, such as 256")
	}
	return faults
}

type reportFunc func(path, value, cure string)

// checkPairs compares fields that bound one another, and blames the one that a file gave.
func (c *Config) checkPairs(report reportFunc) {
	less := func(low, high string, a, b int, equalOK bool) {
		if a < b || equalOK && a == b {
			return
		}
		below, above := "less than", "more than"
		if equalOK {
			below, above = "at most", "at least"
		}
		f := fieldAt(low)
		lowText, highText := f.format(int64(a)), f.format(int64(b))
		if _, given := c.origin[high]; given && c.origin[low] == (origin{}) {
			report(high, highText, fmt.Sprintf("write %s %s (%s), or lower that",
				above, low, lowText))
			return
		}
		report(low, lowText, fmt.Sprintf("write %s %s (%s), or raise that",
			below, high, highText))
	}
	l := &c.Limits
	less("limits.outbox_low", "limits.outbox_high", l.OutboxLow, l.OutboxHigh, false)
	less("limits.outbox_high", "limits.outbox_max", l.OutboxHigh, l.OutboxMax, true)
	less("limits.uri_bytes", "limits.header_bytes", l.URIBytes, l.HeaderBytes, true)
	less("queue.warn_percent", "queue.reject_percent",
		c.Queue.WarnPercent, c.Queue.RejectPercent, false)
	less("sessions.max_per_principal", "sessions.max",
		c.Sessions.MaxPerPrincipal, c.Sessions.Max, true)
	less("tasks.max_per_principal", "tasks.max", c.Tasks.MaxPerPrincipal, c.Tasks.Max, true)
	less("tasks.result_bytes", "tasks.result_total",
		c.Tasks.ResultBytes, c.Tasks.ResultTotal, true)
}

func (c *Config) checkDoors(report reportFunc) {
	l := &c.Listen
	if len(l.HTTP)+len(l.TCP)+len(l.Unix) == 0 && !l.Stdio {
		report("listen", "", "no door is open; add listen.http, listen.tcp, listen.unix or "+
			"listen.stdio, or remove listen for 127.0.0.1:9999")
	}
	owner := make(map[string]string)
	check := func(path string, addresses []string, cure func(string) string) {
		for i, addr := range addresses {
			at := fmt.Sprintf("%s[%d]", path, i)
			if text := cure(addr); text != "" {
				report(at, addr, text)
				continue
			}
			if first, taken := owner[addr]; taken && !strings.HasSuffix(addr, ":0") {
				report(at, addr, "it is also "+first+"; a door needs an address of its own")
			}
			owner[addr] = at
		}
	}
	check("listen.http", l.HTTP, addressCure)
	check("listen.tcp", l.TCP, addressCure)
	check("listen.unix", l.Unix, unixCure)
}

// addressCure returns "" for HOST:PORT with a numeric port.
func addressCure(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || strings.ContainsAny(host, " /") {
		return "write HOST:PORT, such as 127.0.0.1:9999, [::1]:9999 or :9999"
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "write a port from 0 to 65535; 0 lets the kernel choose"
	}
	return ""
}

func unixCure(path string) string {
	switch {
	case path == "" || strings.ContainsRune(path, 0):
		return "write the path of the socket"
	case len(path) > unixPathMax:
		return fmt.Sprintf("write a path of at most %d bytes", unixPathMax)
	}
	return ""
}

func (c *Config) checkSecurity(report reportFunc) {
	for i, origin := range c.Security.AllowedOrigins {
		if origin == "*" {
			continue
		}
		u, err := url.Parse(origin)
		bad := err != nil || u.Scheme == "" || u.Host == "" || u.User != nil ||
			origin != u.Scheme+"://"+u.Host
		if bad {
			report(fmt.Sprintf("security.allowed_origins[%d]", i), origin,
				"write it as a browser sends it, such as https://app.example:8443, without a path")
		}
	}
	for i, host := range c.Security.AllowedHosts {
		u, err := url.Parse("http://" + host)
		if err != nil || host == "" || u.Host != host || strings.ContainsRune(host, '*') {
			report(fmt.Sprintf("security.allowed_hosts[%d]", i), host,
				"write HOST or HOST:PORT, such as mcp.example")
		}
	}
}
