// Package rest has tools that are requests to a REST API.
//
// Owns:    the connections to the API, the credentials that its requests carry.
// Borrows: the arguments of a call until it was answered.
// Never:   lets an argument leave its place: in a path, a query, a header or a body it is escaped
// as that wants, or refused; follows a redirect to another host; reads more of a response than it
// may; names a credential in an error.
//
// Reading order: tool.go (what one is), request.go and body.go (arguments into requests), api.go
// (the exchange), answer.go and trim.go (responses into answers), provider.go.
package rest
