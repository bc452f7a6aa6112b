//go:build long

package main

// How often TestReloadsUnderLoad changes the file, and how often that changes a child.
const reloads, childChanges = 1000, 50
