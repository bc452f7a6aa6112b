package exec

import (
	"encoding/json"
	"fmt"

	"github.com/mcploop/mcploop/server/gateway/declared"
)

// ToolOptions say what one tool runs.
type ToolOptions struct {
	Name        string
	Title       string
	Description string
	// Command is the program and its arguments, passed as they are: no shell sees them. See argv
	// for where a tool's arguments may stand.
	Command []string
	Options []string // arguments that may begin with -
	Stdin   string   // the argument that becomes standard input; "" is none

	Input  json.RawMessage // nil: every argument that is used is a text, and needed
	Output json.RawMessage // standard output is JSON of this schema; nil: it is text
	Hints  []string        // see declared.HintWords
}

// tool is one of them, compiled.
type tool struct {
	*declared.Tool
	argv  argv
	stdin string
}

func newTool(opt ToolOptions) (*tool, error) {
	t := &tool{stdin: opt.Stdin}
	var err error
	if t.argv, err = parseArgv(opt.Command, opt.Options); err != nil {
		return nil, err
	}
	used := t.argv.arguments()
	if t.stdin != "" {
		used = append(used, t.stdin)
	}
	input := opt.Input
	if input == nil {
		if spread := t.argv.spreads(); len(spread) > 0 {
			return nil, fmt.Errorf("cannot derive the input schema of {%s...}; write input",
				spread[0])
		}
		input = declared.DeriveInput(used, used)
	}
	annotations, err := declared.Annotations(opt.Hints)
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
	if err := t.Knows(used); err != nil {
		return nil, err
	}
	return t, t.argv.check(func(name string) bool { return t.Knows([]string{name}) == nil })
}

// run is what one call starts.
type run struct {
	line  []string
	stdin string
}

// prepare makes the run of a call. The error is the arguments'.
func (t *tool) prepare(a declared.Arguments) (run, error) {
	line, err := t.argv.expand(a)
	if err != nil {
		return run{}, err
	}
	text, _ := a.Text(t.stdin)
	return run{line: line, stdin: text}, nil
}
