package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/mcploop/mcploop/bench/load"
)

// Plan says which servers are compared under which loads.
type Plan struct {
	Name      string `json:"name"`
	Reference string `json:"reference"` // the row that the others are divided by
	Rows      []Row  `json:"rows"`
	Cases     []Case `json:"cases"`
}

// Row is a server. In Command and Config {bin} is the directory of the binaries, {addr} the address
// the server is to listen on and {port} the port of that, {size} the mean reply size of the first
// row in the same case, {beside} the address of what runs beside it, {config} the file that holds
// Config.
type Row struct {
	Name      string   `json:"name"`
	Command   []string `json:"command"`
	Env       []string `json:"env,omitempty"` // NAME=value, added to ours
	Transport string   `json:"transport"`
	Era       string   `json:"era,omitempty"`
	Path      string   `json:"path,omitempty"`
	Tool      string   `json:"tool,omitempty"` // default echo
	Args      string   `json:"args,omitempty"` // its arguments, as Options.Args
	Cure      string   `json:"cure,omitempty"` // the command that installs the server
	// Beside is a server that this one needs, a gateway's upstream. It runs on the client's core
	// and listens on {addr}, which is {beside} in Command; its CPU time is not in the figures.
	Beside []string `json:"beside,omitempty"`
	// Config is the text of a file for the server.
	Config string `json:"config,omitempty"`
	// Procs is the server's GOMAXPROCS where that is what is compared: server and client then
	// share the cores of both. 0: one, on a core of its own.
	Procs int `json:"procs,omitempty"`
}

// Case is a load.
type Case struct {
	Name  string `json:"name"`
	Conns int    `json:"conns"`
	Depth int    `json:"depth"`
	Bytes int    `json:"bytes,omitempty"`
}

// Validate reports every fault of p.
func (p *Plan) Validate() error {
	var errs []error
	names := map[string]bool{}
	for _, r := range p.Rows {
		if names[r.Name] {
			errs = append(errs, fmt.Errorf("plan %q has two rows %q", p.Name, r.Name))
		}
		names[r.Name] = true
		if len(r.Command) == 0 {
			errs = append(errs, fmt.Errorf("row %q has no command", r.Name))
		}
		if !slices.Contains(load.Transports(), r.Transport) {
			errs = append(errs, fmt.Errorf("row %q has no transport like %q", r.Name, r.Transport))
		}
	}
	if !names[p.Reference] {
		errs = append(errs, fmt.Errorf("plan %q has no row %q to refer to", p.Name, p.Reference))
	}
	if len(p.Cases) == 0 {
		errs = append(errs, fmt.Errorf("plan %q has no case", p.Name))
	}
	return errors.Join(errs...)
}

// Only keeps the named rows (comma separated), and the reference.
func (p *Plan) Only(names string) error {
	if names == "" {
		return nil
	}
	wanted := strings.Split(names, ",")
	for _, name := range wanted {
		if !slices.ContainsFunc(p.Rows, func(r Row) bool { return r.Name == name }) {
			return fmt.Errorf("plan %q has no row %q", p.Name, name)
		}
	}
	p.Rows = slices.DeleteFunc(p.Rows, func(r Row) bool {
		return r.Name != p.Reference && !slices.Contains(wanted, r.Name)
	})
	return nil
}

// Read returns the built-in plan of that name, or reads the file.
func Read(name string) (Plan, error) {
	if p, ok := Builtin()[name]; ok {
		return p, nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		known := strings.Join(slices.Sorted(maps.Keys(Builtin())), ", ")
		return Plan{}, fmt.Errorf("cannot find plan %q: it is a file or one of %s: %w",
			name, known, err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var p Plan
	if err := d.Decode(&p); err != nil {
		return Plan{}, fmt.Errorf("cannot read plan %q: %w", name, err)
	}
	return p, nil
}
