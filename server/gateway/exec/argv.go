package exec

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mcploop/mcploop/server/gateway/declared"
)

// argv is the template of a command line. An argument is a whole element, {name}, or all that
// stands behind the = of one, --depth={name}; {name...} is an element for each entry of an array.
// Any other element is passed as it was written.
type argv struct {
	elements []element
	options  []string // arguments that may begin with -
}

// element is one template of the command line.
type element struct {
	literal string // all of it, or what stands before the argument
	name    string // of the argument; "" for a literal
	spread  bool
	behind  bool // a literal -- stands before it: nothing is an option any more
}

func parseArgv(command, options []string) (argv, error) {
	v := argv{options: options}
	if len(command) == 0 || command[0] == "" {
		return v, errors.New("cannot run nothing; write the program and its arguments")
	}
	behind := false
	for i, text := range command {
		e := parseElement(text)
		if i == 0 && e.name != "" {
			return v, fmt.Errorf("cannot use %q; the program itself must not be an argument", text)
		}
		if strings.IndexByte(text, 0) >= 0 {
			return v, fmt.Errorf("cannot use %q; a command line has no NUL", text)
		}
		e.behind = behind
		behind = behind || e.name == "" && e.literal == "--"
		v.elements = append(v.elements, e)
	}
	for _, name := range options {
		if !slices.Contains(v.arguments(), name) {
			return v, fmt.Errorf("cannot let %q be an option; the command has no {%s}", name, name)
		}
	}
	return v, nil
}

// placeholder is an element that is an argument, or has one behind its =.
var placeholder = regexp.MustCompile(`^([^{}]*[^={}]=)?\{([A-Za-z_][A-Za-z0-9_-]*)(\.\.\.)?\}$`)

// parseElement reads one element; what is no placeholder is a literal, whatever braces it has.
func parseElement(text string) element {
	m := placeholder.FindStringSubmatch(text)
	if m == nil || m[1] != "" && m[3] != "" {
		return element{literal: text}
	}
	return element{literal: m[1], name: m[2], spread: m[3] != ""}
}

// check refuses a literal that has an argument in it, which is none there.
func (v *argv) check(known func(name string) bool) error {
	for _, e := range v.elements {
		if e.name != "" {
			continue
		}
		for _, m := range inside.FindAllStringSubmatch(e.literal, -1) {
			if known(m[1]) {
				return fmt.Errorf("cannot use %q; the argument %[2]s is all of an element, "+
					"{%[2]s} or {%[2]s...}, or all behind its =, --option={%[2]s}", e.literal, m[1])
			}
		}
	}
	return nil
}

var inside = regexp.MustCompile(`\{\+?([A-Za-z_][A-Za-z0-9_-]*)(?:\.\.\.)?\}`)

// arguments are the names of those that it uses.
func (v *argv) arguments() []string {
	var names []string
	for _, e := range v.elements {
		if e.name != "" {
			names = append(names, e.name)
		}
	}
	return names
}

// spreads are those that are arrays.
func (v *argv) spreads() []string {
	var names []string
	for _, e := range v.elements {
		if e.spread {
			names = append(names, e.name)
		}
	}
	return names
}

// argvMax bounds the elements of one command line, and argvBytesMax their bytes: less than kernels
// take, so that the refusal is ours.
const (
	argvMax      = 4096
	argvBytesMax = 100 << 10
)

// expand makes the command line. An element whose argument is not there is left out.
func (v *argv) expand(a declared.Arguments) ([]string, error) {
	var line []string
	size := 0
	for _, e := range v.elements {
		texts := []string{""}
		switch {
		case e.name == "":
		case e.spread:
			texts, _ = a.Texts(e.name)
		default:
			text, ok := a.Text(e.name)
			if !ok {
				continue
			}
			texts[0] = text
		}
		for _, text := range texts {
			if err := v.permits(&e, text); err != nil {
				return nil, err
			}
			line = append(line, e.literal+text)
			size += len(e.literal) + len(text) + 1
		}
	}
	if len(line) > argvMax || size > argvBytesMax {
		return nil, fmt.Errorf("the arguments make %d elements of %d bytes; at most %d of %d are "+
			"passed on", len(line), size, argvMax, argvBytesMax)
	}
	return line, nil
}

// permits refuses what would not stay the argument that it is.
func (v *argv) permits(e *element, text string) error {
	switch {
	case e.name == "":
		return nil
	case strings.IndexByte(text, 0) >= 0:
		return fmt.Errorf("%s must not have a NUL", e.name)
	case strings.HasPrefix(text, "-") && e.literal == "" && !e.behind &&
		!slices.Contains(v.options, e.name):
		return fmt.Errorf("%s must not begin with -, which would make it an option", e.name)
	}
	return nil
}
