package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway/declared"
)

// ToolOptions say what one tool asks of the API. URL, the values of Query and Headers, and the
// strings of Body are templates: see package declared.
type ToolOptions struct {
	Name        string
	Title       string
	Description string
	Method      string // default GET
	// URL is absolute, or begins with / and stands behind the API's base. Arguments may stand in
	// its path alone: {name} within one segment, {+name} over several.
	URL     string
	Query   map[string]string
	Headers map[string]string
	// Body is any JSON value; of type "form" an object, of "text" a string. nil is no body.
	Body     json.RawMessage
	BodyType string // json (default), form or text

	Input  json.RawMessage // nil: every argument that is used is a text, those of the path needed
	Output json.RawMessage // nil: answers are text alone
	Hints  []string        // see declared.HintWords; none: what the method promises

	Trim
}

// tool is one of them, compiled.
type tool struct {
	*declared.Tool
	method  string
	base    *url.URL          // scheme, host, and the query that the URL has of its own
	path    declared.Template // of the escaped path
	query   []named
	headers []named
	body    *body
	kind    string // of body
	trim    trimmer
}

// named is a template under a name.
type named struct {
	name string
	text declared.Template
}

// methods are those that a tool may have.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// newTool compiles a tool; base may be "".
func newTool(base string, opt ToolOptions) (*tool, error) {
	t := &tool{method: opt.Method, kind: opt.BodyType}
	if t.method == "" {
		t.method = http.MethodGet
	}
	if !slices.Contains(methods, t.method) {
		return nil, fmt.Errorf("cannot use the method %q; write one of %s", opt.Method,
			strings.Join(methods, ", "))
	}
	err := errors.Join(t.setURL(base, opt.URL), t.setPairs(opt), t.setBody(opt))
	if err != nil {
		return nil, err
	}
	if t.trim, err = opt.compile(); err != nil {
		return nil, err
	}
	used := t.arguments()
	input := opt.Input
	if input == nil {
		input = declared.DeriveInput(used, t.path.Names())
	}
	words := opt.Hints
	if len(words) == 0 {
		words = methodHints(t.method)
	}
	annotations, err := declared.Annotations(words)
	if err != nil {
		return nil, err
	}
	t.Tool, err = declared.New(declared.Definition{
		Name: opt.Name, Title: opt.Title, Description: opt.Description, Input: input,
		Output: opt.Output, Annotations: annotations, Defaults: true,
	})
	if err != nil {
		return nil, err
	}
	return t, t.Knows(used)
}

// methodHints is what a method promises (RFC 9110, 9.2).
func methodHints(method string) []string {
	switch method {
	case "GET", "HEAD", "OPTIONS":
		return []string{declared.ReadOnly, declared.Idempotent}
	case "PUT", "DELETE":
		return []string{declared.Destructive, declared.Idempotent}
	}
	return nil
}

// MethodAnnotations are what clients see of a method.
func MethodAnnotations(method string) *mcp.ToolAnnotations {
	a, err := declared.Annotations(methodHints(method))
	if err != nil {
		panic("BUG: the hints of a method are none: " + err.Error())
	}
	return a
}

// setURL takes the URL apart: only its path is a template.
func (t *tool) setURL(base, text string) error {
	if strings.HasPrefix(text, "/") {
		text = strings.TrimSuffix(base, "/") + text
	}
	head, query, _ := strings.Cut(text, "?")
	scheme, rest, ok := strings.Cut(head, "://")
	host, path, _ := strings.Cut(rest, "/")
	if !ok || host == "" || strings.Contains(scheme+host, "{") ||
		strings.ContainsAny(query, "{#") || strings.Contains(path, "#") {
		return fmt.Errorf("cannot use the url %q; write http://HOST/PATH with arguments in its "+
			"path alone, or /PATH behind base_url; arguments of the query go into query", text)
	}
	var err error
	if t.base, err = ParseBase(scheme + "://" + host + "/"); err != nil {
		return err
	}
	t.base.RawQuery = query
	t.path, err = declared.ParseTemplate("/" + path)
	return err
}

