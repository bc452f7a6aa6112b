package server

// waiting is what a view does not show since its names are others': by name, who would offer it.
// views.mu guards it.
type waiting map[foreignKey]map[*place]*foreign

// begin notes that f would be shown by that name, and tells whether that is new.
func (w *waiting) begin(key foreignKey, f *foreign) (fresh bool) {
	if *w == nil {
		*w = waiting{}
	}
	if (*w)[key] == nil {
		(*w)[key] = map[*place]*foreign{}
	}
	fresh = (*w)[key][f.at] == nil
	(*w)[key][f.at] = f
	return fresh
}

func (w waiting) end(key foreignKey, p *place) {
	if all := w[key]; all != nil {
		if delete(all, p); len(all) == 0 {
			delete(w, key)
		}
	}
}

// first is who comes first in the order of the view; nil when nobody waits.
func (w waiting) first(key foreignKey, order *subset) (heir *foreign) {
	for p, f := range w[key] {
		if heir == nil || order.before(p.name, heir.at.name) ||
			order == nil && p.name < heir.at.name {
			heir = f
		}
	}
	return heir
}

// count is how many items of p wait.
func (w waiting) count(p *place) (n int) {
	for _, all := range w {
		if all[p] != nil {
			n++
		}
	}
	return n
}
