package history

// value is one appended value. It may be in a Read from when it was sent. Moments are counted in
// events of its client, from 1; 0 is never.
type value struct {
	sent, acknowledged int
	place              int // in the list, from 1, as the answer to its Append names it
}

// read checks that every acknowledged value is there, once, at its place, and no value that nobody
// appended; an Append without an outcome ran once or not at all.
func (c *checker) read(r *request, got []string) {
	seen := map[string]int{}
	for i, text := range got {
		v := c.values[text]
		if v == nil {
			c.fault("N1", "request %s: read %q, which it never appended", r.sent.ID, text)
			continue
		}
		if seen[text]++; seen[text] == 2 {
			c.fault("N3", "request %s: %q was appended twice", r.sent.ID, text)
		}
		if v.acknowledged > 0 && seen[text] == 1 && v.place != i+1 {
			c.fault("N5", "request %s: %q is at place %d; its answer said %d",
				r.sent.ID, text, i+1, v.place)
		}
	}
	for _, text := range r.must {
		if seen[text] == 0 {
			c.fault("N5", "request %s does not see %q, acknowledged before", r.sent.ID, text)
		}
	}
	c.inOrder(r, got)
}

// inOrder checks that no value stands behind one that was sent only after it was acknowledged.
func (c *checker) inOrder(r *request, got []string) {
	first, soonest := 0, "" // of the values behind: which one was acknowledged first
	for i := len(got) - 1; i >= 0; i-- {
		v := c.values[got[i]]
		switch {
		case v == nil:
			continue
		case first > 0 && first < v.sent:
			c.fault("N5", "request %s: %q stands before %q, though it was sent when that was "+
				"acknowledged", r.sent.ID, got[i], soonest)
		}
		if v.acknowledged > 0 && (first == 0 || v.acknowledged < first) {
			first, soonest = v.acknowledged, got[i]
		}
	}
}
