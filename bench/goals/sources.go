package goals

import (
	"fmt"
	"path/filepath"
	"strings"
)

// source is a command of bench whose result holds values of one or more goals.
type source struct {
	name  string
	about string
	args  []string
	// repeats is how often the command is run for a spread; commands that go round by round
	// themselves are run once.
	repeats int
}

// command is what a person types.
func (s *source) command() string { return "bench " + strings.Join(s.args, " ") }

// file returns where the result of run i lies.
func (s *source) file(dir string, i int) string {
	if s.repeats == 1 {
		return filepath.Join(dir, s.name+".json")
	}
	return filepath.Join(dir, fmt.Sprintf("%s-%d.json", s.name, i+1))
}

// sources returns the commands, in the order in which they are run.
func sources(rounds int) []source {
	peers := func(plan, span, rows string) source {
		args := fmt.Sprintf("peers -plan %s -rounds %d -duration %s -warmup 300ms -others 0.3",
			plan, rounds, span)
		if rows != "" {
			args += " -rows " + rows
		}
		return source{
			name: plan, args: words(args), repeats: 1,
			about: "servers side by side, plan " + plan,
		}
	}
	return []source{
		peers("tcp", "700ms", ""),
		peers("http", "1s", ""),
		peers("ws", "700ms", ""),
		peers("stdio", "1s", ""),
		peers("schema", "700ms", ""),
	}
}
