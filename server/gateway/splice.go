package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
)

// member is a member of a JSON object as it was written.
type member struct{ key, value []byte }

// errNoObject: the upstream's bytes are no object, though the client has scanned them.
var errNoObject = errors.New("it is no object")

// eachMember calls f for every member of object, which is valid JSON. key is a raw string.
func eachMember(object []byte, f func(member)) error {
	i := codec.SkipSpace(object, 0)
	if i >= len(object) || object[i] != '{' {
		return errNoObject
	}
	for i = codec.SkipSpace(object, i+1); i < len(object) && object[i] != '}'; {
		from := i
		end, _ := codec.SkipString(object, i+1)
		if end < 0 {
			return errNoObject
		}
		key := object[from:end]
		i = codec.SkipSpace(object, codec.SkipSpace(object, end)+1)
		from = i
		if i = codec.SkipValue(object, i); i < 0 {
			return errNoObject
		}
		f(member{key, object[from:i]})
		if i = codec.SkipSpace(object, i); i < len(object) && object[i] == ',' {
			i = codec.SkipSpace(object, i+1)
		}
	}
	return nil
}

// splice makes an upstream's result of m ours, in out, which is empty: its bytes, less resultType,
// which the server adds for clients that know it, and with _meta first, where the server looks for
// it. For clients before 2026-07-28 a structured result that is no object becomes one, as the list
// tells them of the schema, and content that clients of older revisions cannot read becomes what
// they can. How long what was read may be reused is told to modern clients alone, who must hear of
// it.
func splice(out, result []byte, m mcp.Method, v mcp.Version) ([]byte, error) {
	out = slices.Grow(out, len(result)+48)
	var meta, kind []byte
	var outcome error
	caching := m == mcp.MethodResourcesRead && v.Modern()
	out = append(out, '{')
	err := eachMember(result, func(m member) {
		switch string(m.key) {
		case `"resultType"`:
			kind = m.value
			return
		case `"_meta"`:
			meta = m.value
			return
		case `"ttlMs"`, `"cacheScope"`:
			if !v.Modern() {
				return
			}
			caching = false
		case `"content"`, `"messages"`:
			m.value = contentFor(string(m.key), m.value, v)
		case `"structuredContent"`:
			if !v.Modern() && m.value[0] != '{' {
				m.value = fmt.Appendf(nil, `{%q:%s}`, mcp.StructuredMember, m.value)
			}
		}
		out = append(append(append(append(out, m.key...), ':'), m.value...), ',')
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: cannot use the result: %w", client.ErrAnswer, err)
	case string(kind) == `"input_required"`:
		return nil, client.ErrInputRequired
	case string(kind) == `"task"` && m == mcp.MethodToolsCall && len(out) > 1:
		outcome = errTask
	case kind != nil && string(kind) != `"complete"`:
		return nil, fmt.Errorf("%w: result of type %.32s", client.ErrAnswer, kind)
	}
	if caching { // 2026-07-28 wants both members
		out = append(mcp.AppendCaching(out, 0, "private"), ',')
	}
	out[len(out)-1] = '}'
	if len(out) == 1 {
		out = append(out[:0], "{}"...)
	}
	if meta == nil || saysNothing(meta) {
		return out, outcome
	}
	head, err := withoutOurs([]byte(`{"_meta":`), meta)
	if err != nil {
		return nil, fmt.Errorf("%w: cannot use the result's _meta: %w", client.ErrAnswer, err)
	}
	if len(out) > 2 {
		head = append(head, ',')
	}
	return append(head, out[1:]...), outcome
}

// saysNothing tells whether a result's _meta says at most what is ours to say. Most do no more.
func saysNothing(meta []byte) bool {
	nothing := meta[0] == '{'
	_ = eachMember(meta, func(m member) {
		nothing = nothing && isOurs(m.key)
	})
	return nothing
}

// isOurs: who has answered is said by us, and a legacy task of the upstream is one of ours at most.
func isOurs(key []byte) bool {
	const server, task = `"` + mcp.MetaServerInfo + `"`, `"` + mcp.MetaRelatedTask + `"`
	return string(key) == server || string(key) == task
}

// withoutOurs appends a result's _meta less what is ours to say.
func withoutOurs(dst, meta []byte) ([]byte, error) {
	start := len(dst)
	dst = append(dst, '{')
	err := eachMember(meta, func(m member) {
		if !isOurs(m.key) {
			dst = append(append(append(append(dst, m.key...), ':'), m.value...), ',')
		}
	})
	if dst[len(dst)-1] == ',' {
		dst = dst[:len(dst)-1]
	}
	if err != nil {
		return dst[:start], err
	}
	return append(dst, '}'), nil
}

// withToken returns the params of a progress notification with token in place of theirs.
func withToken(params, token []byte) []byte {
	out := append(make([]byte, 0, len(params)+len(token)+20), `{"progressToken":`...)
	out = append(out, token...)
	_ = eachMember(params, func(m member) { // the client has scanned them
		if !bytes.Equal(m.key, []byte(`"progressToken"`)) {
			out = append(append(append(append(out, ','), m.key...), ':'), m.value...)
		}
	})
	return append(out, '}')
}

// withName returns a reference to a prompt with another name.
func withName(ref []byte, name string) []byte {
	out := codec.AppendString([]byte(`{"name":`), name)
	_ = eachMember(ref, func(m member) { // the scanner has passed it
		if string(m.key) != `"name"` {
			out = append(append(append(append(out, ','), m.key...), ':'), m.value...)
		}
	})
	return append(out, '}')
}
