package shard

// Hot path (Get): no allocation, no lock, no log, no time.Now.

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	// DefaultTableShards is what NewTable uses for 0.
	DefaultTableShards = 256
	tableShardsMax     = 4096
	bucketsMin         = 8
)

// Table is a map split into shards. Get takes no lock and does not write to
// shared memory, so any number of cores may look up at once; writers of
// different shards do not wait for each other. A shard shrinks when it has
// emptied: after a flood the memory goes back to the garbage collector.
//
// How a read can do without a lock: a shard is an array of chains. A node never
// changes after it was published, but for its next pointer. A new value is a new
// node; a removed node keeps its next pointer, so a reader standing on it walks
// on. Growing and shrinking copy every node into a new array and publish that;
// the old array is never written again, so a reader still in it sees the shard as
// it was at that moment.
//
// All methods are safe for concurrent use.
type Table[K comparable, V any] struct {
	shards []tableShard[K, V]
	shift  uint // the shard is the top bits of the hash, the bucket the low ones
	hash   func(K) uint64
}

// tableShard is padded to two cache lines: one core's writes to a shard do not
// disturb another core's reads of the next.
type tableShard[K comparable, V any] struct {
	buckets atomic.Pointer[buckets[K, V]]
	count   atomic.Int64
	mu      sync.Mutex // guards every write to the shard
	_       [128 - 24]byte
}

type buckets[K comparable, V any] struct {
	heads []atomic.Pointer[node[K, V]]
	mask  uint64
}

type node[K comparable, V any] struct {
	next  atomic.Pointer[node[K, V]]
	hash  uint64
	key   K
	value V
}

// NewTable makes a table of the given number of shards: a power of two from 1 to
// 4096, or 0 for 256. hash must spread its keys over all 64 bits, and be keyed
// when others choose the keys; HashString and HashUint64 do both.
func NewTable[K comparable, V any](shards int, hash func(K) uint64) (*Table[K, V], error) {
	if shards == 0 {
		shards = DefaultTableShards
	}
	if shards < 1 || shards > tableShardsMax || shards&(shards-1) != 0 {
		return nil, fmt.Errorf("cannot make a table of %d shards; use a power of two from 1 to %d",
			shards, tableShardsMax)
	}
	if hash == nil {
		return nil, errors.New("cannot make a table without a hash; use HashString or HashUint64")
	}
	t := &Table[K, V]{
		shards: make([]tableShard[K, V], shards),
		shift:  uint(64 - bits.TrailingZeros(uint(shards))),
		hash:   hash,
	}
	for i := range t.shards {
		t.shards[i].buckets.Store(newBuckets[K, V](bucketsMin))
	}
	return t, nil
}

// Get returns the value of k.
func (t *Table[K, V]) Get(k K) (V, bool) {
	h := t.hash(k)
	if n := t.shard(h).buckets.Load().find(h, k); n != nil {
		return n.value, true
	}
	var zero V
	return zero, false
}

// Put sets the value of k.
func (t *Table[K, V]) Put(k K, v V) {
	h := t.hash(k)
	s := t.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets.Load().replace(h, k, v) {
		return
	}
	s.insert(h, k, v)
}

// PutIfAbsent sets the value of k unless it has one. It returns the value that
// the table holds afterwards, and whether that was there before.
func (t *Table[K, V]) PutIfAbsent(k K, v V) (V, bool) {
	h := t.hash(k)
	s := t.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.buckets.Load().find(h, k); n != nil {
		return n.value, true
	}
	s.insert(h, k, v)
	return v, false
}

// Delete removes k and returns the value it had.
func (t *Table[K, V]) Delete(k K) (V, bool) {
	h := t.hash(k)
	s := t.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets.Load()
	n := b.unlink(h, k)
	if n == nil {
		var zero V
		return zero, false
	}
	count := int(s.count.Add(-1))
	if size := len(b.heads); size > bucketsMin && count < size/8 {
		s.buckets.Store(b.resized(size / 4))
	}
	return n.value, true
}

// Len returns the number of keys: a snapshot while others write.
func (t *Table[K, V]) Len() int {
	sum := int64(0)
	for i := range t.shards {
		sum += t.shards[i].count.Load()
	}
	return int(sum)
}

// Range calls f for the keys, shard by shard, until f returns false. No lock is
// held: f may use the table. A key written meanwhile may or may not be seen; one
// that stays untouched is seen once.
func (t *Table[K, V]) Range(f func(K, V) bool) {
	for i := range t.shards {
		b := t.shards[i].buckets.Load()
		for j := range b.heads {
			for n := b.heads[j].Load(); n != nil; n = n.next.Load() {
				if !f(n.key, n.value) {
					return
				}
			}
		}
	}
}

func (t *Table[K, V]) shard(h uint64) *tableShard[K, V] {
	return &t.shards[h>>t.shift] // a shift by 64 gives 0: one shard
}

// insert adds a key that the shard does not have. Called with s.mu held.
func (s *tableShard[K, V]) insert(h uint64, k K, v V) {
	b := s.buckets.Load()
	if int(s.count.Add(1)) > len(b.heads)/4*3 { // short chains: each link is a cache miss
		b = b.resized(len(b.heads) * 2)
		b.push(h, k, v)
		s.buckets.Store(b)
		return
	}
	b.push(h, k, v)
}

func newBuckets[K comparable, V any](size int) *buckets[K, V] {
	return &buckets[K, V]{
		heads: make([]atomic.Pointer[node[K, V]], size),
		mask:  uint64(size - 1),
	}
}

func (b *buckets[K, V]) find(h uint64, k K) *node[K, V] {
	for n := b.heads[h&b.mask].Load(); n != nil; n = n.next.Load() {
		if n.hash == h && n.key == k {
			return n
		}
	}
	return nil
}

func (b *buckets[K, V]) push(h uint64, k K, v V) {
	head := &b.heads[h&b.mask]
	n := &node[K, V]{hash: h, key: k, value: v}
	n.next.Store(head.Load())
	head.Store(n)
}

// link returns the pointer that leads to the node of k, or nil.
func (b *buckets[K, V]) link(h uint64, k K) *atomic.Pointer[node[K, V]] {
	at := &b.heads[h&b.mask]
	for n := at.Load(); n != nil; n = at.Load() {
		if n.hash == h && n.key == k {
			return at
		}
		at = &n.next
	}
	return nil
}

func (b *buckets[K, V]) replace(h uint64, k K, v V) bool {
	at := b.link(h, k)
	if at == nil {
		return false
	}
	n := &node[K, V]{hash: h, key: k, value: v}
	n.next.Store(at.Load().next.Load())
	at.Store(n)
	return true
}

func (b *buckets[K, V]) unlink(h uint64, k K) *node[K, V] {
	at := b.link(h, k)
	if at == nil {
		return nil
	}
	n := at.Load()
	at.Store(n.next.Load())
	return n
}

// resized copies the chains into a new array; b stays as it is for its readers.
func (b *buckets[K, V]) resized(size int) *buckets[K, V] {
	to := newBuckets[K, V](max(size, bucketsMin))
	for i := range b.heads {
		for n := b.heads[i].Load(); n != nil; n = n.next.Load() {
			to.push(n.hash, n.key, n.value)
		}
	}
	return to
}

var seed = maphash.MakeSeed()

// HashString hashes a key that others may have chosen: it is keyed per process.
func HashString(s string) uint64 { return maphash.String(seed, s) }

// HashUint64 hashes a number, keyed per process.
func HashUint64(n uint64) uint64 { return maphash.Comparable(seed, n) }
