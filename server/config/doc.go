// Package config is the server's settings: read strictly, checked whole, explained to editors.
//
// A file is YAML (so JSON too). Load reads it over Default; what a file leaves out keeps its
// default. Every fault of a file is reported in one go, each with its line, value and cure.
// The table in fields.go is the one place where a key's text, unit and limits stand;
// the JSON schema and docs/config.md are made from it (go generate ./server/config).
//
// Owns:    Config and its defaults, limits, texts, the schema and the reference table.
// Borrows: the file's bytes and the environment, only while Load or Parse runs.
// Never:   opens a socket, starts a goroutine, logs, keeps an environment value in an error.
package config

//go:generate go test -run TestGeneratedFilesAreFresh -update .
