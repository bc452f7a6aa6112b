// Package process runs other programs and sees to it that nothing of them is left: neither a
// process that they have started, nor a zombie, nor a descriptor, whether they end or we do.
//
// Owns:    the process, its process group and its cgroup; the goroutine that drains its standard
// error; one thread on which all programs are started.
//
// Borrows: the files that become its standard input and output; the caller closes them.
//
// Never:   runs a shell, passes on a descriptor above 2, waits for a process that it has not
// started unless a Keeper makes it their parent.
//
// Reading order: process.go (start and end), family.go (whatever it has started), limits.go and
// cgroup.go, then keeper.go (our own end) and orphan.go.
package process
