package config

import (
	"reflect"
	"slices"
)

// HTTPKind are REST tools: an upstream whose tools are requests to an API.
type HTTPKind struct {
	BaseURL string            `yaml:"base_url"`
	Bearer  string            `yaml:"bearer"`
	Basic   string            `yaml:"basic"`
	Query   map[string]string `yaml:"query"`

	ResponseBytes int `yaml:"response_bytes"`
	ResultBytes   int `yaml:"result_bytes"`

	Tools map[string]HTTPTool `yaml:"tools"`
}

// HTTPTool is one of them; its name is its key.
type HTTPTool struct {
	Title       string            `yaml:"title"`
	Description string            `yaml:"description"`
	Method      string            `yaml:"method"`
	URL         string            `yaml:"url"`
	Query       map[string]string `yaml:"query"`
	Headers     map[string]string `yaml:"headers"`
	Body        JSON              `yaml:"body"`
	BodyType    string            `yaml:"body_type"`
	Input       JSON              `yaml:"input"`
	Output      JSON              `yaml:"output"`
	Hints       []string          `yaml:"hints"`
	Pointer     string            `yaml:"pointer"`
	Fields      []string          `yaml:"fields"`
	Result      string            `yaml:"result"`
}

// OpenAPIKind is an upstream whose tools are the operations of an OpenAPI document.
type OpenAPIKind struct {
	Document    string            `yaml:"document"`
	BaseURL     string            `yaml:"base_url"`
	Bearer      string            `yaml:"bearer"`
	Basic       string            `yaml:"basic"`
	Query       map[string]string `yaml:"query"`
	Credentials map[string]string `yaml:"credentials"`
	Operations  []string          `yaml:"operations"`
	Tags        []string          `yaml:"tags"`
	Methods     []string          `yaml:"methods"`
	Paths       []string          `yaml:"paths"`
	Output      bool              `yaml:"output"`
	Pointer     string            `yaml:"pointer"`
	Fields      []string          `yaml:"fields"`
	Result      string            `yaml:"result"`

	DocumentBytes int `yaml:"document_bytes"`
	OperationsMax int `yaml:"operations_max"`
	ResponseBytes int `yaml:"response_bytes"`
	ResultBytes   int `yaml:"result_bytes"`
}

// ExecKind is an upstream whose tools are programs of this host.
type ExecKind struct {
	Processes   int `yaml:"processes"`
	OutputBytes int `yaml:"output_bytes"`
	ResultBytes int `yaml:"result_bytes"`

	Tools map[string]ExecTool `yaml:"tools"`
}

// ExecTool is one of them; its name is its key.
type ExecTool struct {
	Title       string   `yaml:"title"`
	Description string   `yaml:"description"`
	Command     []string `yaml:"command"`
	Options     []string `yaml:"options"`
	Stdin       string   `yaml:"stdin"`
	Input       JSON     `yaml:"input"`
	Output      JSON     `yaml:"output"`
	Hints       []string `yaml:"hints"`
}

// FilesKind is an upstream whose resources are the files below a directory.
type FilesKind struct {
	Root    string   `yaml:"root"`
	URI     string   `yaml:"uri"`
	Include []string `yaml:"include"`
	Exclude []string `yaml:"exclude"`
	Hidden  bool     `yaml:"hidden"`
	Watch   bool     `yaml:"watch"`

	FilesMax  int `yaml:"files_max"`
	FileBytes int `yaml:"file_bytes"`
	WatchMax  int `yaml:"watch_max"`
}

// anyTool stands for the name of a tool in the field table.
const anyTool = "TOOL"

func defaultHTTPTool() HTTPTool {
	return HTTPTool{Method: "GET", BodyType: "json", Result: Auto}
}

// setKindDefaults sets those of every kind, used or not.
func setKindDefaults(u *Upstream) {
	u.HTTP = HTTPKind{ResponseBytes: 4 * mib, ResultBytes: 256 * kib}
	u.OpenAPI = OpenAPIKind{
		Output: true, Result: Auto, DocumentBytes: 4 * mib, OperationsMax: 512,
		ResponseBytes: 4 * mib, ResultBytes: 256 * kib,
	}
	u.Exec = ExecKind{Processes: 16, OutputBytes: mib, ResultBytes: 256 * kib}
	u.Files = FilesKind{Watch: true, FilesMax: 1000, FileBytes: mib, WatchMax: 1024}
}

// ways are the keys that say what the upstream is.
func (u *Upstream) ways() []string {
	plain := defaultUpstream()
	var set []string
	add := func(key string, given bool) {
		if given {
			set = append(set, key)
		}
	}
	add("url", u.URL != "")
	add("command", len(u.Command) > 0)
	add("http", !reflect.DeepEqual(u.HTTP, plain.HTTP))
	add("openapi", !reflect.DeepEqual(u.OpenAPI, plain.OpenAPI))
	add("exec", !reflect.DeepEqual(u.Exec, plain.Exec))
	add("files", !reflect.DeepEqual(u.Files, plain.Files))
	return set
}

// Kind is what the upstream is: "url", "command", "http", "openapi", "exec" or "files".
func (u *Upstream) Kind() string {
	if ways := u.ways(); len(ways) > 0 {
		return ways[0]
	}
	return ""
}

// checkKind reports keys that go with other kinds of upstreams.
func (u *Upstream) checkKind(at string, report reportFunc) {
	const cure = "write one of url, command, http, openapi, exec and files"
	ways := u.ways()
	if len(ways) != 1 {
		text := cure
		if len(ways) > 1 {
			text += "; here are " + ways[0] + " and " + ways[1]
		}
		report(at, "", text)
		return
	}
	for _, c := range []struct {
		key   string
		given bool
		kinds []string
	}{
		{"type", u.Type != Auto, []string{"url", "command"}},
		{"era", u.Era != Auto, []string{"url", "command"}},
		{"headers", len(u.Headers) > 0, []string{"url", "command", "http", "openapi"}},
		{"env", len(u.Env) > 0, []string{"url", "command", "exec"}},
		{"dir", u.Dir != "", []string{"url", "command", "exec"}},
	} {
		if c.given && !slices.Contains(c.kinds, ways[0]) {
			report(join(at, c.key), "", "it has no meaning beside "+ways[0]+"; remove it")
		}
	}
}
