package schema

import (
	"bytes"
	"fmt"
	"math/bits"
	"strings"

	"github.com/mcploop/mcploop/codec"
)

// note is why a value was refused. Nothing is put into words before it is known that no other
// branch of the schema accepts the value.
type note struct {
	kind noteKind
	n    *node
	word string // the keyword
	at   int    // where the value begins
	key  int    // where the key begins: noteTwice, noteFolded, noteMember
	miss uint64 // bits of properties: noteMissing
}

type noteKind uint8

const (
	noteWord noteKind = iota
	noteMissing
	noteMember
	noteTwice
	noteFolded
	noteSteps
	noteDepth
	noteDigits
)

// textSteps is the fault of noteSteps.
const textSteps = "checking it takes more steps than its size allows"

func (r *run) refuse(n *node, word string, i int) int {
	r.note = note{kind: noteWord, n: n, word: word, at: i}
	return -1
}

func (r *run) refuseMissing(n *node, missing uint64, i int) int {
	r.note = note{kind: noteMissing, n: n, word: "required", at: i, miss: missing}
	return -1
}

func (r *run) refuseCount(n *node, minWord, maxWord string, few bool, i int) int {
	if few {
		return r.refuse(n, minWord, i)
	}
	return r.refuse(n, maxWord, i)
}

// refuseMember refuses the member whose key is at b[key]. One that two decoders would read
// differently makes the whole value bad.
func (r *run) refuseMember(n *node, kind noteKind, word string, i, key int) int {
	r.note = note{kind: kind, n: n, word: word, at: i, key: key}
	r.aborted = r.aborted || kind != noteMember
	return -1
}

// abort ends the check: no branch could be checked to the end.
func (r *run) abort(n *node, kind noteKind, i int) int {
	r.note = note{kind: kind, n: n, at: i}
	r.aborted = true
	return -1
}

func foldsToAny(o *objectRule, name []byte) bool {
	for i := range o.props {
		if bytes.EqualFold(o.props[i].folded, name) {
			return true
		}
	}
	return false
}

// fault puts the note into words.
func (t *note) fault(b []byte) *Fault {
	f := &Fault{Pointer: pointerTo(b, t.at), Keyword: t.word}
	switch t.kind {
	case noteWord:
		value := quote(b[t.at:codec.SkipValue(b, t.at)])
		if t.n.source == nil {
			f.Keyword, f.Text = "", value+" is not allowed"
			break
		}
		f.Text = fmt.Sprintf("%s breaks %s %s", value, t.word, wanted(t.n.source[t.word]))
	case noteMissing:
		name := t.n.object.props[bits.TrailingZeros64(t.miss)].name
		f.Text = fmt.Sprintf("required member %.64q is missing", name)
	case noteMember:
		f.Text = fmt.Sprintf("member %.64q breaks additionalProperties false", keyAt(b, t.key))
	case noteTwice:
		f.Text = fmt.Sprintf("member %.64q comes twice", keyAt(b, t.key))
	case noteFolded:
		name := string(keyAt(b, t.key))
		f = foldFault(f.Pointer, name, t.n.object.foldsTo(name))
	case noteSteps:
		f.Text = textSteps
	case noteDepth:
		f.Text = "checking it goes deeper than allowed"
	case noteDigits:
		f.Text = fmt.Sprintf("%.32s… has too many digits", b[t.at:])
	}
	return f
}

func keyAt(b []byte, i int) []byte {
	end, _ := codec.SkipString(b, i+1)
	return content(b[i:end])
}

// pointerTo is the JSON pointer of the value that begins at b[at].
func pointerTo(b []byte, at int) string {
	pointer := ""
	i := codec.SkipSpace(b, 0)
	for i < at {
		object := b[i] == '{'
		i = codec.SkipSpace(b, i+1)
		for index := 0; ; index++ {
			token := ""
			if object {
				end, _ := codec.SkipString(b, i+1)
				token = string(content(b[i:end]))
				i = pastColon(b, end)
			} else {
				token = fmt.Sprint(index)
			}
			end := codec.SkipValue(b, i)
			if at < end {
				pointer = appendToken(pointer, strings.ToValidUTF8(token, ""))
				break
			}
			i = next(b, end)
		}
	}
	return pointer
}
