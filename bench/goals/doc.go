// Package goals knows the figures that the project has to reach, how each is measured, and says
// which are met.
//
// Owns:    the child processes of bench that measure, one at a time.
// Borrows: the binaries in bin/.
// Never:   measures anything but the scanner itself, and never calls a figure met that was not
// measured in this run.
package goals
