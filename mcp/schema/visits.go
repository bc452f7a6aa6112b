package schema

// How often one value may be looked at, known from the schema alone. A schema whose subschemas
// lead to themselves along two ways looks twice as often at each deeper level: a value that is
// nested 60 times would be looked at 2^60 times.

// Bounds of what a loop may check. A value has two bytes at least with its comma, so a check that
// looks so often at each has steps enough, see stepsPerByte.
const (
	visitsMax   = 32
	visitsDepth = 64 // of values; a check that goes deeper is bounded by its steps
)

// visits counts for one schema.
type visits struct {
	all  []*node
	here map[*node]int // what looks at the value itself: the node and what it applies to it
	most map[*node]int // at the value or one that is at most so deep below it as rounds were run
	next map[*node]fan // at members and items alone; in the making
}

// fan is how often a member and how often an item may be looked at: no value has both.
type fan struct{ member, item int }

// isHeavy tells whether a check may look at one value more than visitsMax times.
func isHeavy(root *node) bool {
	if root == nil {
		return false
	}
	v := visits{here: map[*node]int{}}
	v.collect(root, map[*node]bool{})
	for _, n := range v.all {
		if v.hereOf(n) > visitsMax {
			return true
		}
	}
	v.most = v.here
	for range visitsDepth {
		if grown := v.round(); !grown {
			return false
		}
		if v.most[root] > visitsMax {
			return true
		}
	}
	return v.most[root] > visitsMax
}

func (v *visits) collect(n *node, seen map[*node]bool) {
	if n == nil || seen[n] {
		return
	}
	seen[n] = true
	v.all = append(v.all, n)
	for _, child := range n.sameValue() {
		v.collect(child, seen)
	}
	members, items := n.belowValue()
	for _, group := range append(members, items...) {
		for _, child := range group {
			v.collect(child, seen)
		}
	}
}

// hereOf is more than visitsMax for a node that applies itself to its own value.
func (v *visits) hereOf(n *node) int {
	if n == nil {
		return 0
	}
	if count, ok := v.here[n]; ok {
		return count
	}
	v.here[n] = visitsMax + 1 // until it is known
	count := 1
	for _, child := range n.sameValue() {
		count = min(count+v.hereOf(child), visitsMax+1)
	}
	v.here[n] = count
	return count
}

// round looks one level deeper; false when nothing has changed.
func (v *visits) round() (grown bool) {
	most := make(map[*node]int, len(v.all))
	v.next = make(map[*node]fan, len(v.all))
	for _, n := range v.all {
		f := v.below(n)
		most[n] = max(v.here[n], f.member, f.item)
		grown = grown || most[n] > v.most[n]
	}
	v.most = most
	return grown
}

// below is how often a member or item of n's value, or what is in it, may be looked at.
func (v *visits) below(n *node) fan {
	if n == nil {
		return fan{}
	}
	if f, ok := v.next[n]; ok {
		return f
	}
	members, items := n.belowValue()
	f := fan{v.sum(members), v.sum(items)}
	for _, child := range n.sameValue() {
		one := v.below(child)
		f = fan{f.member + one.member, f.item + one.item}
	}
	f = fan{min(f.member, visitsMax+1), min(f.item, visitsMax+1)}
	v.next[n] = f
	return f
}

func (v *visits) sum(groups [][]*node) (sum int) {
	for _, group := range groups {
		largest := 0
		for _, child := range group {
			largest = max(largest, v.most[child])
		}
		sum += largest
	}
	return sum
}

// sameValue lists what n applies to the value itself.
func (n *node) sameValue() []*node {
	m := n.more
	if m == nil {
		return nil
	}
	list := append([]*node{m.not, m.cond, m.then, m.alt}, m.refs...)
	list = append(append(list, m.all...), m.anyOf...)
	if m.members != nil {
		for i := range m.members.dependent {
			list = append(list, m.members.dependent[i].node)
		}
	}
	return append(list, m.oneOf...)
}

// belowValue lists what n applies to members and to items, in groups: of each group one at most
// looks at one of them.
func (n *node) belowValue() (members, items [][]*node) {
	if n.types&kindObject != 0 {
		group := []*node{n.object.rest}
		for i := range n.object.props {
			group = append(group, n.object.props[i].node)
		}
		members = append(members, group)
		if n.more != nil && n.more.members != nil {
			members = append(members, n.more.members.groups()...)
		}
	}
	if n.array != nil && n.types&kindArray != 0 {
		items = append(items, append([]*node{n.array.items}, n.array.prefix...))
	}
	if n.more != nil && n.more.contains != nil && n.types&kindArray != 0 {
		items = append(items, []*node{n.more.contains.node})
	}
	return members, items
}

func (m *memberRule) groups() [][]*node {
	groups := [][]*node{{m.rest}, {m.names}}
	for i := range m.patterns {
		groups = append(groups, []*node{m.patterns[i].node})
	}
	return groups
}
