package mcp

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Template is a compiled URI template (RFC 6570, all four levels). Matching takes time linear in
// the URI, whatever the template: it runs on Go's regular expressions, which never backtrack.
type Template struct {
	text   string
	prefix string // the literal that every match begins with: most URIs are told apart by it
	match  *regexp.Regexp
	names  []string // variable of each group
	op     []byte   // operator of each group's expression, 0 for none
}

// templateBytesMax and templateVarsMax bound a template.
const (
	templateBytesMax = 2 << 10
	templateVarsMax  = 32
)

// CompileTemplate compiles text. A template without a variable, with an unknown operator or a bad
// name is an error that says where.
func CompileTemplate(text string) (*Template, error) {
	if len(text) > templateBytesMax {
		return nil, fmt.Errorf("cannot compile URI template %.64q: it has more than %d bytes",
			text, templateBytesMax)
	}
	t := &Template{text: text}
	var pattern strings.Builder
	pattern.WriteString("^")
	for rest := text; rest != ""; {
		literal, expression, found := strings.Cut(rest, "{")
		if strings.ContainsAny(literal, "}") {
			return nil, t.fault("a '}' has no '{'")
		}
		if len(t.names) == 0 {
			t.prefix += literal
		}
		pattern.WriteString(regexp.QuoteMeta(literal))
		if !found {
			break
		}
		body, after, closed := strings.Cut(expression, "}")
		if !closed {
			return nil, t.fault("a '{' has no '}'")
		}
		if err := t.expression(&pattern, body); err != nil {
			return nil, err
		}
		rest = after
	}
	if len(t.names) == 0 {
		return nil, t.fault("it has no variable; offer a resource instead")
	}
	pattern.WriteString("$")
	var err error
	if t.match, err = regexp.Compile(pattern.String()); err != nil {
		return nil, t.fault(err.Error())
	}
	return t, nil
}

func (t *Template) fault(why string) error {
	return fmt.Errorf("cannot compile URI template %q: %s", t.text, why)
}

// What a variable's value may hold, by the operator (RFC 6570, 1.5 and 3.2): unreserved
// characters and escapes, and for '+' and '#' the reserved ones too.
const (
	unreservedClass = `(?:[A-Za-z0-9\-._~\x{80}-\x{10FFFF}]|%[0-9A-Fa-f]{2})`
	reservedClass   = `(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=\x{80}-\x{10FFFF}]|%[0-9A-Fa-f]{2})`
)

// operator is what an expression's operator means (RFC 6570, appendix A).
type operator struct {
	first, separator string
	named            bool // "name=value"
	class            string
}

var operators = map[byte]operator{
	0:   {"", ",", false, unreservedClass},
	'+': {"", ",", false, reservedClass},
	'#': {"#", ",", false, reservedClass},
	'.': {".", ".", false, unreservedClass},
	'/': {"/", "/", false, unreservedClass},
	';': {";", ";", true, unreservedClass},
	'?': {"?", "&", true, unreservedClass},
	'&': {"&", "&", true, unreservedClass},
}

// expression appends the pattern of one expression, the text between the braces.
func (t *Template) expression(pattern *strings.Builder, body string) error {
	var code byte
	if body != "" && strings.IndexByte("+#./;?&", body[0]) >= 0 {
		code, body = body[0], body[1:]
	}
	op := operators[code]
	for i, spec := range strings.Split(body, ",") {
		name, value, err := t.variable(spec, op, code)
		if err != nil {
			return err
		}
		lead := op.first
		if i > 0 {
			lead = op.separator
		}
		lead = regexp.QuoteMeta(lead)
		if op.named {
			lead += regexp.QuoteMeta(name) + "=?"
		}
		// A variable that is undefined leaves nothing, not even its separator.
		if i == 0 && op.first == "" {
			pattern.WriteString("(" + value + ")")
		} else {
			pattern.WriteString("(?:" + lead + "(" + value + "))?")
		}
		t.names, t.op = append(t.names, name), append(t.op, code)
	}
	return nil
}

// variable returns the name and the pattern of one variable with its modifier.
func (t *Template) variable(spec string, op operator, code byte) (name, value string, err error) {
	name, most, limited := strings.Cut(spec, ":")
	name, exploded := strings.CutSuffix(name, "*")
	if !validVariable(name) {
		return "", "", t.fault(fmt.Sprintf("%q is no variable", spec))
	}
	if len(t.names) == templateVarsMax {
		return "", "", t.fault(fmt.Sprintf("it has more than %d variables", templateVarsMax))
	}
	switch {
	case limited:
		n, convErr := strconv.Atoi(most)
		if convErr != nil || n < 1 || n > 999 || exploded {
			return "", "", t.fault(fmt.Sprintf("%q has a bad length; want 1 to 999", spec))
		}
		return name, op.class + "{0," + most + "}", nil
	case exploded && code != '+' && code != '#':
		return name, `(?:` + op.class + "|[" + regexp.QuoteMeta(op.separator) + "=])*", nil
	case code == '+' || code == '#':
		return name, op.class + "*", nil
	}
	return name, `(?:` + op.class + `|,)*`, nil // a list without explosion has commas
}

// validVariable: letters, digits, '_', '.', escapes (RFC 6570, 2.3).
func validVariable(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '_' && c != '%' && (c != '.' || i == 0) {
			return false
		}
	}
	return name != ""
}

// Match returns the values of the variables in uri, percent-decoded, or nil when uri is not of
// the template. A variable that is left out is not in the map. A value that decodes to no UTF-8
// does not match.
func (t *Template) Match(uri string) map[string]string {
	if !strings.HasPrefix(uri, t.prefix) {
		return nil
	}
	groups := t.match.FindStringSubmatchIndex(uri)
	if groups == nil {
		return nil
	}
	values := make(map[string]string, len(t.names))
	for i, name := range t.names {
		from, to := groups[2*i+2], groups[2*i+3]
		if from < 0 {
			continue
		}
		value, err := url.PathUnescape(uri[from:to])
		if err != nil {
			return nil
		}
		if before, twice := values[name]; twice && before != value {
			return nil // the same variable in two places has one value
		}
		values[name] = value
	}
	return values
}

// Matches tells whether uri is of the template, without taking it apart.
func (t *Template) Matches(uri []byte) bool {
	return len(uri) >= len(t.prefix) && string(uri[:len(t.prefix)]) == t.prefix &&
		t.match.Match(uri)
}

// String returns the template's text.
func (t *Template) String() string { return t.text }
