package doctor

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// unitFiles looks at LimitNOFILE of the server's systemd unit. There is nothing to say where
// no unit is known.
func (h Host) unitFiles(want int64) (Finding, bool) {
	unit := h.Unit
	if unit == "" {
		unit = h.ownUnit()
	}
	if unit == "" {
		return Finding{}, false
	}
	if path.Ext(unit) == "" { // as systemctl has it
		unit += ".service"
	}
	f := Finding{
		Check:  "descriptors.unit",
		Wanted: fmt.Sprintf("LimitNOFILE at least %d", want),
		Why:    "systemd sets the limit of a service; that of a shell does not count there",
		Cure: fmt.Sprintf(`mkdir -p /etc/systemd/system/%[1]s.d && printf '[Service]\n`+
			`LimitNOFILE=%[2]d\n' >/etc/systemd/system/%[1]s.d/nofile.conf && `+
			`systemctl daemon-reload && systemctl restart %[1]s`, unit, want),
	}
	value, from, known := h.unitLimit(unit)
	if !known {
		return f.unread("a unit file " + unit), true
	}
	if value == "" {
		f.Found = unit + " sets none; systemd's default is 1024 soft, 524288 hard"
		return f.judge(want <= 524_288, Fail), true
	}
	f.Found = fmt.Sprintf("LimitNOFILE=%s in %s", value, from)
	_, hardText, both := strings.Cut(value, ":")
	if !both {
		hardText = value
	}
	hard, ok := parseLimit(hardText)
	return f.judge(ok && hard >= want, Fail), true
}

// ownUnit returns the service that the process runs in, by its cgroup.
func (h Host) ownUnit() string {
	for _, group := range h.groups() {
		if unit := path.Base(group.path); strings.HasSuffix(unit, ".service") {
			return unit
		}
	}
	return ""
}

// unitLimit returns what counts of all LimitNOFILE lines: systemd reads the unit file of the
// first folder that has one, then the drop-ins by name, a name once; the last line wins. What
// system.conf says is the default for units that say nothing.
func (h Host) unitLimit(unit string) (value, from string, known bool) {
	folders := []string{
		"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system",
		"/lib/systemd/system",
	}
	names := []string{"/etc/systemd/system.conf"}
	for _, folder := range folders {
		if _, there := h.text(path.Join(folder, unit)); there {
			names, known = append(names, path.Join(folder, unit)), true
			break
		}
	}
	dropIns := map[string]string{}
	for _, folder := range folders {
		dir := path.Join(folder, unit+".d")
		for _, name := range h.list(dir) {
			if _, taken := dropIns[name]; strings.HasSuffix(name, ".conf") && !taken {
				dropIns[name] = path.Join(dir, name)
			}
		}
	}
	order := make([]string, 0, len(dropIns))
	for name := range dropIns {
		order = append(order, name)
	}
	slices.Sort(order)
	for _, name := range order {
		names = append(names, dropIns[name])
	}
	for _, name := range names { // system.conf first: it is the weakest
		if v := h.lastLimit(name); v != "" {
			value, from = v, name
		}
	}
	return value, from, known
}

func (h Host) lastLimit(name string) string {
	value := ""
	text, _ := h.text(name)
	for line := range strings.SplitSeq(text, "\n") {
		key, v, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(key) {
		case "LimitNOFILE", "DefaultLimitNOFILE":
			value = strings.TrimSpace(v)
		}
	}
	return value
}
