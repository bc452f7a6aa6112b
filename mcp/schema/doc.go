// Package schema checks JSON values against JSON Schema 2020-12.
//
// Owns:    compiled schemas. Nearly all keywords are compiled to a walk over the raw bytes that
// allocates nothing (compile*.go, run*.go); a schema that uses any other keyword is left to
// santhosh-tekuri/jsonschema as a whole (slow.go), whose steps are counted from outside (meter.go).
//
// Borrows: the bytes that are checked, until Check returns.
//
// Never:   opens a file or a connection: a $ref to another document is an error of Compile.
package schema
