package schema

// Hot path: no allocation, no lock, no log, no time.Now.

import "unicode/utf8"

// text checks the string b[i:end] against lengths and pattern.
func (r *run) text(n *node, i, end int, escaped bool) bool {
	t := n.text
	text := r.b[i+1 : end-1]
	if escaped {
		text = r.unquote(i, end)
	}
	// A code point has one to four bytes: mostly there is no need to count.
	if size := len(text); size < t.min || size > t.max || size < 4*t.min {
		points := utf8.RuneCount(text)
		if points < t.min {
			r.refuse(n, "minLength", i)
			return false
		}
		if points > t.max {
			r.refuse(n, "maxLength", i)
			return false
		}
	}
	if t.pattern == nil {
		return true
	}
	if r.matching -= textCost(len(text), t.cost); r.matching < 0 {
		r.abort(n, noteSteps, i)
		return false
	}
	if !t.pattern.Match(text) {
		r.refuse(n, "pattern", i)
		return false
	}
	return true
}

// number checks the number b[i:end].
func (r *run) number(n *node, i, end int) bool {
	rule := n.number
	m := measured{raw: r.b[i:end]}
	m.dec, m.small = parseDecimal(m.raw)
	if rule.whole {
		if yes, ok := m.whole(); !yes {
			return r.unmeasured(n, "type", i, ok)
		}
	}
	if rule.ranged && !r.ranged(n, &m, i) {
		return false
	}
	if rule.multiplied {
		if yes, ok := m.multipleOf(&rule.multiple); !yes {
			return r.unmeasured(n, "multipleOf", i, ok)
		}
	}
	return true
}

func (r *run) ranged(n *node, m *measured, i int) bool {
	rule := n.number
	if rule.min.set {
		if order, ok := m.compare(&rule.min); !ok || order < 0 {
			return r.unmeasured(n, "minimum", i, ok)
		}
	}
	if rule.max.set {
		if order, ok := m.compare(&rule.max); !ok || order > 0 {
			return r.unmeasured(n, "maximum", i, ok)
		}
	}
	if rule.above.set {
		if order, ok := m.compare(&rule.above); !ok || order <= 0 {
			return r.unmeasured(n, "exclusiveMinimum", i, ok)
		}
	}
	if rule.below.set {
		if order, ok := m.compare(&rule.below); !ok || order >= 0 {
			return r.unmeasured(n, "exclusiveMaximum", i, ok)
		}
	}
	return true
}

// unmeasured refuses a number that breaks a keyword or, unless ok, cannot be calculated with.
func (r *run) unmeasured(n *node, word string, i int, ok bool) bool {
	if ok {
		r.refuse(n, word, i)
	} else {
		r.abort(n, noteDigits, i)
	}
	return false
}
