package server

import (
	"sync"

	"github.com/mcploop/mcploop/codec"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/gateway"
)

// listKind is a list whose changes clients can be told of.
type listKind uint8

const (
	listTools listKind = iota
	listPrompts
	listResources

	listKinds
)

// kindSet is a set of lists.
type kindSet uint8

func (k kindSet) has(kind listKind) bool { return k&(1<<kind) != 0 }

var listNotifications = [listKinds]string{
	mcp.NotifyToolsListChanged, mcp.NotifyPromptsListChanged, mcp.NotifyResourcesListChanged,
}

// news is what a loop has not told its listeners yet. A list or a resource that changes again
// before that is told once. Safe for concurrent use.
type news struct {
	mu     sync.Mutex // guards what follows
	lists  map[*view]kindSet
	single []topic // resources in the order of their first change
	listed map[topic]struct{}
	tasks  map[string][]byte // by id: params of the notification
	posted bool              // tellNews is on its way to the loop
}

// add notes what changed in a view and reports whether the loop must be asked to tell it.
func (n *news) add(v *view, kinds kindSet, uri string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if kinds != 0 {
		if n.lists == nil {
			n.lists = map[*view]kindSet{}
		}
		n.lists[v] |= kinds
	}
	if uri != "" {
		if n.listed == nil {
			n.listed = map[topic]struct{}{}
		}
		on := topic{view: v, name: uri}
		if _, twice := n.listed[on]; !twice {
			n.listed[on] = struct{}{}
			n.single = append(n.single, on)
		}
	}
	return n.post()
}

// addTask is add for a task; of several changes the last one is told.
func (n *news) addTask(id string, params []byte) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tasks == nil {
		n.tasks = map[string][]byte{}
	}
	n.tasks[id] = params
	return n.post()
}

// post reports whether the loop must be asked. n.mu must be held.
func (n *news) post() bool {
	if n.posted || len(n.lists) == 0 && len(n.single) == 0 && len(n.tasks) == 0 {
		return false
	}
	n.posted = true
	return true
}

// take empties the news; their posting is over.
func (n *news) take() (t tell) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t = tell{changed: n.lists, topics: n.single, tasks: n.tasks}
	n.lists, n.single, n.listed, n.tasks, n.posted = nil, nil, nil, nil, false
	return t
}

func (n *news) failed() {
	n.mu.Lock()
	n.posted = false
	n.mu.Unlock()
}

// listChanged tells every listener of the view that a list has changed. Safe for concurrent use.
func (v *view) listChanged(kind listKind) { v.s.spread(v, 1<<kind, "") }

// ResourceUpdated tells every client that subscribed to uri that the resource has changed: by
// resources/subscribe in the legacy era, by subscriptions/listen in the modern one. Updates of the
// same resource that come close together are told once. Safe for concurrent use; it never blocks.
func (s *Server) ResourceUpdated(uri string) { s.spread(&s.view, 0, uri) }

// spread gives the news of a view to every loop, which tells its own listeners. With nothing new it
// asks loops again whose ring was full; the ticker does that.
func (s *Server) spread(v *view, kinds kindSet, uri string) {
	if !s.serving.Load() {
		return // nobody listens yet
	}
	for _, ls := range s.states {
		if ls.news.add(v, kinds, uri) && ls.loop.Post(ls.tellNews) != nil {
			ls.news.failed()
		}
	}
}

// tell is one round of telling: what changed, encoded once for all listeners. Lists come first:
// they concern everybody, what follows concerns few.
type tell struct {
	changed map[*view]kindSet
	tasks   map[string][]byte
	lists   []*notice
	at      int    // the listener that was told of them last, from the last to the first
	round   uint32 // of loopState.rounds
	topics  []topic
	single  *notice   // of the topic at hand
	left    []*stream // who is not told of it yet
}

// notice is one notification. A modern listener's subscription id goes between head and tail.
type notice struct {
	view       *view    // that it is news of; nil: a task's
	kind       listKind // unless one of the next two is set
	uri, task  string
	keeper     *gateway.Upstream // who tells whom it may be told, of a resource; mostly nil
	head, tail []byte
	legacy     []byte
	data       []byte // legacy as the data of an event
	crowd      uint64 // its number in the crowd of the view; 0: not there
}

