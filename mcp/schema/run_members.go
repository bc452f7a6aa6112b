package schema

// Hot path: no allocation, no lock, no log, no time.Now.

import (
	"math/bits"

	"github.com/mcploop/mcploop/codec"
)

// memberRules checks the members of the object at b[i], which names none twice, once more.
func (r *run) memberRules(n *node, i int) bool {
	m, b, start := n.more.members, r.b, i
	var seen uint64 // bits of triggers
	for i = first(b[start:]) + start; b[i] != '}'; {
		end, escaped := codec.SkipString(b, i+1)
		from := pastColon(b, end)
		if m.hasNames && r.value(m.names, i) < 0 {
			return false
		}
		name := b[i+1 : end-1]
		if escaped {
			name = r.unquote(i, end)
		}
		if at, ok := m.triggers[string(name)]; ok {
			seen |= 1 << (at & (membersMax - 1))
		}
		if m.patterns != nil && !r.matched(n, start, i, from, name) {
			return false
		}
		i = next(b, codec.SkipValue(b, from))
	}
	return r.dependent(n, seen, start, i+1)
}

// matched checks the member b[key:] of that name and with the value b[from:] against
// patternProperties and, when none matches, additionalProperties.
func (r *run) matched(n *node, start, key, from int, name []byte) bool {
	m := n.more.members
	var hits uint64 // before any value is checked: name may lie in memory that this uses
	for k := range m.patterns {
		p := &m.patterns[k]
		if r.matching -= textCost(len(name), p.cost); r.matching < 0 {
			r.abort(n, noteSteps, start)
			return false
		}
		if p.pattern.Match(name) {
			hits |= 1 << (k & (membersMax - 1))
		}
	}
	if hits == 0 {
		if m.declared[string(name)] {
			return true
		}
		if m.closed {
			r.refuseMember(n, noteMember, "additionalProperties", start, key)
			return false
		}
		return r.value(m.rest, from) > 0
	}
	for ; hits != 0; hits &= hits - 1 {
		if r.value(m.patterns[bits.TrailingZeros64(hits)].node, from) < 0 {
			return false
		}
	}
	return true
}

// dependent checks what the members that were seen ask of the object b[i:end].
func (r *run) dependent(n *node, seen uint64, i, end int) bool {
	for k := range n.more.members.dependent {
		d := &n.more.members.dependent[k]
		if seen&d.trigger == 0 {
			continue
		}
		if d.required&^seen != 0 {
			r.refuse(n, d.word, i)
			return false
		}
		if d.node != nil && !r.branch(d.node, i, end) {
			return false
		}
	}
	return true
}

// contains counts the items of the array at b[i] that conform.
func (r *run) contains(n *node, i int) bool {
	c, b, start, count := n.more.contains, r.b, i, 0
	for i = first(b[start:]) + start; b[i] != ']'; {
		end := codec.SkipValue(b, i)
		if r.branch(c.node, i, end) {
			count++
		}
		if r.aborted {
			return false
		}
		i = next(b, end)
	}
	if count < c.min {
		r.refuse(n, c.word, start)
	} else if count > c.max {
		r.refuse(n, "maxContains", start)
	}
	return count >= c.min && count <= c.max
}
