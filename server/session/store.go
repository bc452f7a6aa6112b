package session

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mcploop/mcploop/shard"
)

var (
	// ErrFull occurs when Max sessions exist and none has been idle long enough.
	ErrFull = errors.New("session: too many sessions")
	// ErrPrincipalFull is the same for the sessions of one principal.
	ErrPrincipalFull = errors.New("session: too many sessions of this principal")
	// ErrClosed occurs after Close.
	ErrClosed = errors.New("session: the store is closed")
)

const (
	// evictLooks bounds how many sessions Create files anew in search of an idle
	// one; the next Create goes on where it stopped.
	evictLooks = 128
	// sweepLooks bounds how many sessions are looked at while the lock is held.
	sweepLooks = 256
)

// Store holds the sessions. Its methods are safe for concurrent use.
//
// Get takes no lock. Everything that makes or ends a session takes mu, for some
// hundred nanoseconds, and never does more than a bounded number of steps under it.
type Store struct {
	opt        Options // Max, MaxPerPrincipal, IdleTTL and EvictIdle are guarded by mu
	table      *shard.Table[key, *Session]
	principals *shard.Table[string, *principal] // written under mu

	mu     sync.Mutex
	idle   order // all sessions
	stats  Stats
	closed bool
}

// principal counts one principal's sessions; it goes with the last of them.
type principal struct {
	name string
	idle order
}

// Stats are counters since the store was made.
type Stats struct {
	Created uint64
	Refused uint64              // by ErrFull and ErrPrincipalFull
	Ended   [reasonCount]uint64 // by Reason
}

// New makes an empty store.
func New(opt Options) (*Store, error) {
	opt = opt.withDefaults()
	if err := opt.validate(); err != nil {
		return nil, fmt.Errorf("cannot make a session store: %w", err)
	}
	table, err := shard.NewTable[key, *Session](opt.Shards, key.hash)
	if err != nil {
		return nil, fmt.Errorf("cannot make a session store: %w", err)
	}
	principals, err := shard.NewTable[string, *principal](1, shard.HashString)
	if err != nil {
		return nil, err
	}
	return &Store{opt: opt, table: table, principals: principals}, nil
}

// Create opens a session. version is kept as it is: pass a constant, not a view.
// At a limit it first ends the session that is idle longest; when none has been
// idle for EvictIdle it returns ErrPrincipalFull or ErrFull.
func (st *Store) Create(principal, version string) (*Session, error) {
	k := newKey()
	s := &Session{ID: string(k[:]), Version: version, store: st}
	now := st.opt.Now()
	s.used.Store(now)
	s.filed = now

	st.mu.Lock()
	victim, err := st.makeRoom(principal, now)
	if err == nil {
		st.insert(k, s, principal)
	} else {
		st.stats.Refused++
	}
	st.mu.Unlock()
	if victim != nil {
		st.ended(victim, ReasonEvicted)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Get finds a session and restarts its idle time. A session of another principal
// is not found. id is not kept.
func (st *Store) Get(id []byte, principal string) (*Session, bool) {
	// Hot path: no allocation, no lock, no log.
	s, ok := st.find(id, principal)
	if ok {
		s.touch(st.opt.Now())
	}
	return s, ok
}

// Delete ends a session at its client's wish, also while calls are in flight.
// It returns false when there is none of this id and principal.
func (st *Store) Delete(id []byte, principal string) bool {
	s, ok := st.find(id, principal)
	if !ok {
		return false
	}
	s.touch(st.opt.Now()) // also the acquire that SetState wants before OnEnd reads State
	st.mu.Lock()
	ok = s.calls.Or(endedMark) >= 0
	if ok {
		st.remove(s, ReasonDeleted)
	}
	st.mu.Unlock()
	if ok {
		st.ended(s, ReasonDeleted)
	}
	return ok
}

// Len returns the number of sessions.
func (st *Store) Len() int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return len(st.idle.heap)
}

// Max returns how many sessions there may be.
func (st *Store) Max() int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.opt.Max
}

// Stats returns the counters.
func (st *Store) Stats() Stats {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.stats
}

// SetLimits changes the limits of a running store; 0 means the default. What is
// above a lowered limit goes at the next Sweep, as far as it is idle.
func (st *Store) SetLimits(sessionsMax, perPrincipalMax int, idleTTL time.Duration) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	opt, err := st.limited(sessionsMax, perPrincipalMax, idleTTL)
	if err != nil {
		return err
	}
	st.opt.Max, st.opt.MaxPerPrincipal = opt.Max, opt.MaxPerPrincipal
	st.opt.IdleTTL, st.opt.EvictIdle = opt.IdleTTL, opt.EvictIdle
	return nil
}

// CheckLimits returns the error of SetLimits, and changes nothing.
func (st *Store) CheckLimits(sessionsMax, perPrincipalMax int, idleTTL time.Duration) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	_, err := st.limited(sessionsMax, perPrincipalMax, idleTTL)
	return err
}

// limited are the options with other limits. Called with mu held.
func (st *Store) limited(
	sessionsMax, perPrincipalMax int, idleTTL time.Duration,
) (opt Options, err error) {
	opt = st.opt
	opt.Max, opt.MaxPerPrincipal, opt.IdleTTL = sessionsMax, perPrincipalMax, idleTTL
	opt = opt.withDefaults()
	if err := opt.validate(); err != nil {
		return opt, fmt.Errorf("cannot change the session limits: %w", err)
	}
	return opt, nil
}

func (st *Store) find(id []byte, principal string) (*Session, bool) {
	k, ok := keyOf(id)
	if !ok {
		return nil, false
	}
	s, ok := st.table.Get(k)
	if !ok || s.Principal != principal || s.Ended() {
		return nil, false
	}
	return s, true
}

// insert files a new session. Called with mu held.
func (st *Store) insert(k key, s *Session, name string) {
	owner, ok := st.principals.Get(name)
	if !ok {
		owner = &principal{name: strings.Clone(name), idle: order{which: orderOfPrincipal}}
		st.principals.Put(owner.name, owner)
	}
	s.Principal, s.owner = owner.name, owner
	st.idle.push(s)
	owner.idle.push(s)
	st.table.Put(k, s)
	st.stats.Created++
}

// remove takes out a session that has just ended. Called with mu held.
func (st *Store) remove(s *Session, why Reason) {
	st.idle.remove(s)
	s.owner.idle.remove(s)
	if len(s.owner.idle.heap) == 0 {
		st.principals.Delete(s.owner.name)
	}
	st.table.Delete(key([]byte(s.ID)))
	st.stats.Ended[why]++
}

// ended tells the server. Called without mu.
func (st *Store) ended(s *Session, why Reason) {
	if st.opt.OnEnd != nil {
		st.opt.OnEnd(s, why)
	}
}
