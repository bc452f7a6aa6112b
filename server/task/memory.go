package task

import (
	"sync"
	"time"
)

// Memory is the Store that a server has when it is given none. Its tasks are gone with the process.
type Memory struct {
	opt MemoryOptions

	mu     sync.Mutex // guards what follows
	tasks  map[string]*Task
	owners map[string]int // tasks of a principal
	swept  time.Time
}

// sweepEvery bounds how often a full store is searched for what is over.
const sweepEvery = time.Second

// MemoryOptions bound a Memory. Zero is the default.
type MemoryOptions struct {
	Max             int              // tasks; default 10,000
	MaxPerPrincipal int              // default: as Max
	Now             func() time.Time // default time.Now
}

// NewMemory makes an empty store.
func NewMemory(opt MemoryOptions) *Memory {
	if opt.Max <= 0 {
		opt.Max = 10_000
	}
	if opt.MaxPerPrincipal <= 0 {
		opt.MaxPerPrincipal = opt.Max
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Memory{opt: opt, tasks: map[string]*Task{}, owners: map[string]int{}}
}

// Create implements Store. When the store is full it forgets what is over first.
func (m *Memory) Create(t *Task) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.opt.Now(); m.full(t.Principal) && now.Sub(m.swept) >= sweepEvery {
		m.swept = now
		m.sweep()
	}
	if m.full(t.Principal) {
		return ErrFull
	}
	kept := *t
	m.tasks[t.ID] = &kept
	m.owners[t.Principal]++
	return nil
}

func (m *Memory) full(principal string) bool {
	return len(m.tasks) >= m.opt.Max || m.owners[principal] >= m.opt.MaxPerPrincipal
}

// Get implements Store.
func (m *Memory) Get(id string) (*Task, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tasks[id]
	if t == nil || m.over(t) {
		return nil, ErrNotFound
	}
	found := *t
	return &found, nil
}

// Update implements Store.
func (m *Memory) Update(t *Task) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := m.tasks[t.ID]
	switch {
	case kept == nil:
		return ErrNotFound
	case kept.Version != t.Version:
		return ErrConflict
	}
	t.Version++
	*kept = *t
	return nil
}

// Sweep implements Store.
func (m *Memory) Sweep() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sweep()
}

// Len implements Store.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.tasks)
}

func (m *Memory) over(t *Task) bool { return m.opt.Now().Sub(t.Created) > t.TTL }

// sweep forgets what is over. m.mu must be held.
func (m *Memory) sweep() (gone int) {
	for id, t := range m.tasks {
		if !m.over(t) {
			continue
		}
		delete(m.tasks, id)
		if m.owners[t.Principal]--; m.owners[t.Principal] == 0 {
			delete(m.owners, t.Principal)
		}
		gone++
	}
	return gone
}
