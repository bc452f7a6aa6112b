package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// namedServer is a server of a client's configuration, not read yet.
type namedServer struct {
	name string
	line int
	raw  json.RawMessage
}

// clientServers returns the servers of a client's configuration in their order; ok is false when
// data is none, so that it may be a file of ours. The fault has no file yet.
func clientServers(data []byte) (servers []namedServer, fault *Fault, ok bool) {
	if len(data) > fileBytesMax {
		return nil, nil, false
	}
	text := withoutComments(data)
	body := bytes.TrimPrefix(text, []byte("\ufeff")) // Windows' editors begin a file with it
	if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		return nil, nil, false
	}
	r := clientReader{data: body, dec: json.NewDecoder(bytes.NewReader(body))}
	err := r.object(r.member)
	if !r.found {
		return nil, nil, false
	}
	var whole json.RawMessage
	var syntax *json.SyntaxError
	if errors.As(json.Unmarshal(body, &whole), &syntax) {
		err = syntax
	}
	if err != nil {
		return nil, &Fault{
			Line: r.lineAt(max(r.dec.InputOffset(), offsetOf(syntax))),
			Text: fmt.Sprintf("cannot read the client's configuration: %v", err),
		}, true
	}
	return r.servers, nil, true
}

func offsetOf(err *json.SyntaxError) int64 {
	if err == nil {
		return 0
	}
	return err.Offset
}

// clientReader finds the servers in a client's configuration, whatever else it holds.
type clientReader struct {
	data    []byte
	dec     *json.Decoder
	found   bool
	servers []namedServer
}

func (r *clientReader) lineAt(offset int64) int {
	return 1 + bytes.Count(r.data[:min(offset, int64(len(r.data)))], []byte("\n"))
}

// member reads one member of the whole file.
func (r *clientReader) member(key string) error {
	switch key {
	case "mcpServers", "servers":
		return r.section()
	case "mcp": // VS Code's settings.json
		return r.nested()
	}
	return r.skip()
}

// nested reads the servers one level down, where another program may have something else.
func (r *clientReader) nested() error {
	if !r.atObject() {
		return r.skip()
	}
	return r.object(func(key string) error {
		if key == "servers" {
			return r.section()
		}
		return r.skip()
	})
}

// section reads the servers by their names.
func (r *clientReader) section() error {
	if !r.atObject() {
		return r.skip()
	}
	r.found = true
	return r.object(func(name string) error {
		at := r.lineAt(r.dec.InputOffset())
		var raw json.RawMessage
		if err := r.dec.Decode(&raw); err != nil {
			return err
		}
		r.servers = append(r.servers, namedServer{name, at, raw})
		return nil
	})
}

// atObject tells whether the value that comes next is an object.
func (r *clientReader) atObject() bool {
	rest := bytes.TrimLeft(r.data[r.dec.InputOffset():], " \t\r\n:")
	return bytes.HasPrefix(rest, []byte("{"))
}

// object calls f for each key of the object that comes next; f reads its value.
func (r *clientReader) object(f func(key string) error) error {
	open, err := r.dec.Token()
	if err != nil {
		return err
	}
	if open != json.Delim('{') {
		return fmt.Errorf("%v where an object must be", open)
	}
	for r.dec.More() {
		key, err := r.dec.Token()
		if err != nil {
			return err
		}
		if err := f(fmt.Sprint(key)); err != nil {
			return err
		}
	}
	_, err = r.dec.Token()
	return err
}

func (r *clientReader) skip() error {
	var raw json.RawMessage
	return r.dec.Decode(&raw)
}

// envText is a value of an environment: clients take numbers and switches as texts.
type envText string

// UnmarshalJSON takes a text, or a number or a switch as it is written.
func (t *envText) UnmarshalJSON(b []byte) error {
	switch {
	case b[0] == '"':
		return json.Unmarshal(b, (*string)(t))
	case b[0] == '{' || b[0] == '[':
		return errors.New("an environment variable is a text")
	case string(b) != "null":
		*t = envText(b)
	}
	return nil
}

// withoutComments blanks // and /* */ outside of strings, and commas before a closing bracket, as
// VS Code's files have them. Lines stay where they are.
func withoutComments(data []byte) []byte {
	out := bytes.Clone(data)
	comma := -1
	for i := 0; i < len(out); i++ {
		switch c := out[i]; {
		case c == '"':
			comma = -1
			for i++; i < len(out) && out[i] != '"'; i++ {
				if out[i] == '\\' {
					i++
				}
			}
		case bytes.HasPrefix(out[i:], []byte("//")):
			for ; i < len(out) && out[i] != '\n'; i++ {
				out[i] = ' '
			}
		case bytes.HasPrefix(out[i:], []byte("/*")):
			end := bytes.Index(out[i+2:], []byte("*/"))
			if end < 0 {
				return out
			}
			for stop := i + end + 4; i < stop; i++ {
				if out[i] != '\n' {
					out[i] = ' '
				}
			}
			i--
		case c == ',':
			comma = i
		case (c == '}' || c == ']') && comma >= 0:
			out[comma], comma = ' ', -1
		case c != ' ' && c != '\t' && c != '\n' && c != '\r':
			comma = -1
		}
	}
	return out
}
