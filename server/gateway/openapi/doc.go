// Package openapi has the operations of an OpenAPI document (3.0 or 3.1) as tools.
//
// Owns:    the document as it was last good, and the tools made of it.
// Borrows: the arguments of a call until it was answered.
// Never:   follows a reference out of the document, sends requests elsewhere than to base_url,
// takes tools away because a newer document cannot be read.
//
// Reading order: provider.go, document.go (reading it), operation.go (an operation into a tool),
// schema.go (its schemas into JSON Schema 2020-12), parameter.go and body.go (arguments into
// requests), security.go.
package openapi
