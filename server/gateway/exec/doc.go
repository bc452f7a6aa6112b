// Package exec has tools that are programs of this host.
//
// Owns:    the processes that its calls start, each in a process group of its own, until they and
// what they have started are gone.
// Borrows: the arguments of a call until it was answered.
// Never:   asks a shell; lets an argument become another argument, or an option that was not
// declared to be one; passes on an environment that was not listed, or a descriptor beyond 2; keeps
// more of an output than it may.
//
// Reading order: tool.go (what one is), argv.go (arguments into elements), process.go (a run),
// answer.go, provider.go.
package exec
