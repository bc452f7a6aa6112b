// Package bench is the command that loads MCP servers and measures what it costs them: scenarios
// against one server (bench/scenario), servers side by side (bench/plan), and what is made of
// their results (bench/result).
//
// Owns:    the command line.
// Borrows: the rest, from the packages below it.
// Never:   prints a figure without the command, host and commit that made it.
package bench
