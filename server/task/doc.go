// Package task keeps the tasks of the extension io.modelcontextprotocol/tasks: what a client can
// ask for after the request that began the work was answered.
//
// Owns:    the records of tasks, their life time and their number.
// Borrows: nothing; what is put in or taken out is copied.
// Never:   runs a task, knows a connection.
package task
