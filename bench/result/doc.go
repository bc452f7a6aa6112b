// Package result is what a run of bench leaves behind: a file of JSON that says where, when, with
// what and how long, and holds the raw histograms; and what is made of such files: texts, tables,
// comparisons, the list of goals.
//
// Owns:    the form of the files.
// Borrows: nothing.
// Never:   opens a socket or starts a process; it does not know how a figure was measured.
package result
