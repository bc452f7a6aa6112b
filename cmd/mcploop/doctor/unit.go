package doctor

import (
	"fmt"
	"maps"
	"path"
	"regexp"
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
	if !unitType.MatchString(unit) { // as systemctl has it
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

// unitType is how the name of a unit ends.
var unitType = regexp.MustCompile(
	`\.(service|socket|slice|scope|target|mount|automount|swap|timer|path|device)$`)

// unitNames returns the name, then those whose drop-ins count for it, too (systemd.unit(5)): the
// template of an instance, foo@.service, and what foo-bar.service has in common with others,
// foo-.service.
func unitNames(unit string) []string {
	ext := path.Ext(unit)
	prefix, instance, _ := strings.Cut(strings.TrimSuffix(unit, ext), "@")
	names := []string{unit}
	if template, is := templateOf(unit); is {
		names = append(names, unitNames(template)...)
		instance = "@" + instance
	}
	if i := strings.LastIndexByte(strings.TrimSuffix(prefix, "-"), '-'); i > 0 {
		names = append(names, unitNames(prefix[:i+1]+instance+ext)...)
	}
	return names
}

// templateOf returns the name of the template that an instance is made of.
func templateOf(unit string) (template string, isInstance bool) {
	ext := path.Ext(unit)
	prefix, instance, at := strings.Cut(strings.TrimSuffix(unit, ext), "@")
	return prefix + "@" + ext, at && instance != ""
}

// unitFolders are where systemd looks for units, the strongest first.
var unitFolders = []string{
	"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
	"/usr/lib/systemd/system", "/lib/systemd/system",
}

// unitLimit returns what counts of all LimitNOFILE lines: systemd reads the unit file of the
// first folder that has one, else that of the template, then the drop-ins by name, a name once;
// the last line wins. What system.conf says is the default for units that say nothing.
func (h Host) unitLimit(unit string) (value, from string, known bool) {
	files := []string{"/etc/systemd/system.conf"} // first: it is the weakest
	file, known := h.unitFile(unit)
	if template, isInstance := templateOf(unit); isInstance && !known {
		file, known = h.unitFile(template)
	}
	if known {
		files = append(files, file)
	}
	dropIns := map[string]string{}
	add := func(dir string) {
		for _, name := range h.list(dir) {
			if _, taken := dropIns[name]; strings.HasSuffix(name, ".conf") && !taken {
				dropIns[name] = path.Join(dir, name)
			}
		}
	}
	for _, folder := range unitFolders {
		for _, name := range unitNames(unit) {
			add(path.Join(folder, name+".d"))
		}
	}
	for _, folder := range unitFolders { // for all units of the type
		add(path.Join(folder, strings.TrimPrefix(path.Ext(unit), ".")+".d"))
	}
	for _, name := range slices.Sorted(maps.Keys(dropIns)) {
		files = append(files, dropIns[name])
	}
	for _, name := range files {
		if v := h.lastLimit(name); v != "" {
			value, from = v, name
		}
	}
	return value, from, known
}

// unitFile returns the file of a unit.
func (h Host) unitFile(name string) (file string, there bool) {
	for _, folder := range unitFolders {
		if _, there := h.text(path.Join(folder, name)); there {
			return path.Join(folder, name), true
		}
	}
	return "", false
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
