package load

import "bytes"

// Spell returns the bytes of a connection's handshake, empty where there is none, and of one call,
// as opt's transport carries them. Over legacy HTTP the call is in no session.
func Spell(opt Options) (hello, call []byte, err error) {
	w, err := newWire(&opt)
	if err != nil {
		return nil, nil, err
	}
	if opt.initializes() && !opt.http() {
		hello = append(w.hello(), w.ready("")...)
	}
	var id [idDigits]byte
	putDigits(id[:], idFirst)
	call = bytes.Clone(w.heads[0])
	var first numbers
	first.put(0, 1)
	return hello, append(call, w.calls[0].fill(&first, &id)...), nil
}
