package schema

// Hot path: no lock, no log, no time.Now; memory is borrowed.

import "github.com/mcploop/mcploop/codec"

// distinctKeys looks for a key that comes twice; then the note has it.
func (r *run) distinctKeys(i, count int) bool {
	table := r.borrow().table(count)
	for i = codec.SkipSpace(r.b, i+1); r.b[i] != '}'; {
		end, _ := codec.SkipString(r.b, i+1)
		if !put(table, r.b, hashOf(r.b[i:end]), i, end) {
			r.note.key = i
			return false
		}
		i = next(r.b, codec.SkipValue(r.b, pastColon(r.b, end)))
	}
	return true
}

// distinctItems looks for an item that comes twice.
func (r *run) distinctItems(i, count int) bool {
	table := r.borrow().table(count)
	for i = codec.SkipSpace(r.b, i+1); r.b[i] != ']'; {
		end := codec.SkipValue(r.b, i)
		if !put(table, r.b, hashOf(r.b[i:end]), i, end) {
			return false
		}
		i = next(r.b, end)
	}
	return true
}

// distinctAll looks for a member that comes twice anywhere in the value b[i:end], which is compared
// as a whole.
func (r *run) distinctAll(n *node, i, end int) bool {
	b := r.b
	if b[i] != '{' && b[i] != '[' {
		return true
	}
	if r.steps -= 1 + (end-i)/64; r.steps < 0 {
		r.abort(n, noteSteps, i)
		return false
	}
	object := b[i] == '{'
	if object && !r.distinctKeys(i, members(b[i:])) {
		r.refuseMember(n, noteTwice, "", i, r.note.key)
		return false
	}
	for i = codec.SkipSpace(b, i+1); b[i] != '}' && b[i] != ']'; {
		if object {
			end, _ := codec.SkipString(b, i+1)
			i = pastColon(b, end)
		}
		end := codec.SkipValue(b, i)
		if !r.distinctAll(n, i, end) {
			return false
		}
		i = next(b, end)
	}
	return true
}
