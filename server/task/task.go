package task

import (
	"encoding/json"
	"errors"
	"time"
)

// Status is where a task stands (SEP-2663, "Task Status").
type Status string

// The states of a task. The last three are terminal: nothing changes after them.
const (
	Working       Status = "working"
	InputRequired Status = "input_required"
	Completed     Status = "completed"
	Failed        Status = "failed"
	Cancelled     Status = "cancelled"
)

// Terminal tells whether a task in this state is over.
func (s Status) Terminal() bool { return s == Completed || s == Failed || s == Cancelled }

// Task is the record of one task.
type Task struct {
	ID        string // unguessable: 128 random bits or more
	Principal string // who may see it; "" is everybody
	Status    Status
	Message   string // of the status, for people; may be empty
	Created   time.Time
	Updated   time.Time
	TTL       time.Duration // from Created on; then it may be forgotten
	Poll      time.Duration // how often a client shall ask

	Inputs json.RawMessage // InputRequired: the object inputRequests
	Result json.RawMessage // Completed: the result of the request
	Error  json.RawMessage // Failed: the JSON-RPC error

	// ToolFailed tells that Result says isError. The extension calls that completed, 2025-11-25
	// failed.
	ToolFailed bool

	Version uint64 // counts the updates; see Store.Update
}

// Bytes is how much of what a task holds has no other bound: results, errors, questions.
func (t *Task) Bytes() int { return len(t.Inputs) + len(t.Result) + len(t.Error) }

// What a Store returns. ErrFull and ErrNoRoom are safe to show to a peer.
var (
	ErrNotFound = errors.New("task: there is no such task")
	ErrConflict = errors.New("task: somebody else has changed it meanwhile")
	ErrFull     = errors.New("task: too many tasks")
	ErrNoRoom   = errors.New("task: too many bytes of results are kept")
	ErrCursor   = errors.New("task: the cursor is none that the store gave out")
)

// Store keeps tasks. Create returns once the task would be found by every Get, also by one on
// another node. All methods are safe for concurrent use and may block.
type Store interface {
	// Create adds a task; ErrFull or ErrNoRoom at a limit.
	Create(t *Task) error
	// Get returns a copy of the task, or ErrNotFound when there is none or its time is over.
	Get(id string) (*Task, error)
	// Update replaces the task when its Version is still the one that was read, and counts
	// t.Version up; else ErrConflict, ErrNotFound, or ErrNoRoom for what it holds now.
	Update(t *Task) error
	// List returns copies of at most most tasks of principal that Get would find, in the order
	// they were made, from behind cursor on, "" for the first; next is the cursor of the page that
	// follows, "" when there is none. ErrCursor for a cursor that is not one of its own.
	List(principal, cursor string, most int) (page []*Task, next string, err error)
	// Sweep forgets the tasks whose time is over and returns how many.
	Sweep() int
	// Size is the number of tasks kept, and the sum of their Bytes.
	Size() (tasks int, bytes int64)
}
