//go:build !long

package main

// How often TestReloadsUnderLoad changes the file, and how often that changes a child; -tags long
// does as FAULTS says.
const reloads, childChanges = 100, 5
