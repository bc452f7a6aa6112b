package declared

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mcploop/mcploop/mcp"
)

// Words that say how a tool behaves.
const (
	ReadOnly    = "read_only"    // it changes nothing
	Idempotent  = "idempotent"   // a second call changes nothing more
	Additive    = "additive"     // it only adds
	Destructive = "destructive"  // it may overwrite or remove
	ClosedWorld = "closed_world" // it deals with nothing beyond this host
)

// HintWords are all of them.
func HintWords() []string {
	return []string{ReadOnly, Idempotent, Additive, Destructive, ClosedWorld}
}

// Annotations are what clients see of the words; nil without any.
func Annotations(words []string) (*mcp.ToolAnnotations, error) {
	if len(words) == 0 {
		return nil, nil
	}
	yes, no := true, false
	a := &mcp.ToolAnnotations{}
	for _, word := range words {
		switch word {
		case ReadOnly:
			a.ReadOnlyHint = true
		case Idempotent:
			a.IdempotentHint = true
		case Additive:
			a.DestructiveHint = &no
		case Destructive:
			a.DestructiveHint = &yes
		case ClosedWorld:
			a.OpenWorldHint = &no
		default:
			return nil, fmt.Errorf("cannot use the hint %q; write %s", clip(word),
				strings.Join(HintWords(), ", "))
		}
	}
	if a.ReadOnlyHint && slices.Contains(words, Destructive) {
		return nil, fmt.Errorf("cannot use the hints %s and %s together; keep one", ReadOnly,
			Destructive)
	}
	return a, nil
}
