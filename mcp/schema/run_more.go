package schema

// Hot path: no allocation, no lock, no log, no time.Now.

// more checks the value b[i:end], whose own type is right, against constants and combinations.
func (r *run) more(n *node, i, end int) int {
	if r.depth++; r.depth > depthMax { // a $ref can lead to itself
		return r.abort(n, noteDepth, i)
	}
	m := n.more
	if (m.hasEnum || m.constant != nil) && !r.distinctAll(n, i, end) {
		return -1
	}
	if m.hasEnum && !r.inEnum(m, r.b[i:end]) {
		return r.refuse(n, "enum", i)
	}
	if m.constant != nil && !isOne(m.constant, r.b[i:end]) {
		return r.refuse(n, "const", i)
	}
	if m.members != nil && r.b[i] == '{' && !r.memberRules(n, i) {
		return -1
	}
	if m.contains != nil && r.b[i] == '[' && !r.contains(n, i) {
		return -1
	}
	for _, child := range m.refs {
		if !r.branch(child, i, end) {
			return -1
		}
	}
	for _, child := range m.all {
		if !r.branch(child, i, end) {
			return -1
		}
	}
	if !r.anyOf(n, i, end) || !r.oneOf(n, i, end) || !r.not(n, i, end) || !r.cond(m, i, end) {
		return -1
	}
	r.depth--
	return end
}

func (r *run) inEnum(m *moreRule, raw []byte) bool {
	if m.texts != nil && raw[0] == '"' {
		return m.texts[string(content(raw))]
	}
	r.steps -= len(m.enum) / 16
	return isOne(m.enum, raw)
}

func isOne(list []constant, raw []byte) bool {
	for k := range list {
		if list[k].is(raw) {
			return true
		}
	}
	return false
}

// branch checks the value b[i:end] against another schema.
func (r *run) branch(n *node, i, end int) bool {
	if n == nil {
		return true
	}
	r.steps -= (end - i) / 64 // what is passed over costs something, too
	depth := r.depth
	r.choices++
	ok := r.value(n, i) > 0
	r.choices--
	r.depth = depth
	return ok
}

func (r *run) anyOf(n *node, i, end int) bool {
	if n.more.anyOf == nil {
		return true
	}
	for _, child := range n.more.anyOf {
		if r.branch(child, i, end) {
			return true
		}
		if r.aborted {
			return false
		}
	}
	if len(n.more.anyOf) > 1 { // of one alone the note says more
		r.refuse(n, "anyOf", i)
	}
	return false
}

func (r *run) oneOf(n *node, i, end int) bool {
	if n.more.oneOf == nil {
		return true
	}
	fits := 0
	for _, child := range n.more.oneOf {
		if r.branch(child, i, end) {
			fits++
		}
		if r.aborted {
			return false
		}
	}
	if fits != 1 {
		r.refuse(n, "oneOf", i)
	}
	return fits == 1
}

func (r *run) not(n *node, i, end int) bool {
	if !n.more.hasNot {
		return true
	}
	fits := r.branch(n.more.not, i, end)
	if r.aborted {
		return false
	}
	if fits {
		r.refuse(n, "not", i)
	}
	return !fits
}

func (r *run) cond(m *moreRule, i, end int) bool {
	if !m.hasIf {
		return true
	}
	chosen := m.alt
	if r.branch(m.cond, i, end) {
		chosen = m.then
	}
	return !r.aborted && r.branch(chosen, i, end)
}
