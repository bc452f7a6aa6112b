// Package files has the files below a directory as resources.
//
// Owns:    the open root, and the watches on its directories.
// Borrows: nothing.
// Never:   opens what is not below its root, whatever a URI, a symbolic link or a race says (the
// kernel resolves each name below the open root); opens anything but regular files and directories;
// lists or reads more than it may.
//
// Reading order: uri.go (names), provider.go (lists and reads), watch.go (changes).
package files
