package history

import "sync"

// Kind says what an Event is.
type Kind int

// What a client can tell.
const (
	Sent    Kind = iota // a request was sent wholly: ID, Op, Value, Notes
	Answer              // a final answer arrived: ID, and what it says
	Failed              // a final answer that is an error arrived: ID
	Note                // progress arrived: ID is its token, Progress its value
	Marked              // a stream's event arrived: Stream, Number; its message comes next
	Resumed             // the client asked for the rest of Stream: the answer to ID must still come
	Cut                 // the connection Conn ended before the client ended it
)

// The operations of the ledger in examples/everything.
const (
	Append = "append" // adds Value under the client's key
	Read   = "read"   // answers all values of the client's key
	Emit   = "emit"   // sends Notes progress notifications, then answers how many
)

// Event is one thing that one client saw. ID is the raw JSON of the request's id, so that 1 and
// "1" differ; a client never uses one twice.
type Event struct {
	Client   string // one session, or one client without sessions; also its key in the ledger
	Conn     int    // which of the client's connections, HTTP exchanges included
	Kind     Kind
	ID       string
	Op       string
	Key      string   // of an Answer: the key that it names
	Value    string   // of Append: what was appended, and what its answer repeats
	Values   []string // of the answer to Read
	Notes    int      // of Emit: how many were asked for, and how many its answer claims
	Progress int
	Stream   string
	Number   int
	Calm     bool // the client's connections are not cut: it must not notice anything
}

// Log is the history of one run. Safe for concurrent use; the zero Log is empty.
type Log struct {
	mu     sync.Mutex
	events []Event
}

// Add appends e.
func (l *Log) Add(e Event) {
	l.mu.Lock()
	l.events = append(l.events, e)
	l.mu.Unlock()
}

// Events returns a copy of all events in the order of Add.
func (l *Log) Events() []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Event(nil), l.events...)
}
