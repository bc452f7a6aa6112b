package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// KeyBytes is the length of a key.
const KeyBytes = 32

// What Open refuses. The texts are safe to show to a peer.
var (
	ErrForged  = errors.New("seal: it was not sealed here, not for this, or it was changed")
	ErrExpired = errors.New("seal: it has expired")
)

// Ring seals with its first key and opens with all of them, so that keys can be exchanged while
// the server runs: first add the new one at the end on every node, then move it to the front, then
// drop the old one. It is safe for concurrent use.
type Ring struct {
	keys atomic.Pointer[[]key]
}

type key struct {
	id   [idBytes]byte
	aead cipher.AEAD
}

const (
	idBytes     = 4
	expiryBytes = 8
)

// New makes a ring of keys, each of KeyBytes random bytes. Without a key it makes one that is gone
// with the process.
func New(keys ...[]byte) (*Ring, error) {
	if len(keys) == 0 {
		random := make([]byte, KeyBytes)
		rand.Read(random) // never fails: it ends the process instead
		keys = [][]byte{random}
	}
	r := &Ring{}
	return r, r.SetKeys(keys...)
}

// SetKeys exchanges the keys. On an error the ring stays as it was.
func (r *Ring) SetKeys(keys ...[]byte) error {
	list := make([]key, 0, len(keys))
	for i, raw := range keys {
		if len(raw) != KeyBytes {
			return fmt.Errorf("cannot use key %d: it has %d bytes; want %d, for instance of "+
				"\"openssl rand -base64 %d\"", i+1, len(raw), KeyBytes, KeyBytes)
		}
		block, err := aes.NewCipher(raw)
		if err != nil {
			return fmt.Errorf("cannot use key %d: %w", i+1, err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return fmt.Errorf("cannot use key %d: %w", i+1, err)
		}
		k := key{aead: aead}
		sum := sha256.Sum256(append([]byte("mcploop key id "), raw...))
		copy(k.id[:], sum[:])
		list = append(list, k)
	}
	if len(list) == 0 {
		return errors.New("cannot use a key ring without a key")
	}
	r.keys.Store(&list)
	return nil
}

// Append appends plain, sealed until expires, to dst, as unpadded base64url. Open needs the same
// binding: whatever the sealed text must not be used apart from.
func (r *Ring) Append(dst, plain, binding []byte, expires time.Time) []byte {
	k := &(*r.keys.Load())[0]
	nonceBytes := k.aead.NonceSize()
	box := make([]byte, idBytes+nonceBytes, idBytes+nonceBytes+expiryBytes+len(plain)+
		k.aead.Overhead())
	copy(box, k.id[:])
	nonce := box[idBytes:]
	rand.Read(nonce)
	inner := binary.BigEndian.AppendUint64(make([]byte, 0, expiryBytes+len(plain)),
		uint64(expires.Unix()))
	inner = append(inner, plain...)
	box = k.aead.Seal(box, nonce, inner, binding)
	return base64.RawURLEncoding.AppendEncode(dst, box)
}

// Open returns what was sealed: ErrForged unless text comes from Append with one of the keys and
// the same binding, ErrExpired when its time is over at now.
func (r *Ring) Open(text, binding []byte, now time.Time) ([]byte, error) {
	box, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	if err != nil || len(box) < idBytes {
		return nil, ErrForged
	}
	for _, k := range *r.keys.Load() {
		rest := box[idBytes:]
		if string(box[:idBytes]) != string(k.id[:]) || len(rest) < k.aead.NonceSize() {
			continue
		}
		nonce, sealed := rest[:k.aead.NonceSize()], rest[k.aead.NonceSize():]
		plain, err := k.aead.Open(nil, nonce, sealed, binding)
		if err != nil || len(plain) < expiryBytes {
			continue
		}
		if int64(binary.BigEndian.Uint64(plain)) < now.Unix() {
			return nil, ErrExpired
		}
		return plain[expiryBytes:], nil
	}
	return nil, ErrForged
}
