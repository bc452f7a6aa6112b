package session

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
)

const (
	idRandomBytes = 18 // 144 bits
	idLength      = idRandomBytes / 3 * 4
)

// key is a session id as the table knows it: no pointer, no allocation.
type key [idLength]byte

// newKey draws an id: base64url of random bytes and of nothing else.
func newKey() (k key) {
	var random [idRandomBytes]byte
	rand.Read(random[:]) // never fails: it ends the process instead
	base64.RawURLEncoding.Encode(k[:], random[:])
	return k
}

// keyOf returns false for what cannot be an id.
func keyOf(id []byte) (k key, ok bool) {
	if len(id) != idLength {
		return k, false
	}
	copy(k[:], id)
	return k, true
}

// hash spreads ids over the table. It needs no secret: only ids that newKey drew
// are stored, so nobody chooses what collides.
func (k key) hash() uint64 {
	h := binary.LittleEndian.Uint64(k[0:8])
	h = h*0x9e3779b97f4a7c15 ^ binary.LittleEndian.Uint64(k[8:16])
	h = h*0x9e3779b97f4a7c15 ^ binary.LittleEndian.Uint64(k[16:24])
	h = (h ^ h>>32) * 0xd6e8feb86659fd93
	return h ^ h>>32
}
