package loop

import (
	"fmt"
	"reflect"
	_ "unsafe" // for go:linkname

	"github.com/cloudwego/netpoll"
)

// This is the only file that knows netpoll. We use its poller (Poll and
// FDOperator) and not its Connection: stock connections cost 12.5 KB each,
// cannot stop reading, block their poller in Flush and report hang-ups from
// other goroutines. netpoll exports the types but not the constructor, so the
// constructor is reached by linkname. go.mod pins v0.7.2 and poller_test.go
// fails with a clear text when the pin moves.
//
// To go back to stock netpoll: run netpoll.NewEventLoop with an inline runner
// (netpoll.SetRunner) and one listener per loop, keep the Handler interface,
// call Handler.Data from OnRequest with Reader().Peek, write through the raw
// fd, and give up Pause, the watermarks and the memory numbers.
//
// Rules of the poller, read in its source; every caller below keeps them:
//  1. An operator's state is 2 while its own callback runs. PollReadable on it
//     (inuse) would then spin for ever. So a resumed fd gets a fresh operator.
//  2. op.Control(PollDetach) works once per operator and is a no-op after
//     that. We always detach with it, so that the poller's own detach after a
//     hang-up never touches an fd number that was closed and reused meanwhile.
//  3. Events fetched before a detach are still delivered. A spent operator
//     therefore gets callbacks that do nothing.
//  4. OnHup runs on a goroutine of its own, and the operator is detached by
//     then. EPOLLOUT is not delivered any more: see writeside.go.

//go:linkname openPoll github.com/cloudwego/netpoll.openPoll
func openPoll() (netpoll.Poll, error)

type (
	// poll is what the poller hands to callbacks; we never use it.
	poll = netpoll.Poll
	// watch is one registration of one fd for reading.
	watch = netpoll.FDOperator
)

// poller is one epoll instance. All methods are called on its loop, except
// open, which comes before it runs.
type poller struct {
	poll netpoll.Poll
	// blank is an operator that is never registered. Ours are copies of it: those of Alloc come
	// from a cache of the poller that never shrinks, 112 bytes for each connection of the
	// busiest moment.
	blank watch
	// An epoll event holds an operator by its bare address, which the collector does not see. So
	// somebody must: a Conn or fixed while it is registered, then spent and dying until no event
	// fetched before the detach is left.
	fixed, spent, dying []*watch
	hooked              bool // what open was given is called
}

// open has before and after called around the callbacks of each wait.
func (p *poller) open(before, after func()) error {
	np, err := openPoll()
	if err != nil {
		return fmt.Errorf("cannot open a poller: %w; raise the limit of open files", err)
	}
	boundEvents(np)
	p.hooked = hook(np, before, after)
	p.poll, p.blank = np, *np.Alloc()
	return nil
}

// eventsMax bounds the events of one wait; more are told by the next one, and
// the kernel goes round among the ready fds.
const eventsMax = 512

// boundEvents keeps the poller's event array small. It doubles whenever a wait
// fills it and takes 1.3 KB per event, nearly all of it for connections of
// netpoll that we do not have: 21 MB at 10,000 busy conns. The hook for that is
// an exported field of the unexported poller, so reflection may set it. It
// reports whether the field is there; without it all works, in more memory.
func boundEvents(np netpoll.Poll) bool {
	v := reflect.Indirect(reflect.ValueOf(np))
	if v.Kind() != reflect.Struct {
		return false
	}
	field := v.FieldByName("Reset")
	if !field.IsValid() || !field.CanSet() {
		return false
	}
	reset, ok := field.Interface().(func(size, caps int))
	if !ok {
		return false
	}
	field.Set(reflect.ValueOf(func(size, _ int) {
		if size <= eventsMax {
			reset(size, 1)
		}
	}))
	return true
}

// hook has before and after called around the callbacks of each wait. The poller calls those by
// an exported field, as in boundEvents. The type of its argument is not exported, but a slice is
// handed over in the same way whatever its elements are. hook reports whether the field is there;
// without it each callback is a wake-up of its own, which costs more.
func hook(np netpoll.Poll, before, after func()) bool {
	v := reflect.Indirect(reflect.ValueOf(np))
	if v.Kind() != reflect.Struct {
		return false
	}
	field := v.FieldByName("Handler")
	if !field.IsValid() || !field.CanSet() {
		return false
	}
	t := field.Type()
	if t.Kind() != reflect.Func || t.NumIn() != 1 || t.NumOut() != 1 ||
		t.In(0).Kind() != reflect.Slice || t.Out(0).Kind() != reflect.Bool {
		return false
	}
	at := (*func(events []byte) (closed bool))(field.Addr().UnsafePointer())
	handler := *at
	*at = func(events []byte) bool {
		before()
		closed := handler(events)
		after()
		return closed
	}
	return true
}

// wait serves events until close is called.
func (p *poller) wait() error {
	return p.poll.Wait()
}

// close makes wait return; the poller then closes its own fds.
func (p *poller) close() error {
	return p.poll.Close()
}

// add watches fd for reading. onHup runs on a foreign goroutine. The caller holds the watch until
// it calls drop or resume.
func (p *poller) add(fd int, onRead, onHup func(poll) error) (*watch, error) {
	w := new(watch)
	*w = p.blank
	w.FD, w.OnRead, w.OnHup = fd, onRead, onHup
	if err := p.poll.Control(w, netpoll.PollReadable); err != nil {
		return nil, fmt.Errorf("cannot watch fd %d: %w; raise fs.epoll.max_user_watches",
			fd, err)
	}
	return w, nil
}

// detach stops events of w; resume continues them.
func (p *poller) detach(w *watch) {
	// An error means that the fd is not registered any more, which is the aim.
	_ = w.Control(netpoll.PollDetach)
}

// resume watches the fd of the detached w again, under a fresh operator.
func (p *poller) resume(w *watch) (*watch, error) {
	fresh, err := p.add(w.FD, w.OnRead, w.OnHup)
	p.spend(w)
	return fresh, err
}

// drop ends w. Call it before its fd is closed.
func (p *poller) drop(w *watch) {
	p.detach(w)
	p.spend(w)
}

func (p *poller) spend(w *watch) {
	w.OnRead, w.OnHup = ignoreEvent, nil
	p.spent = append(p.spent, w)
}

func ignoreEvent(poll) error { return nil }

// reap lets go of the operators that were spent before its last call. Call it from one callback
// only, that of a fixed fd: such a callback runs at most once for the events of one wait, so what
// was spent before the last call was detached in an earlier wait, and no event of it is left.
func (p *poller) reap() {
	clear(p.dying)
	p.spent, p.dying = p.dying[:0], p.spent
}
