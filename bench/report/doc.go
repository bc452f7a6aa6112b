// Package report makes a page of HTML of result files: tables and plots in one file that needs
// no network, for a screen, a phone and paper.
//
// Owns:    the page, its style and its script; uplot/ is uPlot 1.6.32 as npm has it, under its
// own licence.
// Borrows: the files, which it only reads.
// Never:   trusts a name or a value in them: whatever they hold is text on the page.
package report
