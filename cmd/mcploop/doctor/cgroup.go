package doctor

import (
	"math"
	"path"
	"slices"
	"strings"
)

// group is one line of /proc/PID/cgroup: the process's place in one hierarchy.
type group struct {
	controllers []string // none: version 2
	path        string   // as the mount's root counts it
}

func (h Host) groups() []group {
	var all []group
	text, _ := h.text(h.proc("cgroup"))
	for line := range strings.SplitSeq(text, "\n") {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			continue
		}
		g := group{path: parts[2]}
		if parts[1] != "" {
			g.controllers = strings.Split(parts[1], ",")
		}
		all = append(all, g)
	}
	return all
}

// hierarchy is where the limits of one controller stand.
type hierarchy struct {
	v2   bool
	dirs []string // the process's own folder first, then those above it
}

// noGroups is what cannot be read when dirs are empty.
const noGroups = "the process's cgroups (/proc/PID/cgroup and mountinfo, /sys/fs/cgroup)"

// hierarchyOf finds a controller where the process's groups are mounted; its dirs are empty
// when it is not.
func (h Host) hierarchyOf(controller string) hierarchy {
	groups := h.groups()
	i := slices.IndexFunc(groups, func(g group) bool {
		return slices.Contains(g.controllers, controller)
	})
	v2 := i < 0
	if v2 {
		i = slices.IndexFunc(groups, func(g group) bool { return len(g.controllers) == 0 })
	}
	if i < 0 {
		return hierarchy{v2: v2}
	}
	inside := groups[i].path
	root, point := h.mounted(controller, v2, inside)
	if point == "" {
		return hierarchy{v2: v2}
	}
	if below(inside, root) { // a container that sees its own part only
		inside = strings.TrimPrefix(inside, root)
	}
	var dirs []string
	for dir := path.Join("/", inside); ; dir = path.Dir(dir) {
		dirs = append(dirs, path.Join(point, dir))
		if dir == "/" {
			return hierarchy{v2: v2, dirs: dirs}
		}
	}
}

// below says whether a group is root or one below it.
func below(group, root string) bool {
	rest, ok := strings.CutPrefix(group, root)
	return ok && (rest == "" || root == "/" || rest[0] == '/')
}

// unescaped is what mountinfo escapes in a path.
var unescaped = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// mounted returns the root and the mount point of a controller, from /proc/PID/mountinfo: of
// several the first that has the group in it.
func (h Host) mounted(controller string, v2 bool, group string) (root, point string) {
	text, _ := h.text(h.proc("mountinfo"))
	for line := range strings.SplitSeq(text, "\n") {
		left, right, _ := strings.Cut(line, " - ")
		place, kind := strings.Fields(left), strings.Fields(right)
		if len(place) < 5 || len(kind) < 3 {
			continue
		}
		is := kind[0] == "cgroup2"
		if !v2 {
			is = kind[0] == "cgroup" && slices.Contains(strings.Split(kind[2], ","), controller)
		}
		if !is {
			continue
		}
		r, p := unescaped.Replace(place[3]), unescaped.Replace(place[4])
		if below(group, r) {
			return r, p
		}
		if point == "" {
			root, point = r, p
		}
	}
	return root, point
}

// noLimit is what version 1 prints, and more, where nothing is limited.
const noLimit = math.MaxInt64 - 1<<16

// tightest returns the smallest limit of the folders and the one that has it.
func (h Host) tightest(dirs []string, name string) (limit int64, dir string, ok bool) {
	limit = math.MaxInt64
	for _, d := range dirs {
		n, there := h.number(path.Join(d, name))
		if there && n >= 0 && n < noLimit && n < limit {
			limit, dir, ok = n, d, true
		}
	}
	return limit, dir, ok
}
