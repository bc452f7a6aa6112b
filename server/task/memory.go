package task

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Memory is the Store that a server has when it is given none. Its tasks are gone with the process.
type Memory struct {
	opt MemoryOptions

	mu     sync.Mutex // guards what follows
	tasks  map[string]*record
	owners map[string][]*record // of a principal, in the order they were made
	made   uint64
	bytes  int64 // the sum of Task.Bytes
	swept  time.Time
}

// record is a task with its number in the order of all.
type record struct {
	Task
	number uint64
}

// sweepEvery bounds how often a full store is searched for what is over.
const sweepEvery = time.Second

// MemoryOptions bound a Memory. Zero is the default.
type MemoryOptions struct {
	Max             int              // tasks; default 10,000
	MaxPerPrincipal int              // default: as Max
	BytesMax        int64            // of Task.Bytes together; default 256 MiB
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
	if opt.BytesMax <= 0 {
		opt.BytesMax = 256 << 20
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Memory{opt: opt, tasks: map[string]*record{}, owners: map[string][]*record{}}
}

// Create implements Store. When the store is full it forgets what is over first.
func (m *Memory) Create(t *Task) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full(t) != nil {
		m.makeRoom()
	}
	if err := m.full(t); err != nil {
		return err
	}
	m.made++
	kept := &record{*t, m.made}
	m.tasks[t.ID] = kept
	m.owners[t.Principal] = append(m.owners[t.Principal], kept)
	m.bytes += int64(kept.Bytes())
	return nil
}

// full returns the limit that one more task would break. A store without room for results takes
// none: the work would be done for nothing.
func (m *Memory) full(t *Task) error {
	switch {
	case len(m.tasks) >= m.opt.Max || len(m.owners[t.Principal]) >= m.opt.MaxPerPrincipal:
		return ErrFull
	case m.bytes >= m.opt.BytesMax || m.bytes+int64(t.Bytes()) > m.opt.BytesMax:
		return ErrNoRoom
	}
	return nil
}

// makeRoom forgets what is over, unless that was done a moment ago. m.mu must be held.
func (m *Memory) makeRoom() {
	if now := m.opt.Now(); now.Sub(m.swept) >= sweepEvery {
		m.swept = now
		m.sweep()
	}
}

// Get implements Store.
func (m *Memory) Get(id string) (*Task, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tasks[id]
	if t == nil || m.over(t) {
		return nil, ErrNotFound
	}
	found := t.Task
	return &found, nil
}

// List implements Store.
func (m *Memory) List(principal, cursor string, most int) ([]*Task, string, error) {
	behind, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	own := m.owners[principal]
	at, _ := slices.BinarySearchFunc(own, behind+1, func(t *record, n uint64) int {
		return int(int64(t.number - n))
	})
	var page []*Task
	var last uint64
	for _, t := range own[at:] {
		if m.over(t) {
			continue
		}
		if len(page) == most {
			return page, formatCursor(last), nil
		}
		found := t.Task
		page, last = append(page, &found), t.number
	}
	return page, "", nil
}

// cursorPrefix keeps cursors of other lists out.
const cursorPrefix = "tasks:"

// formatCursor is the cursor behind the task of that number.
func formatCursor(number uint64) string {
	text := strconv.AppendUint([]byte(cursorPrefix), number, 10)
	return base64.RawURLEncoding.EncodeToString(text)
}

func parseCursor(cursor string) (uint64, error) {
	if cursor == "" {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	digits, ours := strings.CutPrefix(string(text), cursorPrefix)
	number, bad := strconv.ParseUint(digits, 10, 63)
	if err != nil || bad != nil || !ours {
		return 0, ErrCursor
	}
	return number, nil
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
	more := int64(t.Bytes() - kept.Bytes())
	if more > 0 && m.bytes+more > m.opt.BytesMax {
		m.makeRoom()
		if m.bytes+more > m.opt.BytesMax {
			return ErrNoRoom
		}
	}
	if m.tasks[t.ID] == nil { // it made room itself
		return ErrNotFound
	}
	t.Version++
	kept.Task = *t
	m.bytes += more
	return nil
}

// Sweep implements Store.
func (m *Memory) Sweep() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sweep()
}

// Size implements Store.
func (m *Memory) Size() (tasks int, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.tasks), m.bytes
}

func (m *Memory) over(t *record) bool { return m.opt.Now().Sub(t.Created) > t.TTL }

// sweep forgets what is over. m.mu must be held.
func (m *Memory) sweep() (gone int) {
	owners := map[string]bool{}
	for id, t := range m.tasks {
		if m.over(t) {
			delete(m.tasks, id)
			m.bytes -= int64(t.Bytes())
			owners[t.Principal] = true
			gone++
		}
	}
	for name := range owners {
		gone := func(t *record) bool { return m.tasks[t.ID] != t }
		left := slices.DeleteFunc(m.owners[name], gone)
		if m.owners[name] = left; len(left) == 0 {
			delete(m.owners, name)
		}
	}
	return gone
}