// ParseBase parses the URL of an API.
func ParseBase(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot use the url %q; write http://HOST/PATH", text)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("cannot use the url %q; write http:// or https:// and a host", text)
	case u.User != nil:
		return nil, errors.New("cannot use a url with a password in it; write basic: \"${VAR}\"")
	case u.Fragment != "":
		return nil, fmt.Errorf("cannot use the url %q; remove the part behind #", text)
	}
	return u, nil
}

// setPairs parses the templates of query and headers.
func (t *tool) setPairs(opt ToolOptions) (err error) {
	if t.query, err = parseNamed(opt.Query); err != nil {
		return err
	}
	for name, text := range opt.Headers {
		if fault := HeaderFault(name, text); fault != "" {
			return errors.New(fault)
		}
	}
	t.headers, err = parseNamed(opt.Headers)
	return err
}

func parseNamed(texts map[string]string) ([]named, error) {
	var all []named
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		t, err := declared.ParseTemplate(texts[name])
		if err != nil {
			return nil, err
		}
		all = append(all, named{name, t})
	}
	return all, nil
}

func (t *tool) setBody(opt ToolOptions) error {
	if opt.Body == nil {
		return nil
	}
	if t.method == http.MethodGet || t.method == http.MethodHead {
		return fmt.Errorf("cannot send a body with %s; write another method, or use query",
			t.method)
	}
	var err error
	if t.body, err = parseBody(opt.Body); err != nil {
		return err
	}
	switch opt.BodyType {
	case "", "json":
		t.kind = "json"
	case "form":
		if !t.body.object {
			return errors.New("cannot make a form of the body; write names with their values")
		}
	case "text":
		if !t.body.isText {
			return errors.New("cannot make a text of the body; write a text in quotes")
		}
	default:
		return fmt.Errorf("cannot use the body type %q; write json, form or text", opt.BodyType)
	}
	return nil
}

// arguments are the names of all arguments that the tool uses.
func (t *tool) arguments() []string {
	names := t.path.Names()
	for _, n := range slices.Concat(t.query, t.headers) {
		names = append(names, n.text.Names()...)
	}
	if t.body != nil {
		names = append(names, t.body.arguments()...)
	}
	return names
}

// request makes the request of a call. The error is the arguments'.
func (t *tool) request(a declared.Arguments) (*Request, error) {
	r := &Request{Method: t.method, Header: http.Header{}}
	path, err := t.expandPath(a)
	if err != nil {
		return nil, err
	}
	u := *t.base
	u.RawPath = path
	if u.Path, err = url.PathUnescape(path); err != nil {
		return nil, fmt.Errorf("cannot make a path of the arguments: %w", err)
	}
	r.URL = &u
	for _, q := range t.query {
		r.Query = append(r.Query, expandPairs(q.name, &body{isText: true, text: q.text}, a)...)
	}
	for _, h := range t.headers {
		text, ok := h.text.Expand(a, nil)
		if !ok {
			continue
		}
		if text, err = HeaderText(h.name, text); err != nil {
			return nil, err
		}
		r.Header.Set(h.name, text)
	}
	t.fill(r, a)
	return r, nil
}

// expandPath is the escaped path.
func (t *tool) expandPath(a declared.Arguments) (string, error) {
	var b strings.Builder
	for _, p := range t.path.Parts() {
		if p.Name == "" {
			b.WriteString(p.Literal)
			continue
		}
		text, ok := a.Text(p.Name)
		if !ok {
			return "", fmt.Errorf("%s must be given: it is a part of the path", p.Name)
		}
		text, err := PathText(p.Name, text, p.Mark == declared.Plus)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), CheckPath(b.String())
}

// fill writes the body.
func (t *tool) fill(r *Request, a declared.Arguments) {
	if t.body == nil {
		return
	}
	switch t.kind {
	case "form":
		r.Type = "application/x-www-form-urlencoded"
		r.Body = []byte(EncodePairs(t.body.pairs(a)))
	case "text":
		r.Type = "text/plain; charset=utf-8"
		text, _ := t.body.text.Expand(a, nil)
		r.Body = []byte(text)
	default:
		r.Type = "application/json"
		r.Body, _ = t.body.append(nil, a)
	}
}
