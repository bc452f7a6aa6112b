package session

// order is a min-heap of sessions by filed. Sessions are used without touching
// the heap, so filed is only a lower bound of the last use; but a session at the
// top whose filed still is its last use is the one that is idle longest of all.
// One that was used meanwhile is filed anew when it comes to the top, which
// happens about once per round of all sessions: no scan, O(log n) each time.
type order struct {
	which int // the element of Session.at that holds the index here
	heap  []*Session
}

const (
	orderOfAll = iota
	orderOfPrincipal
)

// orderKeepMin is the capacity below which the heap is not made smaller.
const orderKeepMin = 64

func (o *order) push(s *Session) {
	o.heap = append(o.heap, s)
	s.at[o.which] = int32(len(o.heap) - 1)
	o.up(len(o.heap) - 1)
}

func (o *order) remove(s *Session) {
	i, last := int(s.at[o.which]), len(o.heap)-1
	o.swap(i, last)
	o.heap[last] = nil
	o.heap = o.heap[:last]
	s.at[o.which] = -1
	if i < last {
		o.down(i)
		o.up(i)
	}
	// After a flood the memory goes back.
	if c := cap(o.heap); c > orderKeepMin && last < c/4 {
		o.heap = append(make([]*Session, 0, c/2), o.heap...)
	}
}

// later restores the order after s.filed has grown.
func (o *order) later(s *Session) { o.down(int(s.at[o.which])) }

func (o *order) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if o.heap[parent].filed <= o.heap[i].filed {
			return
		}
		o.swap(i, parent)
		i = parent
	}
}

func (o *order) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(o.heap) {
			return
		}
		if right := child + 1; right < len(o.heap) &&
			o.heap[right].filed < o.heap[child].filed {
			child = right
		}
		if o.heap[i].filed <= o.heap[child].filed {
			return
		}
		o.swap(i, child)
		i = child
	}
}

func (o *order) swap(i, j int) {
	o.heap[i], o.heap[j] = o.heap[j], o.heap[i]
	o.heap[i].at[o.which] = int32(i)
	o.heap[j].at[o.which] = int32(j)
}