// encode makes the notifications of a round.
func (ls *loopState) encode(t *tell) {
	ls.rounds++
	t.round = ls.rounds
	for v, kinds := range t.changed {
		t.at = len(ls.listeners)
		crowd := ls.crowds.find(v)
		for kind, method := range listNotifications {
			if !kinds.has(listKind(kind)) {
				continue
			}
			n := newNotice(notice{view: v, kind: listKind(kind)}, method, nil)
			if crowd != nil {
				n.crowd = crowd.add(ls, n.legacy)
			}
			t.lists = append(t.lists, n)
		}
	}
	for id := range t.tasks {
		t.topics = append(t.topics, topic{task: true, name: id})
	}
}

// nextTopic finds who is to be told of the next topic. It is encoded if there is somebody.
func (ls *loopState) nextTopic(t *tell) {
	on := t.topics[0]
	t.topics = t.topics[1:]
	if t.left = ls.audience.appendTo(t.left[:0], on); len(t.left) == 0 {
		return
	}
	if on.task {
		t.single = newNotice(notice{task: on.name}, mcp.NotifyTasks, t.tasks[on.name])
		return
	}
	params := append(codec.AppendString([]byte(`{"uri":`), on.name), '}')
	keeper := on.view.keeper([]byte(on.name))
	t.single = newNotice(notice{view: on.view, uri: on.name, keeper: keeper},
		mcp.NotifyResourcesUpdated, params)
}

func newNotice(n notice, method string, params []byte) *notice {
	n.legacy = codec.AppendNotification(nil, method, params)
	n.data = codec.AppendEvent(nil, "", "", n.legacy)
	n.head = []byte(`{"jsonrpc":"2.0","method":"` + method + `","params":{"_meta":{"` +
		mcp.MetaSubscriptionID + `":`)
	n.tail = []byte(`}}}`)
	if params != nil {
		n.tail = append([]byte(`},`), params[1:]...)
		n.tail = append(n.tail, '}')
	}
	return &n
}

// tellAtOnce is how many listeners are told before the loop's connections have their go again.
const tellAtOnce = 256

// tellNews runs on the loop: it begins a round, unless one goes on already.
func (ls *loopState) tellNews() {
	t := ls.news.take()
	if len(t.changed) == 0 && len(t.topics) == 0 && len(t.tasks) == 0 {
		return
	}
	ls.encode(&t)
	ls.tells = append(ls.tells, &t)
	if len(ls.tells) == 1 {
		ls.tellSome()
	}
}

// tellSome tells the next listeners of the oldest round.
func (ls *loopState) tellSome() {
	for len(ls.tells) > 0 {
		t := ls.tells[0]
		ls.tellLists(t)
		if t.at == 0 {
			ls.tellSingles(t)
		}
		if t.at == 0 && len(t.left) == 0 && len(t.topics) == 0 {
			ls.tells = ls.tells[1:]
			continue
		}
		if ls.loop.Post(ls.tellSome) == nil {
			return
		} // The ring is full: go on at once rather than forget the rest.
	}
	ls.tells = nil
}

// tellLists tells the next listeners of changed lists. Listeners that leave meanwhile move others
// that were told to where they were: the round's number keeps these from being told twice, and who
// has come meanwhile from being told at all.
func (ls *loopState) tellLists(t *tell) {
	t.at = min(t.at, len(ls.listeners))
	for range min(tellAtOnce, t.at) {
		t.at--
		st := ls.listeners[t.at]
		if int32(t.round-st.round) <= 0 {
			continue
		}
		st.round = t.round
		for _, n := range t.lists {
			ls.tellOne(st, n)
		}
	}
}

// tellSingles tells the next ones of their own topics, unless they have left meanwhile, or have
// come after the change.
func (ls *loopState) tellSingles(t *tell) {
	for budget := tellAtOnce; budget > 0; budget-- {
		if last := len(t.left) - 1; last >= 0 {
			st := t.left[last]
			t.left = t.left[:last]
			if st.index >= 0 && int32(t.round-st.since) > 0 {
				ls.tellOne(st, t.single)
			}
			continue
		}
		if len(t.topics) == 0 {
			return
		}
		ls.nextTopic(t)
	}
}

func (ls *loopState) tellOne(st *stream, n *notice) {
	if !st.wants(n) {
		return
	}
	ls.count.notifications.Add(1)
	if st.get != nil {
		st.get.tell(n)
		return
	}
	st.send(n.append(ls.told[:0], st))
}

// append encodes the notification for one listener.
func (n *notice) append(dst []byte, st *stream) []byte {
	if st.legacy != nil {
		return append(dst, n.legacy...)
	}
	return append(append(append(dst, n.head...), st.asked.id...), n.tail...)
}
