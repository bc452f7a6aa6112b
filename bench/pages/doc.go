// Package pages writes the tables of the documentation from result files, so that no figure in
// them is copied by hand.
//
// A block begins with a line "<!-- bench NAME KIND -->" and ends with "<!-- bench end -->". NAME is
// a result file without its extension, in the newest directory of bench/results that has it; KIND
// is goals, verdicts (goals without their commands), comparison, steps, loops (more cores) or wire
// (bandwidth).
//
// Owns:    what stands between these lines.
// Borrows: everything else in a page.
// Never:   changes a figure.
package pages
