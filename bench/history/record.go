package history

import "sync"

// Kind says what an Event is.
type Kind int

// What a client can tell.
const (
	Sent      Kind = iota // a request was sent wholly: ID, Op, Value, Notes, Logs
	Answer                // a final answer arrived: ID, On, and what it says
	Failed                // a final answer that is an error arrived: ID, On
	Note                  // progress arrived: ID is its token, Progress its value, On
	Logged                // a log message arrived: ID is what it says it is of, Key, Progress, On
	Told                  // a notice arrived that the list of the key Value has changed: ID, On
	Marked                // a stream's event arrived: Stream, Number, ID; its message comes next
	Resumed               // the client asked for the rest of Stream, of the request ID or Push
	Cut                   // the connection Conn ended before the client ended it; ID: Push or none
	Unsure                // nobody knows whether the request ID arrived: its POST was cut
	Listening             // changes of the client's list are told from now on; ID: the subscription
	Deaf                  // the client ended that, or could not have it on
	GaveUp                // the client cancelled the request ID, or will not answer its question
	Asked                 // a question arrived: ID, Value as it says it is for, On; Final or not
	Ran                   // an upstream ran something: Op, Value, Upstream; told after the run
)

// The operations of the ledger in examples/everything.
const (
	Append = "append" // adds Value under the client's key
	Read   = "read"   // answers all values of the client's key
	Emit   = "emit"   // sends Notes progress notifications, then answers how many
)

// The further operations of the upstreams behind a gateway, whose Append and Emit run once at most.
const (
	Look = "look" // changes nothing, so that it may run twice
	Wait = "wait" // sends progress, and answers when it is cancelled or its time is over
	Ask  = "ask"  // asks the client for Value, then answers it
)

// Push is the stream that belongs to no call: GET of Streamable HTTP, or subscriptions/listen.
const Push = "push"

// Event is one thing that one client saw. ID is the raw JSON of the request's id, so that 1 and
// "1" differ; a client never uses one twice.
type Event struct {
	Client   string // one session, or one client without sessions; also its key in the ledger
	Conn     int    // which of the client's connections, HTTP exchanges included
	Kind     Kind
	ID       string
	On       string // whose HTTP answer it came on: a request's id, or Push; "": all come together
	Op       string
	Key      string   // of an Answer or a log message: the key that it names
	Value    string   // of Append: what was appended, and what its answer repeats
	Values   []string // of the answer to Read
	Notes    int      // of Emit: how many were asked for, and how many its answer claims
	Logs     int      // of Emit: how many log messages were asked for
	Progress int      // from 1
	Stream   string
	Number   int  // of a stream's event; of an answered Append: the value's place, from 1
	Calm     bool // the client's connections are not cut: it must not notice anything

	// Behind a gateway. Calm of a request is whether nothing breaks the upstream that it is for.
	Upstream string // of a request: for whom it is; of a failure: whom it names; of Ran: who ran it
	Code     int    // of a failure: of JSON-RPC, HTTP's status, 0 for a result that is an error
	State    string // of a failure: of the upstream, as the gateway names it
	Final    bool   // of a question: it is the answer to ID, and the client has to call again
	Resumes  bool   // of a request: it brings the answer to a question
	Modern   bool   // of a request: its upstream speaks 2026-07-28
}

// Log is the history of one run. Safe for concurrent use; the zero Log is empty.
type Log struct {
	mu     sync.Mutex // guards events
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
