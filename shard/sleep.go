package shard

// sleep lets a searching worker wait. It returns true with an item that came
// while the worker lay down; after false the worker searches again.
func (p *Workers[T]) sleep(w *worker) (T, bool) {
	p.mu.Lock()
	p.idle = append(p.idle, w)
	p.spare.Add(1)
	p.endSearch(w)
	p.mu.Unlock()

	// Look once more: who submitted before the lines above saw a searcher and
	// woke nobody, and who closes now may have found the list without w.
	v, ok := p.steal(w)
	if !ok && !p.closed.Load() {
		<-w.wake
		w.searching = true // counted by the waker
		return v, false
	}
	if !p.riseUnwoken(w) {
		<-w.wake
		w.searching = true
	} else if !ok {
		w.searching = true
		p.searching.Add(1)
	}
	return v, ok
}

// riseUnwoken takes w off the sleepers again; false means that somebody has
// woken it meanwhile.
func (p *Workers[T]) riseUnwoken(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		if p.idle[i] == w {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			p.spare.Add(^uint64(0))
			return true
		}
	}
	return false
}

// wakeOne gets one more worker to search, unless one does or all have work.
func (p *Workers[T]) wakeOne() {
	if p.searching.Load() > 0 || p.spare.Load() == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.searching.Load() > 0:
	case len(p.idle) > 0:
		p.wakeIdle()
	case p.started < p.count:
		p.start()
	}
}

// wakeIdle wakes the worker that went to sleep last: its caches are warm.
// Called with mu held and a sleeper present.
func (p *Workers[T]) wakeIdle() {
	last := len(p.idle) - 1
	w := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	p.spare.Add(^uint64(0))
	p.searching.Add(1)
	w.wake <- struct{}{} // never blocks: one token per stay on the list
}

// start starts one more worker, searching. Called with mu held.
func (p *Workers[T]) start() {
	w := &worker{
		index: p.started, home: p.started % len(p.rings), searching: true,
		wake: make(chan struct{}, 1),
	}
	p.started++
	p.live++
	p.spare.Add(^uint64(0))
	p.searching.Add(1)
	go p.work(w)
}
