// Package fleet makes one load from several client processes, which start and end together.
//
// Owns:    the processes, which are this program started anew as a worker.
// Borrows: nothing.
// Never:   measures anything itself; it adds up what the workers measured.
package fleet
