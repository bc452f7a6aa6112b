package history

import (
	"fmt"
	"slices"
	"strings"
)

// Share is what became of the requests of a group of clients, whose names are the group's, "-" and
// what tells them apart. Requests = Answered + Lost: nobody was left to tell the outcome of a lost
// one.
type Share struct {
	Group    string
	Requests int
	Answered int
	Resumed  int // of Answered: on a stream that was cut before
	Lost     int
	Ran      int // of Lost: appends that a Read after all of them shows
	DidNot   int // of Lost: appends that it does not show
}

func (s Share) String() string {
	percent := func(n int) float64 { return 100 * float64(n) / float64(max(s.Requests, 1)) }
	return fmt.Sprintf("%-15s %6d requests, answered %5.1f %% (%4.1f %% resumed), connection lost "+
		"%4.1f %% (%4.1f %% ran, %4.1f %% did not, %4.1f %% without a trace)",
		s.Group, s.Requests, percent(s.Answered), percent(s.Resumed), percent(s.Lost),
		percent(s.Ran), percent(s.DidNot), percent(s.Lost-s.Ran-s.DidNot))
}

// Shares counts them for each group, by name, and for all together, "all", at the end.
func Shares(events []Event) []Share {
	type fate struct {
		sent              Event
		answered, resumed bool
	}
	type key struct{ client, id string }
	fates := map[key]*fate{}
	lists := map[string][]string{} // of clients whose last request read their list
	last := map[string]string{}    // request
	for _, e := range events {
		k := key{e.Client, e.ID}
		switch f := fates[k]; {
		case e.Kind == Sent:
			fates[k] = &fate{sent: e}
			last[e.Client] = e.ID
			delete(lists, e.Client)
		case f == nil:
		case e.Kind == Resumed:
			f.resumed = true
		case e.Kind == Answer || e.Kind == Failed:
			f.answered = true
			if f.sent.Op == Read && e.ID == last[e.Client] {
				lists[e.Client] = e.Values
			}
		}
	}
	ran := map[key]bool{}
	for client, values := range lists {
		for _, text := range values {
			ran[key{client, text}] = true
		}
	}
	all, groups := Share{Group: "all"}, map[string]*Share{}
	for k, f := range fates {
		group := k.client
		if i := strings.LastIndexByte(group, '-'); i >= 0 {
			group = group[:i]
		}
		if groups[group] == nil {
			groups[group] = &Share{Group: group}
		}
		_, read := lists[k.client]
		for _, s := range []*Share{&all, groups[group]} {
			s.count(f.sent, f.answered, f.resumed, read, ran[key{k.client, f.sent.Value}])
		}
	}
	list := make([]Share, 0, len(groups)+1)
	for _, s := range groups {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b Share) int { return strings.Compare(a.Group, b.Group) })
	return append(list, all)
}

func (s *Share) count(sent Event, answered, resumed, read, ran bool) {
	s.Requests++
	switch {
	case answered && resumed:
		s.Resumed++
		fallthrough
	case answered:
		s.Answered++
		return
	}
	s.Lost++
	switch {
	case sent.Op != Append || !read:
	case ran:
		s.Ran++
	default:
		s.DidNot++
	}
}
