// Package subschema knows which keywords of JSON Schema hold further schemas.
//
// Owns:    nothing.
//
// Borrows: the document, until Each returns.
//
// Never:   changes it, follows a $ref.
package subschema
