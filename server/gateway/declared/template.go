package declared

import (
	"fmt"
	"slices"
	"strings"
)

// Template is a text with the names of arguments in braces: "report of {day}". A brace of its own
// is written twice. {+NAME} and {NAME...} are marked, for what the place makes of that.
type Template struct {
	parts []Part
}

// Part is a piece of a template: a literal, or the place of an argument.
type Part struct {
	Literal string
	Name    string // "" for a literal
	Mark    Mark
}

// Mark is what is said of an argument's place beside its name.
type Mark uint8

// The marks of a place.
const (
	Plain  Mark = iota // {name}
	Plus               // {+name}
	Spread             // {name...}
)

// ParseTemplate parses text. A brace without its other, or a bad name, is an error that says what
// to write.
func ParseTemplate(text string) (Template, error) {
	var t Template
	var literal strings.Builder
	for rest := text; rest != ""; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			literal.WriteString(rest)
			break
		}
		literal.WriteString(rest[:i])
		if strings.HasPrefix(rest[i:], "{{") || strings.HasPrefix(rest[i:], "}}") {
			literal.WriteByte(rest[i])
			rest = rest[i+2:]
			continue
		}
		name, after, closed := strings.Cut(rest[i+1:], "}")
		if rest[i] == '}' || !closed {
			return t, fmt.Errorf("cannot use %q: a brace stands alone; write it twice", clip(text))
		}
		part, ok := place(name)
		if !ok {
			return t, fmt.Errorf("cannot use {%s}: it is no name of an argument; write letters, "+
				"digits, _ and -, or braces twice where no argument is meant", clip(name))
		}
		if literal.Len() > 0 {
			t.parts = append(t.parts, Part{Literal: literal.String()})
			literal.Reset()
		}
		t.parts = append(t.parts, part)
		rest = after
	}
	if literal.Len() > 0 {
		t.parts = append(t.parts, Part{Literal: literal.String()})
	}
	return t, nil
}

// place reads what stands between the braces.
func place(text string) (Part, bool) {
	p := Part{Name: text}
	if name, ok := strings.CutPrefix(text, "+"); ok {
		p = Part{Name: name, Mark: Plus}
	} else if name, ok := strings.CutSuffix(text, "..."); ok {
		p = Part{Name: name, Mark: Spread}
	}
	for i := range len(p.Name) {
		c := p.Name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return p, false
		}
	}
	return p, p.Name != ""
}

// Parts returns the pieces, which are not to be changed.
func (t Template) Parts() []Part { return t.parts }

// Names returns the names of the arguments in it, each once.
func (t Template) Names() []string {
	var names []string
	for _, p := range t.parts {
		if p.Name != "" && !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// Marked tells whether a place of it has the mark.
func (t Template) Marked(m Mark) bool {
	return slices.ContainsFunc(t.parts, func(p Part) bool { return p.Name != "" && p.Mark == m })
}

// Alone returns the place that is all of the template.
func (t Template) Alone() (Part, bool) {
	if len(t.parts) == 1 && t.parts[0].Name != "" {
		return t.parts[0], true
	}
	return Part{}, false
}

// Expand puts the arguments in, each as escape makes it, nil for as it is. False: one of them is
// not there.
func (t Template) Expand(a Arguments, escape func(string) string) (string, bool) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.Name == "" {
			b.WriteString(p.Literal)
			continue
		}
		text, ok := a.Text(p.Name)
		if !ok {
			return "", false
		}
		if escape != nil {
			text = escape(text)
		}
		b.WriteString(text)
	}
	return b.String(), true
}

// clip keeps an error short.
func clip(s string) string {
	if len(s) <= 64 {
		return s
	}
	return strings.ToValidUTF8(s[:64], "") + "…"
}
