package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/mcploop/mcploop/mcp"
)

// AddView serves a part of what upstreams offer on /mcp/NAME. Upstreams that are not there yet are
// shown when they come. Safe for concurrent use, also while the server serves.
func (s *Server) AddView(opt ViewOptions) error {
	s.upstreams.changing.Lock()
	defer s.upstreams.changing.Unlock()
	defer s.recache()
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	if s.subsetOf(opt.Name) != nil {
		return fmt.Errorf("cannot add view %q: there is one of that name", opt.Name)
	}
	if err := opt.check(s.isUpstream); err != nil {
		return err
	}
	s.openView(opt)
	return nil
}

// RemoveView takes it away: streams of its clients end. Safe for concurrent use, also while the
// server serves.
func (s *Server) RemoveView(name string) error {
	s.upstreams.changing.Lock()
	defer s.upstreams.changing.Unlock()
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	v := s.subsetOf(name)
	if v == nil {
		return fmt.Errorf("cannot remove view %q: there is none of that name", name)
	}
	s.dropView(v)
	return nil
}

// SetViews makes the views those of list: it adds, removes and changes what differs, and returns
// the names of these, sorted. Sessions and streams of one that is changed go on; its clients are
// told what they see change. With an error, which names every fault, nothing was changed. Safe for
// concurrent use.
func (s *Server) SetViews(list []ViewOptions) (changed []string, err error) {
	s.upstreams.changing.Lock()
	defer s.upstreams.changing.Unlock()
	if err := checkViews(list, s.isUpstream); err != nil {
		return nil, err
	}
	changed = slices.Concat(s.dropViews(list), s.fitViews(list))
	slices.Sort(changed)
	return changed, nil
}

// checkViews returns every fault of a list of views, with which isUpstream tells what names are
// taken.
func checkViews(list []ViewOptions, isUpstream func(name string) bool) error {
	var faults []error
	wanted := map[string]bool{}
	for i := range list {
		if wanted[list[i].Name] {
			faults = append(faults, fmt.Errorf("cannot use two views named %q", list[i].Name))
		}
		wanted[list[i].Name] = true
		faults = append(faults, list[i].check(isUpstream))
	}
	return errors.Join(faults...)
}

// dropViews takes those away that are not in list, and returns their names. changing is held.
func (s *Server) dropViews(list []ViewOptions) (gone []string) {
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	for _, v := range slices.Clone(s.views.subsets) {
		named := func(o ViewOptions) bool { return o.Name == v.name }
		if !slices.ContainsFunc(list, named) {
			s.dropView(v)
			gone = append(gone, v.name)
		}
	}
	return gone
}

// fitViews opens those that are not there and changes those that differ, which checkViews has
// passed, and returns their names. changing is held.
func (s *Server) fitViews(list []ViewOptions) (changed []string) {
	defer s.recache()
	defer s.views.tell()
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	for _, opt := range list {
		switch v := s.subsetOf(opt.Name); {
		case v == nil:
			s.openView(opt)
		case !reflect.DeepEqual(*v.subset.opt.Load(), opt):
			s.refit(v, opt)
		default:
			continue
		}
		changed = append(changed, opt.Name)
	}
	return changed
}

// isUpstream tells whether an upstream has that name.
func (s *Server) isUpstream(name string) bool { return s.placeOf(name) != nil }

// subsetOf is the view of that name, unless it is an upstream's; nil when there is none. views.mu
// is held, here and below.
func (s *Server) subsetOf(name string) *view {
	if v := s.views.find([]byte(name)); v != nil && v.subset != nil {
		return v
	}
	return nil
}

// hasSubset takes views.mu and tells whether a view has that name that is no upstream's.
func (s *Server) hasSubset(name string) bool {
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	return s.subsetOf(name) != nil
}

// check reports every fault of the options.
func (o *ViewOptions) check(isUpstream func(name string) bool) error {
	err := o.validate()
	if isUpstream(o.Name) {
		taken := fmt.Errorf("cannot add view %q: an upstream has that name", o.Name)
		return errors.Join(err, taken)
	}
	return err
}

// openView serves a view.
func (s *Server) openView(opt ViewOptions) {
	v := s.fitView(opt)
	s.views.subsets = append(s.views.subsets, v)
	s.views.set(v.name, v)
	s.registerView(v)
}

// dropView serves it no longer.
func (s *Server) dropView(v *view) {
	s.views.subsets = slices.DeleteFunc(s.views.subsets, func(o *view) bool { return o == v })
	s.views.set(v.name, nil)
	s.closeView(v)
}

// fitView makes a view and fills it.
func (s *Server) fitView(opt ViewOptions) *view {
	v := &view{subset: newSubset(&opt)}
	info := mcp.Implementation{Name: opt.Name, Title: opt.Title, Version: s.opt.Version}
	v.make(s, opt.Name, about{
		info: implementation(info), instructions: opt.Instructions,
		abilities: abilities{tools: true, logging: true},
	})
	for _, p := range s.placesNow() {
		toolShelf.fill(v, p)
		resourceShelf.fill(v, p)
		templateShelf.fill(v, p)
		promptShelf.fill(v, p)
	}
	return v
}

// refit changes a view that is served.
func (s *Server) refit(v *view, opt ViewOptions) {
	next := s.fitView(opt)
	v.subset.opt.Store(&opt) // loops read it
	v.subset.owners, v.subset.rivals = next.subset.owners, next.subset.rivals
	v.waiting = next.waiting
	v.say(*next.about.Load())
	toolShelf.match(v, next)
	resourceShelf.match(v, next)
	templateShelf.match(v, next)
	promptShelf.match(v, next)
}

// implementation encodes a serverInfo.
func implementation(i mcp.Implementation) []byte {
	raw, err := json.Marshal(i)
	if err != nil {
		panic(fmt.Sprintf("BUG: cannot encode a server's name: %v", err))
	}
	return raw
}
