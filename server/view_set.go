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
	defer s.recache()
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	if s.subsetOf(opt.Name) != nil {
		return fmt.Errorf("cannot add view %q: there is one of that name", opt.Name)
	}
	if err := s.checkView(&opt); err != nil {
		return err
	}
	s.openView(opt)
	return nil
}

// RemoveView takes it away: streams of its clients end. Safe for concurrent use, also while the
// server serves.
func (s *Server) RemoveView(name string) error {
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
	defer s.recache()
	defer s.views.tell()
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	var faults []error
	wanted := map[string]bool{}
	for i := range list {
		if wanted[list[i].Name] {
			faults = append(faults, fmt.Errorf("cannot use two views named %q", list[i].Name))
		}
		wanted[list[i].Name] = true
		faults = append(faults, s.checkView(&list[i]))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	for _, v := range slices.Clone(s.views.subsets) {
		if !wanted[v.name] {
			s.dropView(v)
			changed = append(changed, v.name)
		}
	}
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
	slices.Sort(changed)
	return changed, nil
}

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

// checkView reports every fault of the options.
func (s *Server) checkView(opt *ViewOptions) error {
	err := opt.validate()
	if v := s.views.find([]byte(opt.Name)); v != nil && v.subset == nil {
		taken := fmt.Errorf("cannot add view %q: an upstream has that name", opt.Name)
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
