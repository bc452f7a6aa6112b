// Package declared has tools that a configuration declares, whatever runs them: what clients see
// of one, the check of its arguments, templates that arguments are put into, and its answers.
//
// Owns:    the definition of a tool, compiled schemas, parsed templates.
// Borrows: the arguments of a call until it was answered.
// Never:   runs anything, knows where a text with arguments in it goes: whoever expands a template
// says how a value is escaped there.
//
// Reading order: tool.go, arguments.go, template.go, answer.go.
package declared
