// Empty on purpose: a package with an assembly file may declare functions
// without a body, which is what poller.go does to reach netpoll.openPoll.
