// Package oauth gets, renews and keeps the tokens that a protected MCP server wants: an OAuth 2.1
// client for one resource (MCP 2026-07-28, basic/authorization; 2025-11-25 and 2025-03-26 alike).
//
// Owns:    discovery of the authorization server, registration, the grants, refresh, step-up.
// Borrows: a Store for what survives restarts, a way to open a page for its user.
// Never:   sends what it was given for one authorization server to another, or a token anywhere
// but to the caller; logs; puts a secret into an error; speaks plain HTTP but on this host.
package oauth
