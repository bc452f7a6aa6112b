// Package prom reads what a server tells of itself in the text form of Prometheus.
//
// Owns:    the numbers of one answer.
// Borrows: nothing.
// Never:   knows which server it asks; whoever reads a Page looks for the names.
package prom
